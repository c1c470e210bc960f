"""The user's own defaults: saved by ``--save-defaults``, started from by every later run.

They are a flat TOML file of options by their long names, such as ``hop = 0.25``, in the place where the
platform keeps such files. What is read from it is checked as if it had been typed.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from live.arguments import MICROPHONE_OPTIONS, ArgumentError, build_parser, is_saveable
from live.errors import InputError

PATH_VARIABLE = "GENRE_LIVE_CONFIG"
HEADER = "# Written by genre-live --save-defaults.\n"

Options = dict[str, Any]


def settings_path() -> Path:
    """Give the settings file: what GENRE_LIVE_CONFIG names, else the platform's own place."""
    named = os.environ.get(PATH_VARIABLE)
    if named:
        return Path(named)
    import platformdirs

    return platformdirs.user_config_path("genre-live", appauthor=False) / "config.toml"


def _parse(words: Sequence[str]) -> tuple[Options, Options]:
    """Parse the words; gives what they say, without any default, and the program's own defaults."""
    parser = build_parser()
    built_in = vars(parser.parse_args([]))
    not_given = object()  # argparse leaves alone what the namespace holds already
    options = vars(parser.parse_args(words, argparse.Namespace(**dict.fromkeys(built_in, not_given))))
    return {name: value for name, value in options.items() if value is not not_given}, built_in


def _key(name: str) -> str:
    return name.replace("_", "-")


def _as_words(values: Mapping[str, Any]) -> list[str]:
    """Write settings as one would type them; raises ValueError for what cannot be typed."""
    words = []
    for key, value in values.items():
        if not is_saveable(key.replace("-", "_")) or "_" in key:
            raise ValueError(f"it holds {key!r}, which is no option that can be saved")
        if isinstance(value, bool):
            words += [f"--{key}"] if value else [f"--no-{key}"]
        elif isinstance(value, int | float | str):
            words.append(f"--{key}={value}")
        else:
            raise ValueError(f"its {key!r} is neither a text, a number, true nor false")
    return words


def read_defaults(path: Path) -> Options:
    """Read and check the settings file; no file holds nothing.

    Raises
    ------
    InputError
        When it cannot be read, is no TOML, or holds what is no option or no value of one.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InputError(_broken(path, str(error))) from None
    import tomllib

    try:
        return _parse(_as_words(tomllib.loads(text)))[0]
    except (ValueError, RecursionError) as error:
        raise InputError(_broken(path, str(error))) from None
    except ArgumentError as error:
        raise InputError(_broken(path, error.message)) from None


def _broken(path: Path, reason: str) -> str:
    return f"The settings file {path} is broken ({reason}): correct it, or start with --no-defaults."


def _values_to_save(options: Mapping[str, Any]) -> dict[str, Any]:
    """Give what differs from the program's own defaults, as TOML can hold it."""
    built_in = _parse([])[1]
    values: dict[str, Any] = {}
    for name, value in options.items():
        if value == built_in[name]:
            continue
        saved = value
        if name in {"log", "model"} and (name == "log" or Path(value).is_dir()):
            saved = str(Path(value).absolute())  # a later run may start elsewhere
        values[_key(name)] = saved
    return values


def _check_addresses(options: Mapping[str, Any]) -> None:
    """Refuse now what every later run would stumble over."""
    if options.get("osc") is not None:
        from live.outputs.open_sound_control import parse_address

        parse_address(options["osc"])
    if options.get("mqtt") is not None:
        from live.outputs.mqtt import parse_url

        parse_url(options["mqtt"])


def save_defaults(given: Mapping[str, Any], *, afresh: bool = False) -> str:
    """Add the options given to the settings file.

    Parameters
    ----------
    given : mapping
        What was typed; an option turned off by ``--no-NAME`` is removed from the file.
    afresh : bool
        Forget what the file held before.

    Returns
    -------
    str
        What was done, as a sentence.

    Raises
    ------
    InputError
        When one of them cannot be saved, or the file cannot be written.
    """
    chosen = {name: value for name, value in given.items() if not is_settings_option(name)}
    for name in chosen:
        if not is_saveable(name):
            raise InputError(f"--{_key(name)} cannot be a default: leave it out of --save-defaults.")
    _check_addresses(chosen)
    path = settings_path()
    before = {} if afresh else read_defaults(path)
    values = _values_to_save({**before, **chosen})
    import tomli_w

    partial = path.with_name(f"{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Others may not read it: the URL of a broker can hold a password.
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(HEADER.encode() + tomli_w.dumps(values).encode())
        partial.replace(path)
    except (OSError, ValueError) as error:
        raise InputError(
            f"The settings file {path} cannot be written ({error}): check its folder, or name another "
            f"in {PATH_VARIABLE}."
        ) from None
    return f"Saved to {path}: {', '.join(f'--{key}' for key in values) or 'nothing but the defaults'}."


def show_defaults() -> str:
    """Give what is saved, as TOML, with passwords left out."""
    path = settings_path()
    values = _values_to_save(read_defaults(path))
    import tomli_w

    if "mqtt" in values:
        from live.outputs.mqtt import without_password

        values["mqtt"] = without_password(values["mqtt"])
    return f"# {path}\n{tomli_w.dumps(values) or '# nothing is saved'}".rstrip()


def is_settings_option(name: str) -> bool:
    """Whether an option is about the settings themselves."""
    return name in {"save_defaults", "show_defaults", "no_defaults", "debug"}


def read_arguments(words: Sequence[str]) -> tuple[argparse.Namespace, Options]:
    """Read the command line over the user's defaults over the program's own.

    Returns
    -------
    arguments : argparse.Namespace
        Every option, whether typed, saved or built in.
    given : dict
        What was typed, and no more.

    Raises
    ------
    InputError
        When the command line or the settings file is wrong.
    """
    given, options = _parse(words)
    needs_none = {"no_defaults", "save_defaults", "show_defaults", "report"}
    if not any(given.get(name) for name in needs_none):
        saved = read_defaults(settings_path())
        if "file" in given:  # what is saved for microphones does not concern files
            saved = {name: value for name, value in saved.items() if name not in MICROPHONE_OPTIONS}
        options |= saved
    if (options | given).get("on_change") is None:  # nor does a saved cooldown, where no command is to run
        options["cooldown"] = None
    return argparse.Namespace(**options | given), given
