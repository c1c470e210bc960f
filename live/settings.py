"""The user's own defaults: saved by ``--save-defaults``, started from by every later run.

They are a flat TOML file of options by their long names, such as ``hop = 0.25``, in the place where the
platform keeps such files. What is read from it is checked as if it had been typed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from live.argument_parser import ArgumentError, given_options
from live.arguments import build_parser
from live.errors import InputError, say
from live.option_table import Option, options_of
from live.options import DEFAULTS, SOURCE_OPTIONS, Options

PATH_VARIABLE = "GENRE_LIVE_CONFIG"
HEADER = "# Written by genre-live --save-defaults.\n"

Given = dict[str, Any]
"""Values of some of the options, by the names of their fields."""

OPTIONS = options_of(Options)


class UnreachableSettingsError(InputError):
    """The settings file may be there, and cannot be looked at."""


def settings_path() -> Path | None:
    """Return the settings file: what GENRE_LIVE_CONFIG names, else the platform's own place.

    Returns
    -------
    Path or None
        None where the user has no such place, as in a container without a home.
    """
    named = os.environ.get(PATH_VARIABLE)
    if named:
        return Path(named)
    import platformdirs

    try:
        return platformdirs.user_config_path("genre-live", appauthor=False) / "config.toml"
    except RuntimeError:
        return None


def _as_words(values: Mapping[str, Any]) -> list[str]:
    """Return settings as words of a command line; raises ValueError for what cannot be typed."""
    words = []
    for key, value in values.items():
        option = OPTIONS.get(key.replace("-", "_"))
        if option is None or option.saved != "kept" or "_" in key:
            raise ValueError(f"it holds {key!r}, which is no option that can be saved")
        if isinstance(value, bool):
            words += [f"--{key}"] if value else [f"--no-{key}"]
        elif isinstance(value, int | float | str):
            words.append(f"--{key}={value}")
        elif isinstance(value, list) and option.repeated and all(isinstance(text, str) for text in value):
            words += [f"--{key}={text}" for text in value]
        else:
            raise ValueError(f"its {key!r} is neither a text, a number, true nor false")
    return words


def read_defaults(path: Path | None) -> Given:
    """Read and check the settings file; no file holds nothing.

    Raises
    ------
    InputError
        When it cannot be read, is no TOML, or holds what is no option or no value of one.
    """
    if path is None:
        return {}
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except IsADirectoryError:
        raise InputError(_broken(path, "it is a folder")) from None
    except OSError as error:
        raise UnreachableSettingsError(
            f"The settings file {path} cannot be reached ({error.strerror}): see to its rights and its "
            "folders', or start with --no-defaults."
        ) from None
    except ValueError as error:
        raise InputError(_broken(path, str(error))) from None
    import tomllib

    try:
        return given_options(build_parser(), _as_words(tomllib.loads(text)))
    except (ValueError, RecursionError) as error:
        raise InputError(_broken(path, str(error))) from None
    except ArgumentError as error:
        raise InputError(_broken(path, error.message)) from None


def _broken(path: Path, reason: str) -> str:
    return f"The settings file {path} is broken ({reason}): correct it, or start with --no-defaults."


def _values_to_save(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what differs from the program's own defaults, as TOML can hold it."""
    values: dict[str, Any] = {}
    for name, value in options.items():
        if value == getattr(DEFAULTS, name):
            continue
        saved = list(value) if isinstance(value, tuple) else value
        if isinstance(value, tuple) and len(value) == 1:
            saved = value[0]
        if isinstance(value, Path) or (name == "model" and Path(value).is_dir()):
            saved = str(Path(value).absolute())  # a later run may start elsewhere
        values[OPTIONS[name].flag[2:]] = saved
    return values


def _check_addresses(options: Mapping[str, Any]) -> None:
    """Refuse now what every later run would stumble over."""
    if options.get("osc") is not None:
        from live.outputs.open_sound_control import parse_address

        parse_address(options["osc"])
    if options.get("mqtt") is not None:
        from live.outputs.mqtt_url import parse_url

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
    chosen = {name: value for name, value in given.items() if OPTIONS[name].saved != "ignored"}
    for name in chosen:
        if OPTIONS[name].saved == "refused":
            raise InputError(f"{OPTIONS[name].flag} cannot be a default: leave it out of --save-defaults.")
    _check_addresses(chosen)
    path = settings_path()
    if path is None:
        raise InputError(f"There is no home to keep your defaults in: name a file in {PATH_VARIABLE}.")
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
    """Return what is saved as TOML, with passwords left out."""
    path = settings_path()
    if path is None:
        return f"# there is no home to keep them in: {PATH_VARIABLE} can name a file"
    values = _values_to_save(read_defaults(path))
    import tomli_w

    if "mqtt" in values:
        from live.outputs.mqtt_url import without_password

        values["mqtt"] = without_password(values["mqtt"])
    return f"# {path}\n{tomli_w.dumps(values) or '# nothing is saved'}".rstrip()


def _from_environment(given: Given) -> Given:
    """Return the options that are not typed and that the environment holds."""
    values = {}
    for name, option in OPTIONS.items():
        text = os.environ.get(option.environment) if option.environment is not None else None
        if text and name not in given:
            try:
                values[name] = option.read(text)
            except ValueError as error:
                raise InputError(
                    f"The variable {option.environment} is wrong ({error}): correct it."
                ) from None
    return values


def _concerns(option: Option, options: Options) -> bool:
    """Whether a saved default says something about what was asked for; else it is left aside in silence."""
    if option.only_for and not any(kind in option.only_for for kind in options.source_kinds):
        return False
    needed = option.needs.options if option.needs is not None else ()
    return not needed or any(OPTIONS[name].is_given(getattr(options, name)) for name in needed)


def _saved_defaults() -> Given:
    """Return the user's defaults; none, said, where the usual place cannot be looked at.

    A container may run as somebody for whom the home it was given is closed: there nothing was ever saved.
    """
    try:
        return read_defaults(settings_path())
    except UnreachableSettingsError as error:
        if os.environ.get(PATH_VARIABLE):
            raise
        say("genre-live", f"{str(error).partition(': ')[0]}: going on without your defaults.")
        return {}


def read_arguments(words: Sequence[str]) -> tuple[Options, Given]:
    """Read the command line over the environment, over the user's defaults, over the program's own.

    Returns
    -------
    options : Options
        Every option, whether typed, saved or built in.
    given : dict
        What was typed, and no more.

    Raises
    ------
    InputError
        When the command line, the settings file or a variable of the environment is wrong.
    """
    given = given_options(build_parser(), words)
    chosen = _from_environment(given) | given
    if any(chosen.get(name) for name, option in OPTIONS.items() if option.without_settings):
        return Options(**chosen), given
    saved = _saved_defaults()
    if any(chosen.get(name) for name in SOURCE_OPTIONS):  # who names a source wants no other
        saved = {name: value for name, value in saved.items() if name not in SOURCE_OPTIONS}
    all_saved = Options(**saved | chosen)
    saved = {name: value for name, value in saved.items() if _concerns(OPTIONS[name], all_saved)}
    return Options(**saved | chosen), given
