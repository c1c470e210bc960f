"""``--save-defaults``: what is saved, what it changes, and what undoes it."""

from __future__ import annotations

import os
import stat
import sys
import tomllib
from pathlib import Path

import pytest

from live import cli
from live.errors import InputError
from live.option_table import options_of
from live.options import Options, check_together
from live.settings import read_arguments, read_defaults, save_defaults, settings_path, show_defaults


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "folder" / "config.toml"
    monkeypatch.setenv("GENRE_LIVE_CONFIG", str(path))
    return path


def save(*words: str) -> str:
    arguments, given = read_arguments([*words, "--save-defaults"])
    return save_defaults(given, afresh=arguments.no_defaults)


def saved(path: Path) -> dict[str, object]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def test_later_runs_start_from_what_was_saved_and_the_command_line_wins(path: Path) -> None:
    said = save("--hop", "0.25", "--device", "USB", "--wait", "--gain", "-3")
    assert said == f"Saved to {path}: --device, --hop, --gain, --wait."
    arguments, given = read_arguments(["--smooth", "4"])
    assert (arguments.hop, arguments.device, arguments.wait, arguments.gain) == (0.25, ("USB",), True, -3.0)
    assert (arguments.smooth, arguments.model, arguments.json) == (4.0, "genre-lstm", False)
    assert given == {"smooth": 4.0}
    arguments, _ = read_arguments(["--hop", "1", "--no-wait", "--device", "2"])
    assert (arguments.hop, arguments.wait, arguments.device) == (1.0, False, ("2",))
    arguments, _ = read_arguments(["--hop", "0.5"])
    assert arguments.hop == 0.5, "the program's own default, when typed, wins too"
    arguments, _ = read_arguments(["--no-defaults"])
    assert (arguments.hop, arguments.device) == (0.5, ())


@pytest.mark.parametrize(
    ("kept", "typed"),
    [(["--channel", "1"], ["--channels-apart"]), (["--channels-apart"], ["--channel", "2"])],
)
def test_an_option_replaces_a_saved_one_that_contradicts_it(kept: list[str], typed: list[str]) -> None:
    save(*kept)
    options, _ = read_arguments(["--device", "USB", *typed])
    assert (options.channel is None) is options.channels_apart


def test_a_file_with_a_byte_order_mark_is_read(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("hop = 1\n", encoding="utf-8-sig")
    assert read_defaults(path) == {"hop": 1.0}


def test_saving_adds_to_what_is_saved_and_a_no_takes_away(path: Path) -> None:
    save("--hop", "0.25", "--json")
    save("--smooth", "20")
    assert saved(path) == {"hop": 0.25, "smooth": 20.0, "json": True}
    save("--no-json")
    save("--hop", "0.5")
    assert saved(path) == {"smooth": 20.0}
    save("--no-defaults", "--give-up", "60")
    assert saved(path) == {"give-up": 60.0}
    assert save("--no-defaults").endswith("nothing but the defaults.")
    assert saved(path) == {}


def test_what_is_saved_for_microphones_leaves_files_alone() -> None:
    save("--device", "USB", "--gain", "6", "--channel", "2", "--wait", "--give-up", "5", "--hop", "0.2")
    arguments, _ = read_arguments(["--file", "song.wav"])
    assert (arguments.device, arguments.gain, arguments.channel, arguments.wait) == ((), 0.0, None, False)
    assert (arguments.give_up, arguments.hop) == (None, 0.2)


@pytest.mark.parametrize("turned_off", [[], ["--no-on-change"], ["--file", "song.wav", "--no-on-change"]])
def test_a_saved_cooldown_is_for_commands_alone(turned_off: list[str]) -> None:
    if turned_off:
        save("--on-change", "true", "--cooldown", "30")
    else:
        save("--cooldown", "30")
    assert read_arguments(turned_off)[0].cooldown is None
    assert read_arguments(["--on-change", "false"])[0].cooldown == 30.0
    assert read_arguments([*turned_off, "--cooldown", "5"])[0].cooldown == 5.0, "typed, it is complained of"


def test_paths_are_saved_whole(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model").mkdir()
    save("--log", "log.csv", "--model", "model")
    assert saved(path) == {"log": str(tmp_path / "log.csv"), "model": str(tmp_path / "model")}
    assert read_arguments([])[0].log == tmp_path / "log.csv"
    save("--model", "shipped")
    assert saved(path)["model"] == "shipped"


@pytest.mark.parametrize("command", ["--flag $X | cat", "-x", "a 'quoted' \"one\"", "two\nlines", "é\\"])
def test_texts_survive(command: str) -> None:
    save(f"--on-change={command}")
    assert read_arguments([])[0].on_change == command


@pytest.mark.parametrize(
    "words", [["--file", "a.wav"], ["--list-devices"], ["--speed", "2"], ["--report", "a.jsonl"], ["-o", "x"]]
)
def test_what_concerns_one_run_is_not_saved(path: Path, words: list[str]) -> None:
    with pytest.raises(InputError, match="cannot be a default: leave it out of --save-defaults"):
        save(*words)
    assert not path.exists()


@pytest.mark.parametrize("words", [["--osc", "nowhere"], ["--mqtt", "broker"]])
def test_an_address_that_is_none_is_not_saved(path: Path, words: list[str]) -> None:
    with pytest.raises(InputError):
        save(*words)
    assert not path.exists()


def test_a_password_is_kept_from_others_and_from_the_screen(path: Path) -> None:
    save("--mqtt", "mqtt://me:s3cret@host/bar")
    assert saved(path) == {"mqtt": "mqtt://me:s3cret@host/bar"}
    assert show_defaults() == f'# {path}\nmqtt = "mqtt://me:***@host/bar"'
    save("--web", "8123", "--web-token", "hunter2")
    assert "hunter2" not in show_defaults()
    save("--mqtt", "mqtt://me:s3cret@host/bar", "--no-web", "--no-web-token")
    if os.name != "nt":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_model_that_no_folder_can_be_is_shown(path: Path) -> None:
    path.parent.mkdir()
    path.write_text(f'model = "{"m" * 5_000}"')
    assert "m" * 5_000 in show_defaults()


@pytest.mark.parametrize(("words", "token"), [(["--web", "8123"], "of 8 or more"), ([], None)])
def test_a_token_in_the_environment_is_for_runs_with_a_page(
    words: list[str], token: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENRE_LIVE_WEB_TOKEN", "of 8 or more")
    options, _ = read_arguments(words)
    check_together(options)
    assert options.web_token == token


def test_showing_nothing(path: Path) -> None:
    assert show_defaults() == f"# {path}\n# nothing is saved"
    assert not path.exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("hop = ", "Invalid value"),
        ("hop = 'x'", "'x' is not a number of seconds"),
        ("hop = true", "expected one argument"),
        ("wait = 'yes'", "ignored explicit argument"),
        ("hop = [1]", "its 'hop' is neither a text, a number, true nor false"),
        ("hop = 1979-05-27", "neither a text"),
        ("[hop]\na = 1", "neither a text"),
        ("colour = 'red'", "it holds 'colour', which is not an option that can be saved"),
        ("file = 'a.wav'", "it holds 'file'"),
        ("give_up = 3", "it holds 'give_up'"),
        ("no-wait = true", "it holds 'no-wait'"),
        ("help = true", "it holds 'help'"),
        ("hop = nan", "is not a number of seconds"),
        ("hop = 1e400", "is not a number of seconds"),
        ("a = " + "[" * 5_000, "cursion"),
    ],
)
def test_a_broken_file_is_named_in_one_sentence(
    path: Path, content: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path.parent.mkdir()
    path.write_text(content)
    assert cli.main(["--file", "missing.wav"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"The settings file {path} is broken (" in said
    assert reason in said
    assert cli.main(["--show-defaults"]) == 2
    capsys.readouterr()
    assert cli.main(["--no-defaults", "--file", "missing.wav"]) == 2
    assert "settings" not in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["--version"])


def test_bytes_that_are_no_text_and_folders_are_named(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(InputError, match="is broken"):
        read_defaults(path)
    path.rmdir()
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="is broken"):
        read_defaults(path)


def out_of_reach(path: Path) -> None:
    """Make the settings file one that nobody can open, not even root."""
    path.parent.mkdir(parents=True)
    path.symlink_to(path)


def test_a_file_that_cannot_be_reached_is_not_called_broken(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out_of_reach(path)
    assert cli.main(["--file", "missing.wav"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"The settings file {path} cannot be reached (" in said
    assert "--no-defaults" in said


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Where the usual place is differs.")
def test_a_usual_place_that_cannot_be_reached_is_said_and_does_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GENRE_LIVE_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    out_of_reach(tmp_path / "genre-live" / "config.toml")
    assert read_arguments(["--hop", "1"])[0] == Options(hop=1.0)
    said = capsys.readouterr().err
    assert "cannot be reached" in said
    assert "going on without your defaults" in said


def test_without_a_home_there_are_no_settings_and_none_can_be_saved(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_home(*_: object, **__: object) -> Path:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.delenv("GENRE_LIVE_CONFIG")
    monkeypatch.setattr("platformdirs.user_config_path", no_home)
    assert read_arguments([])[0] == Options()
    assert "no home" in show_defaults()
    assert cli.main(["--save-defaults", "--hop", "1"]) == 2
    assert "name a file in GENRE_LIVE_CONFIG" in capsys.readouterr().err


def test_a_false_flag_may_be_written_by_hand(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("wait = false\nhop = 1\n")
    assert read_defaults(path) == {"wait": False, "hop": 1.0}


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path, path: Path) -> None:
    path.parent.write_text("a file where the folder should be")
    with pytest.raises(InputError, match=r"broken|cannot be written"):
        save("--hop", "1")


def test_the_file_lies_where_the_platform_keeps_such_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GENRE_LIVE_CONFIG")
    if sys.platform.startswith("linux"):
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        assert settings_path() == tmp_path / "genre-live" / "config.toml"
    path = settings_path()
    assert path is not None
    assert path.parts[-2:] == ("genre-live", "config.toml")


def test_every_saveable_option_can_be_turned_off_again() -> None:
    names = [name for name, option in options_of(Options).items() if option.saved == "kept"]
    assert {"hop", "model", "give_up", "mqtt"} <= set(names)
    for name in names:
        arguments, given = read_arguments([f"--no-{name.replace('_', '-')}"])
        assert given == {name: getattr(arguments, name)}
