"""``--diagnose``: the facts about a computer that a fault report needs, without private data.

The text holds no name of a person, computer, folder or network: of saved addresses, commands and paths it
only says that there are some, and of "Anna's headset" it leaves out the owner.
"""

from __future__ import annotations

import importlib.metadata
import locale
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from live import __version__
from live.errors import GenreLiveError, one_line
from live.option_table import options_of
from live.options import Options

NEEDED = (
    "numpy", "soundfile", "sounddevice", "soxr", "ai-edge-litert", "rich", "platformdirs", "shtab", "tomli-w",
)  # fmt: skip
OPTIONAL = (
    "plotly", "python-osc", "paho-mqtt", "pydub", "mutagen", "dask", "distributed", "fsspec", "pyarrow",
    "starlette", "uvicorn", "prometheus-client", "tensorflow", "librosa", "scikit-learn", "matplotlib",
)  # fmt: skip
OWNER = re.compile(r"^.*?(?=['’]s? )")
ANSWERS_WITHIN_S = 10.0


def diagnosis(*, loud: bool = False) -> str:
    """Return the facts as text, one per line.

    Parameters
    ----------
    loud : bool
        Whether the drivers may write to standard error.
    """
    parts: list[tuple[str, Callable[[], Iterator[str]]]] = [
        ("Versions", _versions),
        ("Decoders", _decoders),
        ("Microphones", lambda: _microphones(loud=loud)),
        ("Terminal", _terminal),
        ("Saved defaults", _settings),
        ("Model", _model),
    ]
    lines = []
    for title, facts in parts:
        lines.append(f"{title}:")
        try:
            lines += [f"  {one_line(fact)}" for fact in facts()]
        except Exception as error:  # the other facts are still useful
            reason = str(error) if isinstance(error, GenreLiveError) else type(error).__name__
            lines.append(f"  cannot be told: {one_line(_without_places(reason))}")
    return "\n".join(lines)


def _versions() -> Iterator[str]:
    yield f"genre-live {__version__}, Python {platform.python_version()} ({platform.python_implementation()})"
    yield f"{platform.system()} {platform.release()}, {platform.machine()}, {os.cpu_count()} processors"
    yield ", ".join(f"{name} {_version(name)}" for name in NEEDED)
    there = {name: _version(name) for name in OPTIONAL}
    yield (
        ", ".join(f"{name} {version}" for name, version in there.items() if version != "missing")
        or "no extras"
    )
    missing = [name for name, version in there.items() if version == "missing"]
    if missing:
        yield f"not installed: {', '.join(missing)}"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def _decoders() -> Iterator[str]:
    import soundfile

    from live.sources.decoders.ffmpeg import find_ffmpeg

    yield f"libsndfile {soundfile.__libsndfile_version__}"
    ffmpeg = find_ffmpeg()
    if ffmpeg is None:
        yield "no ffmpeg"
        return
    said = subprocess.run(  # noqa: S603 (the program that would decode)
        [ffmpeg, "-hide_banner", "-version"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=ANSWERS_WITHIN_S, check=False,
    )  # fmt: skip
    yield said.stdout.partition(" Copyright")[0] or f"ffmpeg that ends with {said.returncode}"


def _microphones(*, loud: bool) -> Iterator[str]:
    from live.sources.microphones.driver import list_devices

    devices = list_devices(loud=loud)
    if not devices:
        yield "none"
    for device in devices:
        default = ", the default" if device.is_default else ""
        yield (
            f"{device.index}: {OWNER.sub('…', device.name)} ({device.host_api}), "
            f"{device.channels} channels, {device.sample_rate} Hz{default}"
        )


def _terminal() -> Iterator[str]:
    where = "a terminal" if sys.stdout.isatty() else "no terminal"
    yield f"standard output is {where}, TERM={os.environ.get('TERM', '')}, {sys.stdout.encoding}"
    yield f"the system's encoding is {locale.getpreferredencoding(False)}"


def _settings() -> Iterator[str]:
    from live.settings import read_defaults, settings_path

    options = options_of(Options)
    saved = read_defaults(settings_path())
    for name, value in saved.items():
        shown = "…" if isinstance(value, str | Path | tuple) else value  # may hold names, places, passwords
        yield f"{options[name].flag} {shown}"
    if not saved:
        yield "none"


def _model() -> Iterator[str]:
    from live.bundle import find_bundle, read_description, shipped_models
    from live.settings import read_defaults, settings_path

    named = str(read_defaults(settings_path()).get("model", Options().model))
    description = read_description(find_bundle(named))
    shipped = "ships with the program" if named in shipped_models() else "from a folder"
    yield f"{description.name if named in shipped_models() else 'a model'}, {shipped}"
    for file, digest in sorted(description.sha256.items()):
        yield f"{file}: sha256 {digest}"


def _without_places(text: str) -> str:
    """Return the sentence without its paths."""
    return re.sub(r"(?:[A-Za-z]:)?[/\\][^\s,;:()]+", "…", text)
