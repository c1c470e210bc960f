"""The microphones of this machine, through PortAudio.

PortAudio is imported only here and in ``microphone``, and only when a microphone is asked for: on
Linux its library is the system's, and a machine without it can still listen to files.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from live.errors import InputError


class MissingDeviceError(InputError):
    """A device that is not there now; it may come, as no other fault mends itself."""


@dataclass(frozen=True)
class InputDevice:
    """A device that sound can be captured from.

    Attributes
    ----------
    index : int
        PortAudio's number of it; numbers move when devices come and go.
    name, host_api : str
    channels : int
        The most it captures.
    sample_rate : int
        Its own, in Hz.
    is_default : bool
        Whether it is the system's default input.
    """

    index: int
    name: str
    host_api: str
    channels: int
    sample_rate: int
    is_default: bool


def port_audio(who: str = "Microphones need") -> Any:
    """Import sounddevice.

    Parameters
    ----------
    who : str
        What cannot do without it, to begin a sentence with.

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
    except Exception as error:  # PortAudio's own errors at start-up are of a class inside the module
        raise InputError(f"PortAudio does not start ({error}): check the system's sound set-up.") from None
    return sounddevice


def input_devices(*, refresh: bool = False) -> list[InputDevice]:
    """List the devices that sound can be captured from.

    Parameters
    ----------
    refresh : bool
        Whether to look for devices anew; no stream may be open then.

    Raises
    ------
    InputError
        When there is no PortAudio.
    """
    sounddevice = port_audio()
    try:
        if refresh:
            sounddevice._terminate()
            sounddevice._initialize()
        host_apis = [api["name"] for api in sounddevice.query_hostapis()]
        default = sounddevice.default.device[0]
        if default < 0:
            default = next(
                (api["default_input_device"] for api in sounddevice.query_hostapis()
                 if api["default_input_device"] >= 0), -1
            )  # fmt: skip
        entries = list(sounddevice.query_devices())
    except sounddevice.PortAudioError as error:
        raise InputError(f"PortAudio cannot list the devices ({error}): check the sound set-up.") from None
    return [
        InputDevice(
            index=index,
            name=str(entry["name"]),
            host_api=host_apis[entry["hostapi"]],
            channels=int(entry["max_input_channels"]),
            sample_rate=int(entry["default_samplerate"]),
            is_default=index == default,
        )
        for index, entry in enumerate(entries)
        if entry["max_input_channels"] > 0
    ]


def find_device(selector: str | None, *, refresh: bool = False) -> InputDevice:
    """Find the device that ``--device`` names.

    Parameters
    ----------
    selector : str or None
        PortAudio's number, or any part of the name that fits one device alone (a name that fits
        exactly wins); None is the system's default input.

    Raises
    ------
    MissingDeviceError
        When no device fits.
    InputError
        When more than one fits, or nothing can.
    """
    devices = input_devices(refresh=refresh)
    if not devices:
        raise MissingDeviceError("There is no microphone: plug one in, or listen to a file with --file PATH.")
    if selector is None:
        for device in devices:
            if device.is_default:
                return device
        return devices[0]
    if selector.isdecimal():
        for device in devices:
            if device.index == int(selector):
                return device
        raise MissingDeviceError(f"No input device has the number {selector}: see genre-live --list-devices.")
    wanted = selector.strip().casefold()
    if not wanted:
        raise InputError("--device is empty: give a number or part of a name, see genre-live --list-devices.")
    exact = [device for device in devices if device.name.casefold() == wanted]
    fitting = exact or [device for device in devices if wanted in device.name.casefold()]
    if not fitting:
        raise MissingDeviceError(
            f"No input device has {selector!r} in its name: see genre-live --list-devices."
        )
    if len(fitting) > 1:
        names = ", ".join(f"{device.index} {device.name!r}" for device in fitting)
        raise InputError(
            f"{selector!r} fits several input devices ({names}): give more of the name, or the number."
        )
    return fitting[0]
