"""Which microphones there are, and which one a user means."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from live.errors import InputError
from live.sources.devices import MissingDeviceError, distinct_names, find_device, input_devices
from live.sources.sound_server import SoundServerSource
from tests.live.fake_sounddevice import Device, FakeSoundDevice

Install = Callable[[FakeSoundDevice], FakeSoundDevice]

DEVICES = [
    Device("HDMI out", channels=0),
    Device("Built-in Microphone", channels=1, sample_rate=44_100.0),
    Device("USB Audio: Studio (hw:1,0)", channels=8, sample_rate=96_000.0, host_api=1),
    Device("USB Audio: Studio B (hw:2,0)", channels=2),
    Device("pulse", channels=32),
]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    def put(module: FakeSoundDevice) -> FakeSoundDevice:
        monkeypatch.setitem(sys.modules, "sounddevice", module)
        monkeypatch.setattr("live.sources.devices.sound_server_sources", list)
        return module

    return put


def test_input_devices_are_listed_with_all_there_is_to_know(install: Install) -> None:
    install(FakeSoundDevice(DEVICES, default=4))
    devices = input_devices()
    assert [device.index for device in devices] == [1, 2, 3, 4]
    studio = devices[1]
    assert (studio.name, studio.host_api, studio.channels, studio.sample_rate, studio.is_default) == (
        "USB Audio: Studio (hw:1,0)",
        "JACK",
        8,
        96_000,
        False,
    )
    assert [device.is_default for device in devices] == [False, False, False, True]


@pytest.mark.parametrize(
    ("selector", "index"),
    [
        (None, 4),
        ("1", 1),
        ("3", 3),
        ("pulse", 4),
        ("PULSE", 4),
        ("built-in", 1),
        ("hw:1,0", 2),
        ("Studio B", 3),
        ("USB Audio: Studio (hw:1,0)", 2),
    ],
)
def test_a_device_is_found_by_number_or_by_any_part_of_its_name(
    selector: str | None, index: int, install: Install
) -> None:
    install(FakeSoundDevice(DEVICES, default=4))
    assert find_device(selector).index == index


def test_a_name_that_fits_exactly_wins_over_one_that_holds_it(install: Install) -> None:
    install(FakeSoundDevice([Device("Line in 2"), Device("Line in"), Device("Line in 3")]))
    assert find_device("line in").index == 1


def test_a_name_that_is_a_number_can_still_be_written_out(install: Install) -> None:
    install(FakeSoundDevice([Device("Scarlett 2i2"), Device("Scarlett 18i20")]))
    assert find_device("18i20").index == 1


@pytest.mark.parametrize("selector", ["0", "5", "99", "no such device"])
def test_a_device_that_is_not_there_is_refused_with_the_way_to_see_them(
    selector: str, install: Install
) -> None:
    install(FakeSoundDevice(DEVICES, default=4))
    with pytest.raises(InputError, match="--list-devices"):
        find_device(selector)


@pytest.mark.parametrize("selector", ["studio", "usb", "hw:"])
def test_a_name_that_fits_several_is_refused_with_their_names(selector: str, install: Install) -> None:
    install(FakeSoundDevice(DEVICES, default=4))
    with pytest.raises(InputError, match=r"2 'USB Audio: Studio .*3 'USB Audio: Studio B"):
        find_device(selector)


ON_WINDOWS = [
    Device("Microphone (USB Audio Device with a long name)", host_api=2),
    Device("Microphone (USB Audio Device with a long name)", host_api=3),
    Device("Microphone (USB Audio Device wi", host_api=4),
]


@pytest.mark.parametrize(
    ("selector", "index"),
    [
        ("USB Audio", 1),
        ("Microphone (USB Audio Device with a long name)", 1),
        ("usb audio, wdm", 0),
        ("USB Audio, MME", 2),
        ("Microphone (USB Audio Device with a long name), Windows WDM-KS", 0),
        ("0", 0),
    ],
)
def test_one_microphone_under_several_host_apis_is_chosen_by_name(
    selector: str, index: int, install: Install
) -> None:
    install(FakeSoundDevice(ON_WINDOWS))
    assert find_device(selector).index == index


def test_two_microphones_of_one_name_are_two_all_the_same(install: Install) -> None:
    install(FakeSoundDevice([*ON_WINDOWS, Device(ON_WINDOWS[1].name, host_api=3)]))
    with pytest.raises(InputError, match="matches several"):
        find_device("USB Audio")
    assert find_device("USB Audio, MME").index == 2


def _source(name: str, description: str, *, monitors: str = "", default: bool = False) -> SoundServerSource:
    return SoundServerSource(name, description, 2, 48_000, bool(monitors), default, (1, 2))


SOURCES = [
    _source("alsa_input.pci-0.analog", "Built-in Audio Analog Stereo"),
    _source("alsa_input.usb-7.mono", "Blue Yeti Mono"),
    _source("alsa_output.usb-9.monitor", "Monitor of USB Speakers", monitors="usb"),
    _source("alsa_output.pci-0.monitor", "Monitor of Built-in Audio", monitors="pci", default=True),
]


@pytest.mark.parametrize(
    ("selector", "index"),
    [
        ("monitor", 8),  # what the default output plays
        ("Monitor of USB Speakers", 7),
        ("usb speakers", 7),  # the only one of the name
        ("yeti", 6),
        ("alsa_input.usb-7.mono", 6),
        ("7", 7),
        ("built-in", 1),  # PortAudio's own comes first
        ("built-in audio", 5),  # its monitor has the name too, and is not meant
        ("built-in, pulseaudio", 5),
        ("pulse", 4),
    ],
)
def test_a_source_of_the_sound_server_is_chosen_by_its_own_name(
    selector: str, index: int, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(FakeSoundDevice(DEVICES, default=4))
    monkeypatch.setattr("live.sources.devices.sound_server_sources", lambda: SOURCES)
    assert find_device(selector).index == index


def test_sources_of_one_description_are_told_apart_by_their_names(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    twins = [_source("alsa_input.usb-1.mono", "USB Mono"), _source("alsa_input.usb-2.mono", "USB Mono")]
    install(FakeSoundDevice(DEVICES, default=4))
    monkeypatch.setattr("live.sources.devices.sound_server_sources", lambda: [*twins, SOURCES[1]])
    with pytest.raises(InputError, match=r"'USB Mono \(alsa_input.usb-1.mono\)', .*usb-2"):
        find_device("usb mono")
    found = find_device("usb-2")
    assert found.source == twins[1]
    assert distinct_names([found]) == ["USB Mono"]


def test_what_is_played_needs_a_sound_server(install: Install) -> None:
    install(FakeSoundDevice(DEVICES))
    with pytest.raises(MissingDeviceError, match="monitor"):
        find_device("monitor")


def test_without_a_default_the_first_there_is_is_taken(install: Install) -> None:
    install(FakeSoundDevice(DEVICES[1:], default=-1))
    assert find_device(None).name == "Built-in Microphone"


def test_no_device_at_all_is_refused(install: Install) -> None:
    for devices in ([], DEVICES[:1]):
        install(FakeSoundDevice(devices))
        with pytest.raises(InputError, match="no microphone"):
            find_device(None)


def test_a_system_without_port_audio_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    class Missing:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    with pytest.raises(InputError, match="PortAudio") as raised:
        input_devices()
    assert str(raised.value).endswith(".")


def test_port_audio_that_fails_is_named(install: Install) -> None:
    module = install(FakeSoundDevice(DEVICES))

    def fail() -> None:
        raise module.PortAudioError("Internal PortAudio error")

    module.on_refresh = fail
    with pytest.raises(InputError, match="Internal PortAudio error"):
        input_devices(refresh=True)
