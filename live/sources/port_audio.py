"""Import of PortAudio, through which microphones are captured and sound is played.

It is imported only when it is needed, because on Linux it is a library of the system, and a computer without
it can still listen to files.
"""

from __future__ import annotations

import sys
from typing import Any

from live.errors import InputError


def port_audio(who: str = "Microphones need") -> Any:
    """Import sounddevice and return it.

    Parameters
    ----------
    who : str
        What needs it; the error sentence begins with this.

    Raises
    ------
    InputError
        When PortAudio's library is not installed or does not start.
    """
    try:
        import sounddevice
    except OSError:
        ways = {"linux": "sudo apt-get install libportaudio2", "darwin": "brew install portaudio"}
        way = ways.get(sys.platform, "pip install --force-reinstall sounddevice")
        raise InputError(f"{who} the PortAudio library, which is not installed: try `{way}`.") from None
    except Exception as error:  # the class of PortAudio's error is in the module that failed to load
        raise InputError(f"PortAudio does not start ({error}): check the system's sound set-up.") from None
    return sounddevice
