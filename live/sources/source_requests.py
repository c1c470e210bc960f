"""The requested sources, with names and settings, from the options or from a file of sources."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from live.errors import InputError
from live.events import SourceKind
from live.option_table import bounds_of
from live.options import Options
from live.sources.shown_address import shown_address
from live.sources.source import AudioSource, block_length_s

LARGEST_FILE = 1_000_000  # bytes, enough for thousands of sources
KEYS = ("name", "device", "file", "url", "channel", "gain", "model")
PLACES: dict[str, SourceKind] = {"device": "microphone", "file": "file", "url": "stream"}


@dataclass(frozen=True)
class SourceRequest:
    """One requested source.

    Attributes
    ----------
    kind : str
        ``file``, ``microphone`` or ``stream``.
    place : str or None
        The device, file or address; None for the system's default microphone.
    name : str or None
        The name that the user gave it; None for its own.
    channel : int or None
        Of a microphone, the only channel to use, from 1.
    gain_db : float or None
        Amplification of a microphone or station, in dB; None for that of ``--gain``.
    model : str or None
        Its own model; None for that of ``--model``.
    """

    kind: SourceKind
    place: str | None = None
    name: str | None = None
    channel: int | None = None
    gain_db: float | None = None
    model: str | None = None

    @property
    def shown_name(self) -> str:
        """Its name before it is open."""
        if self.kind == "stream":  # an address may hold a password
            return self.name or shown_address(self.place or "")
        return self.name or self.place or "the microphone"


def requests_of(options: Options) -> list[SourceRequest]:
    """Return the requested sources, those of the file of sources first.

    Raises
    ------
    InputError
        When the file of sources cannot be used.
    """
    requests = [] if options.sources is None else read_sources(options.sources)
    requests += [SourceRequest("microphone", device) for device in options.device]
    requests += [SourceRequest("file", path) for path in options.file]
    requests += [SourceRequest("stream", url) for url in options.url]
    return with_defaults(requests or [SourceRequest("microphone")], options)


def with_defaults(requests: Sequence[SourceRequest], options: Options) -> list[SourceRequest]:
    """Return the requests with the general options filled in where they have no own values."""
    return [_with_general(request, options) for request in requests]


def _with_general(request: SourceRequest, options: Options) -> SourceRequest:
    if request.kind == "microphone" and request.channel is None and options.channel is not None:
        request = replace(request, channel=options.channel)
    if request.kind != "file" and request.gain_db is None:
        request = replace(request, gain_db=options.gain)
    return request


def read_sources(path: Path) -> list[SourceRequest]:
    """Read a file of sources: TOML with a table ``[[source]]`` for each.

    Raises
    ------
    InputError
        When it cannot be read, or holds unknown keys or invalid values.
    """
    import tomllib

    try:
        if path.stat().st_size > LARGEST_FILE:
            raise InputError(f"{path} is not a list of sources: it is larger than {LARGEST_FILE} bytes.")
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(
            f"The sources {path} cannot be read ({error.strerror}): check the path of --sources."
        ) from None
    except (ValueError, RecursionError) as error:
        raise _broken(str(path), str(error)) from None
    tables = values.get("source")
    if set(values) != {"source"} or not isinstance(tables, list):
        raise _broken(str(path), "it holds something else than tables [[source]], or none")
    return [_beside(path, request) for request in requests_from(tables, str(path))]


def _beside(path: Path, request: SourceRequest) -> SourceRequest:
    """Return the request with the paths of its file and its model relative to the file of sources."""
    from live.bundle import shipped_models

    if request.kind == "file" and request.place not in (None, "-"):
        request = replace(request, place=str(path.parent / str(request.place)))
    if request.model is not None and request.model not in shipped_models():
        request = replace(request, model=str(path.parent / request.model))
    return request


def requests_from(tables: Sequence[Any], where: str) -> list[SourceRequest]:
    """Return the requests of a sequence of tables.

    Parameters
    ----------
    tables : sequence of dict
    where : str
        The file or argument that holds them, for error sentences.

    Raises
    ------
    InputError
        When there is none, or one holds unknown keys or invalid values.
    """
    if not tables:
        raise _broken(where, "there is none")
    requests = [_request_from(where, number, table) for number, table in enumerate(tables, 1)]
    names = [request.name for request in requests if request.name is not None]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise _broken(where, f"two of them have the name {min(twice)!r}")
    return requests


def _broken(where: str, reason: str) -> InputError:
    return InputError(
        f"The sources in {where} are wrong ({reason}): see docs/listening.md, and correct them."
    )


def _request_from(where: str, number: int, table: Any) -> SourceRequest:
    """Return the request of one table."""
    if not isinstance(table, dict):
        raise _broken(where, f"source {number} is not a table")
    strange = [key for key in table if key not in KEYS]
    if strange:
        raise _broken(where, f"source {number} holds {strange[0]!r}, which is none of {', '.join(KEYS)}")
    places = [place for place in PLACES if place in table]
    if len(places) != 1:
        raise _broken(where, f"source {number} wants one of {', '.join(PLACES)}")
    (place,) = places
    kind = PLACES[place]
    texts = {key: _text(where, number, key, table[key]) for key in (place, "name", "model") if key in table}
    if (kind != "microphone" and "channel" in table) or (kind == "file" and "gain" in table):
        raise _broken(where, f"channel and gain of source {number} are for a device")
    channel, gain = table.get("channel"), table.get("gain")
    if channel is not None and (not isinstance(channel, int) or isinstance(channel, bool) or channel < 1):
        raise _broken(where, f"the channel of source {number} is not a number from 1")
    bounds = bounds_of(Options, "gain")
    is_number = isinstance(gain, int | float) and not isinstance(gain, bool)
    if gain is not None and not (is_number and bounds.lowest <= gain <= bounds.highest):
        raise _broken(where, f"the gain of source {number} is not a number of decibels from -60 to 60")
    gain_db = None if gain is None else float(gain)
    return SourceRequest(kind, texts[place], texts.get("name"), channel, gain_db, texts.get("model"))


def _text(where: str, number: int, key: str, value: Any) -> str:
    """Return a value as text; a device may be a number, and a file a path."""
    if key == "device" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    text = str(value) if isinstance(value, str | Path) else ""
    if not text.strip():
        raise _broken(where, f"the {key} of source {number} is not a text")
    return text


def open_sources(
    request: SourceRequest,
    options: Options,
    on_wait: Callable[[str], None] | None = None,
    *,
    is_watched: bool = True,
) -> Sequence[AudioSource]:
    """Open a requested source; with ``--channels-apart``, one for each channel of a microphone.

    Parameters
    ----------
    request : SourceRequest
    options : Options
        The general options, such as ``--speed`` and ``--wait``.
    on_wait : callable, optional
        Called with a sentence that says what the program is waiting for.
    is_watched : bool
        Whether the level is shown, which needs shorter blocks.

    Raises
    ------
    InputError
        When the source cannot be opened.
    """
    block_s = block_length_s(options.hop, is_watched=is_watched)
    if request.kind == "file":
        from live.sources.files.audio_file import AudioFile

        return [
            AudioFile(
                request.place or "-",
                speed=options.speed,
                play=options.play,
                track=options.track,
                raw=options.raw,
                block_s=block_s,
                on_wait=on_wait,
            )
        ]
    if request.kind == "stream":
        from live.sources.stations.network_stream import NetworkStream

        return [
            NetworkStream(
                request.place or "",
                gain_db=request.gain_db or 0.0,
                give_up_s=options.give_up,
                wait=options.wait,
                on_wait=on_wait,
                loud=options.debug,
            )
        ]
    return _open_microphone(request, options, block_s, on_wait)


def _open_microphone(
    request: SourceRequest, options: Options, block_s: float, on_wait: Callable[[str], None] | None
) -> Sequence[AudioSource]:
    from live.sources.microphones.microphone import Microphone

    apart = options.channels_apart and request.channel is None
    microphone = Microphone(
        request.place,
        channel=request.channel,
        every_channel=apart,
        gain_db=request.gain_db or 0.0,
        give_up_s=options.give_up,
        wait=options.wait,
        block_s=block_s,
        on_wait=on_wait,
        loud=options.debug,
    )
    if not apart:
        return [microphone]
    from live.sources.microphones.channels_apart import channels_apart

    return channels_apart(microphone)
