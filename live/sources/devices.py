"""The microphones of this computer, and the selection of one by name.

These functions call drivers, which may hang or crash. So they run in a capture process (``capture_process``),
never in the main process.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from live.errors import InputError
from live.sources.port_audio import port_audio
from live.sources.sound_server import SOUND_SERVER, SoundServerSource, sound_server_sources

WHAT_IS_PLAYED = "monitor"
"""The name, as ``--device``, of what this computer plays."""

PREFERRED_APIS = ("Windows WASAPI", "Windows DirectSound", "MME", "Windows WDM-KS")
"""Which of several host APIs is taken where a microphone stands once under each, best first."""

ALSA_SOUND_SERVERS = frozenset({"default", "pulse", "pipewire"})
"""Names of ALSA's devices that pass on what a sound server records."""

SHORTEST_CUT_NAME = 31
"""MME tells no more than so many characters of a name."""

PORT_AUDIO_HAS_SOUND_SERVER = "PulseAudio"  # a host API of newer builds, which lists the same sources


class MissingDeviceError(InputError):
    """A device is not connected; unlike other errors, this may change without the user's help."""


@dataclass(frozen=True)
class InputDevice:
    """A device from which sound can be captured.

    Attributes
    ----------
    index : int
        PortAudio's number of it; sources of the sound server have numbers above those. Numbers change when
        devices are connected or removed.
    name, host_api : str
    channels : int
        Its largest number of channels.
    sample_rate : int
        Its native rate, in Hz.
    is_default : bool
        Whether it is the system's default input.
    source : SoundServerSource or None
        The source of the sound server, if it is captured without PortAudio.
    """

    index: int
    name: str
    host_api: str
    channels: int
    sample_rate: int
    is_default: bool
    source: SoundServerSource | None = None

    def matches(self, wanted: str) -> bool:
        """Return whether its name, or its name and host API, equal this, ignoring case."""
        return wanted in {name.casefold() for name in self._names()}

    def contains(self, wanted: str) -> bool:
        """Return whether this is a part of its name, or of its name, a comma and its host API."""
        if any(wanted in name.casefold() for name in self._names()):
            return True
        name, comma, api = wanted.rpartition(",")
        return bool(comma and api.strip()) and name.strip() in self.name.casefold() and (
            api.strip() in self.host_api.casefold()
        )  # fmt: skip

    def _names(self) -> tuple[str, ...]:
        names = (self.name, f"{self.name}, {self.host_api}")
        return names if self.source is None else (*names, self.source.name)


def distinct_names(devices: Sequence[InputDevice]) -> list[str]:
    """Return the devices' names; where several have the same, with the name of the sound server's source."""
    count = Counter((device.name, device.host_api) for device in devices)
    return [
        f"{device.name} ({device.source.name})"
        if device.source is not None and count[device.name, device.host_api] > 1
        else device.name
        for device in devices
    ]


def input_devices(*, refresh: bool = False) -> list[InputDevice]:
    """Return the input devices of PortAudio.

    Parameters
    ----------
    refresh : bool
        Whether to search for devices again; no stream may be open then.

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


def sources_after(devices: Sequence[InputDevice]) -> list[InputDevice]:
    """Return the sources of PulseAudio or PipeWire by their own names, numbered after PortAudio's devices.

    The list is empty if there is no such server, or if PortAudio itself lists its sources.
    """
    if any(device.host_api == PORT_AUDIO_HAS_SOUND_SERVER for device in devices):
        return []
    first = 1 + max((device.index for device in devices), default=-1)
    return [
        InputDevice(
            index=first + position,
            name=source.description,
            host_api=SOUND_SERVER,
            channels=source.channels,
            sample_rate=source.sample_rate,
            is_default=False,
            source=source,
        )
        for position, source in enumerate(sound_server_sources())
    ]


def all_devices() -> list[InputDevice]:
    """Return PortAudio's input devices, followed by the sources of the sound server.

    Raises
    ------
    InputError
        When there is no PortAudio.
    """
    devices = input_devices()
    return devices + sources_after(devices)


def find_device(selector: str | None, *, refresh: bool = False) -> InputDevice:
    """Return the device that ``--device`` names.

    Parameters
    ----------
    selector : str or None
        A number; any part of a name that matches only one device (an exact match has precedence, and the
        host API may follow after a comma); or ``monitor`` for the sound that this computer plays. None is
        the system's default input.
    refresh : bool
        Whether to search for devices again.

    Raises
    ------
    MissingDeviceError
        When no device matches.
    InputError
        When several devices match, or the selector is invalid.
    """
    devices = input_devices(refresh=refresh)
    if selector is None:
        return _default_of(devices)
    wanted = selector.strip().casefold()
    if not wanted:
        raise InputError("--device is empty: give a number or part of a name, see genre-live --list-devices.")
    by_port_audio = None if wanted == WHAT_IS_PLAYED else _chosen(selector, wanted, devices, only_exact=True)
    if by_port_audio is not None:
        return by_port_audio
    sources = sources_after(devices)
    if not devices and not sources:
        raise MissingDeviceError("There is no microphone: plug one in, or listen to a file with --file PATH.")
    found = (
        (_played(sources) if wanted == WHAT_IS_PLAYED else None)
        or _chosen(selector, wanted, sources, only_exact=True)
        or _chosen(selector, wanted, devices)
        # The monitor of an output of the same device contains its name as well, but is rarely meant.
        or _chosen(selector, wanted, [device for device in sources if not _is_monitor(device)])
        or _chosen(selector, wanted, sources)
    )
    if found is not None:
        return found
    if selector.isdecimal():
        raise MissingDeviceError(f"No input device has the number {selector}: see genre-live --list-devices.")
    raise MissingDeviceError(f"No input device has {selector!r} in its name: see genre-live --list-devices.")


def find_again(device: InputDevice, *, refresh: bool = True) -> InputDevice | None:
    """Return a device that was open before, found by its name; None if it is not connected now.

    Raises
    ------
    InputError
        When the devices cannot be listed.
    """
    devices = input_devices(refresh=refresh)
    if device.source is not None:
        sources = sources_after(devices)
        return next((one for one in sources if one.source and one.source.name == device.source.name), None)
    same_name = [one for one in devices if one.name == device.name]
    same_api = [one for one in same_name if one.host_api == device.host_api]
    return next(iter(same_api or same_name), None)


def _default_of(devices: Sequence[InputDevice]) -> InputDevice:
    if not devices:
        raise MissingDeviceError("There is no microphone: plug one in, or listen to a file with --file PATH.")
    return next((device for device in devices if device.is_default), devices[0])


def with_own_channels(device: InputDevice) -> InputDevice:
    """Return the default source of the sound server for a device of ALSA that stands for it; else the device.

    ALSA's has any number of channels, into which the server mixes those of the source.
    """
    if device.host_api != "ALSA" or device.name not in ALSA_SOUND_SERVERS:
        return device
    sources = sources_after(input_devices())
    return next((one for one in sources if one.source is not None and one.source.is_default), device)


def _is_monitor(device: InputDevice) -> bool:
    return device.source is not None and device.source.is_monitor


def _played(sources: Sequence[InputDevice]) -> InputDevice | None:
    """Return the monitor of the default output, or else the only monitor."""
    monitors = [device for device in sources if _is_monitor(device)]
    for device in monitors:
        if device.source is not None and device.source.is_of_default_output:
            return device
    return monitors[0] if len(monitors) == 1 else None


def _chosen(
    selector: str, wanted: str, devices: Sequence[InputDevice], *, only_exact: bool = False
) -> InputDevice | None:
    """Return the device of a number or name; None if none matches.

    Raises
    ------
    InputError
        When several match that are not the same microphone.
    """
    if selector.isdecimal():
        return next((device for device in devices if device.index == int(selector)), None)
    fitting = [device for device in devices if device.matches(wanted)]
    if not fitting and not only_exact:
        fitting = [device for device in devices if device.contains(wanted)]
    if len(fitting) > 1 and _is_one_microphone(fitting):
        return min(fitting, key=_preference)
    if len(fitting) > 1:
        shown = zip(fitting, distinct_names(fitting), strict=True)
        names = ", ".join(f"{device.index} {name!r}" for device, name in shown)
        raise InputError(
            f"{selector!r} matches several input devices ({names}): give more of the name, "
            "the host API after a comma, or the number."
        )
    return fitting[0] if fitting else None


def _is_one_microphone(devices: Sequence[InputDevice]) -> bool:
    """Return whether these are one microphone under several host APIs, some of which truncate its name."""
    if len({device.host_api for device in devices}) < len(devices):
        return False
    longest = max((device.name for device in devices), key=len)
    return all(
        device.name == longest or (len(device.name) >= SHORTEST_CUT_NAME and longest.startswith(device.name))
        for device in devices
    )


def _preference(device: InputDevice) -> int:
    apis = PREFERRED_APIS
    return apis.index(device.host_api) if device.host_api in apis else len(apis)
