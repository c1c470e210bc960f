"""The options of genre-live, in one table for the command, the settings file and the Python interface."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from live.errors import InputError
from live.events import SourceKind
from live.option_table import Needs, Number, Option, check_needs, enumerate_words, misplaced, option

SOURCE, LISTENING, MICROPHONES = "sources", "listening", "microphones and stations"
OUTPUT, KEEPING, CONNECTIONS = "output", "clips of the sound", "other programs"
WEB = "web page"
INSTEAD, SETTINGS = "instead of listening", "settings"
FILES: tuple[SourceKind, ...] = ("file",)
CAPTURES: tuple[SourceKind, ...] = ("microphone",)
STREAMS: tuple[SourceKind, ...] = ("stream",)
PASSING: tuple[SourceKind, ...] = ("microphone", "stream")
HOW_TO_GIVE = {
    "file": ("files", "one with --file"),
    "microphone": ("microphones", "one with --device"),
    "stream": ("stations", "one with --url"),
}


SOURCE_OPTIONS = ("device", "file", "url", "sources")
"""The options that name sources."""


@dataclass(frozen=True)
class Options:
    """The options of one run; each field is an option."""

    device: tuple[str, ...] = option(
        (), "a microphone, by number or part of its name (default: the system's); repeat it for several",
        group=SOURCE, metavar="ID|NAME", repeated=True, only_for=CAPTURES,
    )  # fmt: skip
    file: tuple[str, ...] = option(
        (), "an audio file, or - for a WAV stream on standard input; repeat it for several",
        group=SOURCE, metavar="PATH", repeated=True, only_for=FILES, path="file", saved="refused",
    )  # fmt: skip
    url: tuple[str, ...] = option(
        (), "a network station: Icecast, HLS, RTSP, or a playlist that names one; repeat it for several",
        group=SOURCE, metavar="URL", repeated=True, only_for=STREAMS, saved="refused",
    )  # fmt: skip
    sources: Path | None = option(
        None, "a TOML file of sources, each with its own name and options",
        group=SOURCE, metavar="FILE.toml", read=Path, path="file",
    )  # fmt: skip
    channels_apart: bool = option(
        False,
        "treat each channel of a microphone as a separate source",
        group=MICROPHONES,
        only_for=CAPTURES,
    )
    track: int | None = option(
        None, "the audio track of a file, counted from 1 (default: the first)",
        group=LISTENING, metavar="N", read=Number(1, 1_000, whole=True), only_for=FILES, saved="refused",
    )  # fmt: skip
    raw: str | None = option(
        None, "samples without a header: FORMAT:RATE:CHANNELS, such as s16le:44100:2",
        group=LISTENING, metavar="FORMAT", only_for=FILES, saved="refused",
    )  # fmt: skip
    list_devices: bool = option(False, "list the microphones and exit", group=SOURCE, saved="refused")
    play: bool = option(
        False, "also play the file through the speakers", group=LISTENING, only_for=FILES, saved="refused"
    )
    model: str = option(
        "genre-lstm", "a shipped model or a folder made by genre-train",
        group=LISTENING, metavar="NAME|DIR", path="folder",
    )  # fmt: skip
    speed: float | None = option(
        1.0, "speed of a file, in times real time (default {default})",
        group=LISTENING, metavar="X|max", only_for=FILES, saved="refused",
        read=Number(0.01, 10_000, "times real time", words={"max": None}),
    )  # fmt: skip
    hop: float = option(
        0.5, "time from one verdict to the next (default {default})",
        group=LISTENING, metavar="SECONDS", read=Number(0.05, 60, "seconds"),
    )  # fmt: skip
    smooth: float = option(
        10.0, "smoothing time of the vote: longer is steadier (default {default})",
        group=LISTENING, metavar="SECONDS", read=Number(0.1, 3_600, "seconds"),
    )  # fmt: skip
    duration: float | None = option(
        None, "end after this much sound",
        group=LISTENING, metavar="SECONDS", read=Number(0.5, 1e9, "seconds"),
    )  # fmt: skip
    channel: int | None = option(
        None, "use only this channel, counted from 1",
        group=MICROPHONES, metavar="N", read=int, only_for=CAPTURES,
    )  # fmt: skip
    gain: float = option(
        0.0, "amplify the sound",
        group=MICROPHONES, metavar="DB", read=Number(-60, 60, "decibels"), only_for=PASSING,
    )  # fmt: skip
    wait: bool = option(
        False, "wait for a microphone or station that is missing", group=MICROPHONES, only_for=PASSING
    )
    give_up: float | None = option(
        None, "fail if a lost source does not come back in time (default: wait for ever)",
        group=MICROPHONES, metavar="SECONDS", read=Number(0, 1e9, "seconds"), only_for=PASSING,
    )  # fmt: skip
    json: bool = option(False, "write each event as a line of JSON", group=OUTPUT)
    log: Path | None = option(
        None, "append the session to a file: JSON lines, or a table if it ends in .csv",
        group=OUTPUT, metavar="FILE", read=Path, path="file",
    )  # fmt: skip
    keep: Path | None = option(
        None, "save clips of the sound when the verdict changes, is unsure for long, or is corrected",
        group=KEEPING, metavar="DIR", read=Path, path="folder",
    )  # fmt: skip
    keep_seconds: float = option(
        10.0, "length of a clip (default {default})",
        group=KEEPING, metavar="SECONDS", read=Number(3, 60, "seconds"), needs=Needs(("keep",), "a folder"),
    )  # fmt: skip
    keep_format: str = option(
        "flac", "flac (default), or ogg or mp3, which need the extra keep and ffmpeg",
        group=KEEPING, metavar="FORMAT", choices=("flac", "ogg", "mp3"), needs=Needs(("keep",), "a folder"),
    )  # fmt: skip
    keep_clips: int = option(
        1_000, "largest number of clips in the folder; corrections may exceed it (default {default})",
        group=KEEPING, metavar="N", read=Number(1, 1_000_000, "clips", whole=True),
        needs=Needs(("keep",), "a folder"),
    )  # fmt: skip
    keep_megabytes: float = option(
        1_000.0, "largest total size of the clips; corrections may exceed it (default {default})",
        group=KEEPING, metavar="MB", read=Number(1, 1e6, "megabytes"), needs=Needs(("keep",), "a folder"),
    )  # fmt: skip
    debug: bool = option(False, "show tracebacks and messages of libraries", group=OUTPUT, saved="ignored")
    on_change: str | None = option(
        None, "run a shell command when the verdict changes, which is in the environment variables "
        "GENRE_LIVE_STATE, GENRE_LIVE_GENRE and GENRE_LIVE_CONFIDENCE",
        group=CONNECTIONS, metavar="COMMAND",
    )  # fmt: skip
    cooldown: float | None = option(
        None, "shortest time from one such run to the next (default 0)",
        group=CONNECTIONS, metavar="SECONDS", read=Number(0, 1e6, "seconds"),
        needs=Needs(("on_change",), "a command"),
    )  # fmt: skip
    osc: str | None = option(
        None, "send verdict and distribution as OSC messages", group=CONNECTIONS, metavar="HOST:PORT"
    )
    mqtt: str | None = option(
        None, "publish the verdict on an MQTT broker: mqtt://user:password@host/prefix",
        group=CONNECTIONS, metavar="URL",
    )  # fmt: skip
    only: str | None = option(
        None, "send only these genres to other programs, separated by commas",
        group=CONNECTIONS, metavar="GENRE[,GENRE]", needs=Needs(("on_change", "osc", "mqtt"), "one of them"),
    )  # fmt: skip
    min_confidence: float = option(
        0.0, "send a genre to other programs only with at least this confidence, 0 to 1",
        group=CONNECTIONS, metavar="P", read=Number(0, 1),
        needs=Needs(("on_change", "osc", "mqtt"), "one of them"),
    )  # fmt: skip
    web: str | None = option(
        None, "serve a page with the verdict, an overlay for streams, events and metrics",
        group=WEB, metavar="[HOST:]PORT",
    )  # fmt: skip
    web_token: str | None = option(
        None, "a token that others need to see the page; better set it as GENRE_LIVE_WEB_TOKEN",
        group=WEB, metavar="TOKEN", excludes="web access", environment="GENRE_LIVE_WEB_TOKEN",
        needs=Needs(("web",), "an address"),
    )  # fmt: skip
    web_open: bool = option(
        False, "let everybody see the page who can reach its host", group=WEB, excludes="web access",
        needs=Needs(("web",), "an address"),
    )  # fmt: skip
    report: Path | None = option(
        None, "make an HTML page from a log and exit",
        group=INSTEAD, metavar="SESSION.jsonl", read=Path, path="file", saved="refused",
        without_settings=True,
    )  # fmt: skip
    output: Path | None = option(
        None, "the file of the page (default: beside the log, as .html)",
        group=INSTEAD, metavar="FILE", read=Path, letter="-o", path="file", saved="refused",
        needs=Needs(("report",), "a log"),
    )  # fmt: skip
    diagnose: bool = option(
        False, "print the facts for a fault report (versions, devices, decoders, settings) and exit",
        group=INSTEAD, saved="ignored", without_settings=True,
    )  # fmt: skip
    save_defaults: bool = option(
        False, "save the other options as your defaults and exit",
        group=SETTINGS, saved="ignored", without_settings=True,
    )  # fmt: skip
    show_defaults: bool = option(
        False, "print your defaults and exit", group=SETTINGS, saved="ignored", without_settings=True
    )
    no_defaults: bool = option(
        False, "ignore your defaults; --no-NAME does so for one option",
        group=SETTINGS, saved="ignored", without_settings=True,
    )  # fmt: skip

    @property
    def source_kinds(self) -> tuple[SourceKind, ...]:
        """The kinds of the named sources; a file of sources may hold any kind."""
        named: dict[SourceKind, bool] = {
            "microphone": bool(self.device), "file": bool(self.file), "stream": bool(self.url),
        }  # fmt: skip
        kinds = tuple(kind for kind, is_named in named.items() if is_named)
        if self.sources is not None:
            return tuple(named)
        return kinds or ("microphone",)


DEFAULTS = Options()
"""The built-in defaults."""


def _kinds_for(option: Option) -> str:
    """Return in words the kinds of source to which an option applies."""
    return enumerate_words(HOW_TO_GIVE[kind][0] for kind in option.only_for)


def check_together(options: Options) -> None:
    """Check that the options can be used together.

    Raises
    ------
    InputError
        When they cannot; the sentence names them and says what to do.
    """
    check_needs(options)
    kinds = options.source_kinds
    wrong = misplaced(options, *kinds)
    if wrong and "microphone" not in kinds:
        flags = enumerate_words(option.flag for option in wrong)
        are, them = ("is", "it") if len(wrong) == 1 else ("are", "them")
        raise InputError(f"{flags} {are} for {_kinds_for(wrong[0])}: leave {them} out.")
    if wrong:
        one = HOW_TO_GIVE[wrong[0].only_for[0]][1]
        raise InputError(f"{wrong[0].flag} is for {_kinds_for(wrong[0])}: give {one}, or leave it out.")
    if options.play and options.speed != 1.0:
        raise InputError("--play is for a file at its own pace: leave out --speed.")
    if options.play and (options.device or options.sources is not None or len(options.file) > 1):
        raise InputError("--play is for one file alone: leave out the other sources.")
    if options.raw is not None and options.track is not None:
        raise InputError("--track is for a file with a header: leave it out with --raw.")
    if options.file.count("-") > 1:
        raise InputError("There is one standard input: give --file - once.")
    if options.channel is not None and options.channels_apart:
        raise InputError("--channel and --channels-apart contradict each other: leave one out.")
