"""The user's defaults: saved by ``--save-defaults`` and read by every later run.

They are a flat TOML file of options by their long names, such as ``hop = 0.25``, in the platform's folder
for settings. Values from the file are checked like those of the command line.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from live.argument_parser import ArgumentError, given_options
from live.arguments import build_parser
from live.errors import InputError, print_message
from live.file_replacement import replacing_file
from live.option_table import Option, options_of
from live.options import DEFAULTS, SOURCE_OPTIONS, Options

PATH_VARIABLE = "GENRE_LIVE_CONFIG"
HEADER = "# Written by genre-live --save-defaults.\n"

Given = dict[str, Any]
"""Values of some of the options, by the names of their fields."""

OPTIONS = options_of(Options)


class UnreachableSettingsError(InputError):
    """Whether there is a settings file cannot be found out, for lack of permission."""


def settings_path() -> Path | None:
    """Return the path of the settings file: GENRE_LIVE_CONFIG, else the platform's usual place.

    Returns
    -------
    Path or None
        None where the user has no home folder, as in some containers.
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
    """Return settings as words of a command line; raise ValueError for values that cannot be typed."""
    words = []
    for key, value in values.items():
        option = OPTIONS.get(key.replace("-", "_"))
        if option is None or option.saved != "kept" or "_" in key:
            raise ValueError(f"it holds {key!r}, which is not an option that can be saved")
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
    """Read and check the settings file, and return its options; none if there is no file.

    Raises
    ------
    InputError
        When it cannot be read, is not TOML, or holds an unknown option or an invalid value.
    """
    if path is None:
        return {}
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        if os.path.isdir(path):  # noqa: PTH112 (Path may raise); Windows says that it may not be opened
            raise InputError(_broken(path, "it is a folder")) from None
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
    """Return the options that differ from the built-in defaults, as values for TOML."""
    values: dict[str, Any] = {}
    for name, value in options.items():
        if value == getattr(DEFAULTS, name):
            continue
        saved = list(value) if isinstance(value, tuple) else value
        if isinstance(value, tuple) and len(value) == 1:
            saved = value[0]
        # Path(value).is_dir() raises where the name is too long or a folder may not be entered.
        if isinstance(value, Path) or (name == "model" and os.path.isdir(value)):  # noqa: PTH112
            saved = str(Path(value).absolute())  # a later run may start in another folder
        values[OPTIONS[name].flag[2:]] = saved
    return values


def _check_addresses(options: Mapping[str, Any]) -> None:
    """Raise InputError for an address that would make every later run fail."""
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
        The options of the command line; one turned off by ``--no-NAME`` is removed from the file.
    afresh : bool
        Discard the previous contents of the file.

    Returns
    -------
    str
        A sentence that says what was done.

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
        raise InputError(f"There is no home directory for your defaults: name a file in {PATH_VARIABLE}.")
    before = {} if afresh else read_defaults(path)
    values = _values_to_save({**before, **chosen})
    import tomli_w

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing_file(path) as unfinished:
            # Only the owner may read it: the URL of a broker can hold a password.
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(HEADER.encode() + tomli_w.dumps(values).encode())
    except (OSError, ValueError) as error:
        raise InputError(
            f"The settings file {path} cannot be written ({error}): check its folder, or name another "
            f"in {PATH_VARIABLE}."
        ) from None
    return f"Saved to {path}: {', '.join(f'--{key}' for key in values) or 'nothing but the defaults'}."


def show_defaults() -> str:
    """Return the saved defaults as TOML, without passwords."""
    path = settings_path()
    if path is None:
        return f"# there is no home to keep them in: {PATH_VARIABLE} can name a file"
    values = _values_to_save(read_defaults(path))
    import tomli_w

    if "mqtt" in values:
        from live.outputs.mqtt_url import without_password

        values["mqtt"] = without_password(values["mqtt"])
    if "web-token" in values:
        values["web-token"] = "***"
    return f"# {path}\n{tomli_w.dumps(values) or '# nothing is saved'}".rstrip()


def _from_environment(given: Given) -> Given:
    """Return options from environment variables that are not on the command line."""
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
    """Return whether a saved default, or a variable, applies to this run; if not, it is silently ignored."""
    if option.only_for and not any(kind in option.only_for for kind in options.source_kinds):
        return False
    needed = option.needs.options if option.needs is not None else ()
    return not needed or any(OPTIONS[name].is_given(getattr(options, name)) for name in needed)


def _saved_defaults() -> Given:
    """Return the user's defaults; none, with a message, if the usual folder may not be read.

    A container may run as a user who may not read the home folder it was given, so nothing was saved there.
    """
    try:
        return read_defaults(settings_path())
    except UnreachableSettingsError as error:
        if os.environ.get(PATH_VARIABLE):
            raise
        print_message("genre-live", f"{str(error).partition(': ')[0]}: going on without your defaults.")
        return {}


_CONTRARY = {"channel": "channels_apart", "channels_apart": "channel"}


def read_arguments(words: Sequence[str]) -> tuple[Options, Given]:
    """Read the options, in this order of precedence: command line, environment, user's defaults, built-in.

    Parameters
    ----------
    words : sequence of str
        The arguments of the command line.

    Returns
    -------
    options : Options
        All options.
    given : dict
        Only those of the command line.

    Raises
    ------
    InputError
        When the command line, the settings file or an environment variable is wrong.
    """
    given = given_options(build_parser(), words)
    surrounding = _from_environment(given)
    chosen = surrounding | given
    if any(chosen.get(name) for name, option in OPTIONS.items() if option.without_settings):
        return Options(**chosen), given
    saved = _saved_defaults()
    if any(chosen.get(name) for name in SOURCE_OPTIONS):  # a source on the command line replaces saved ones
        saved = {name: value for name, value in saved.items() if name not in SOURCE_OPTIONS}
    saved = {name: value for name, value in saved.items() if not chosen.get(_CONTRARY.get(name, ""))}
    ungiven = saved | surrounding
    everything = Options(**ungiven | given)
    ungiven = {name: value for name, value in ungiven.items() if _concerns(OPTIONS[name], everything)}
    return Options(**ungiven | given), given
