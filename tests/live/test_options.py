"""The table of options: one entry is all it takes, and the parser, the settings and Python agree on it."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from live import settings
from live.argument_parser import ArgumentError, given_options, make_parser
from live.arguments import build_parser
from live.errors import InputError
from live.option_table import Needs, Number, bounds_of, check_needs, misplaced, option, options_of
from live.options import DEFAULTS, Options, check_together


@dataclass(frozen=True)
class Table:
    songs: tuple[Path, ...] = option(
        (), "what to sing", group="", metavar="SONG", read=Path, positional=True, repeated=True
    )
    key: str = option("C", "the key", group="how", metavar="KEY", choices=("C", "G"))
    verses: int = option(
        3, "how many ({default})", group="how", metavar="N", read=Number(1, 9, "verses", whole=True)
    )
    singer: tuple[str, ...] = option((), "who sings", group="how", metavar="NAME", repeated=True)
    loud: bool = option(False, "100 % of it", group="how", only_for=("choir",))
    echo: float = option(
        0.0, "how much", group="how", metavar="X", read=Number(0, 1), needs=Needs(("loud", "singer"), "one")
    )


def parse(*words: str) -> Table:
    parser = make_parser(Table, "sing", description="Sings.", epilog="", general="how")
    return Table(**given_options(parser, words))


def test_a_table_is_all_that_a_parser_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse("a", "b") == Table(songs=(Path("a"), Path("b")))
    assert parse(
        "a", "--key", "G", "--verses=2", "--singer", "Ann", "--singer=Bob", "--loud", "--echo", "1"
    ) == Table((Path("a"),), "G", 2, ("Ann", "Bob"), True, 1.0)
    with pytest.raises(SystemExit):
        parse("--help")
    assert "how many (3)" in (shown := capsys.readouterr().out)
    assert "100 % of it" in shown
    assert "--no-" not in shown


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "The following arguments are required: SONG: see sing --help."),
        (["a", "--verses", "0"], "Argument --verses: '0' is not a whole number of verses from 1 to 9: see"),
        (["a", "--verses", "1.5"], "'1.5' is not a whole number"),
        (["a", "--echo", "nan"], "'nan' is not a number from 0 to 1"),
        (["a", "--key", "H"], "invalid choice: 'H'"),
        (["a", "--no-loud"], "unrecognized arguments: --no-loud"),
        (["a", "--verse", "1"], "Unrecognized arguments: --verse"),
    ],
)
def test_what_it_does_not_take_is_one_sentence(words: list[str], reason: str) -> None:
    with pytest.raises(ArgumentError) as failed:
        parse(*words)
    assert reason.lower() in str(failed.value).lower()


@pytest.mark.parametrize(
    ("address", "advice"),
    [
        ("http://me:sec@ret@host/a", "http://***@host/a: give the address of a station as --url ADDRESS"),
        ("mqtt://me:sec/ret@host", r"mqtt://***@host: see genre-live --help"),
    ],
)
def test_an_address_without_an_option_shows_no_password(address: str, advice: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(advice)) as failed:
        build_parser().parse_args([address])
    assert "sec" not in str(failed.value)
    assert "ret" not in str(failed.value)
    with pytest.raises(ArgumentError) as failed:
        build_parser().parse_args(["--ur", address])
    assert "ret" not in str(failed.value)


def test_what_does_not_go_together_is_found_by_the_facts_of_the_table() -> None:
    assert [option.flag for option in misplaced(Table(loud=True), "solo")] == ["--loud"]
    assert misplaced(Table(loud=True), "choir") == []
    check_needs(Table(echo=0.5, singer=("Ann",)))
    with pytest.raises(
        InputError, match="--echo is for --loud and --singer: give one with it, or leave it out"
    ):
        check_needs(Table(echo=0.5))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (Options(file=("a",), gain=1.0), "--gain is for microphones and stations: leave it out."),
        (
            Options(file=("a",), gain=1.0, wait=True, channel=1),
            "--channel, --gain and --wait are for microphones: leave them out.",
        ),
        (Options(speed=None), "--speed is for files: give one with --file, or leave it out."),
        (Options(play=True), "--play is for files: give one with --file, or leave it out."),
        (
            Options(file=("a",), play=True, speed=2.0),
            "--play is for a file at its own pace: leave out --speed.",
        ),
        (Options(file=("a", "b"), play=True), "--play is for one file alone: leave out the other sources."),
        (Options(file=("-", "-")), "There is one standard input: give --file - once."),
        (
            Options(channel=1, channels_apart=True),
            "--channel and --channels-apart contradict each other: leave one out.",
        ),
        (Options(cooldown=3.0), "--cooldown is for --on-change: give a command with it, or leave it out."),
        (
            Options(web_token="of 8 or more"),
            "--web-token is for --web: give an address with it, or leave it out.",
        ),
        (
            Options(file=("a",), raw="s16le:44100:2", track=2),
            "--track is for a file with a header: leave it out with --raw.",
        ),
        (Options(output=Path("x")), "--output is for --report: give a log with it, or leave it out."),
    ],
)
def test_options_of_genre_live_that_do_not_go_together(options: Options, said: str) -> None:
    with pytest.raises(InputError) as refused:
        check_together(options)
    assert str(refused.value) == said
    check_together(DEFAULTS)


def test_the_options_are_frozen_and_their_defaults_lie_within_their_bounds() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        DEFAULTS.hop = 1.0  # type: ignore[misc]
    for name, facts in options_of(Options).items():
        if isinstance(facts.read, Number) and facts.default is not None:
            facts.read.check(name, facts.default)
    with pytest.raises(TypeError):
        bounds_of(Options, "model")


def test_an_option_of_the_environment_stands_between_what_is_typed_and_what_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config.toml"
    path.write_text("hop = 0.25\n")
    monkeypatch.setenv("GENRE_LIVE_CONFIG", str(path))
    facts = {**settings.OPTIONS, "hop": dataclasses.replace(settings.OPTIONS["hop"], environment="TEST_HOP")}
    monkeypatch.setattr(settings, "OPTIONS", facts)
    assert settings.read_arguments([])[0].hop == 0.25
    monkeypatch.setenv("TEST_HOP", "2")
    options, given = settings.read_arguments([])
    assert (options.hop, given) == (2.0, {})
    assert settings.read_arguments(["--hop", "3"])[0].hop == 3.0
    assert settings.read_arguments(["--no-hop"])[0].hop == 0.5
    monkeypatch.setenv("TEST_HOP", "never")
    with pytest.raises(InputError, match=r"The variable TEST_HOP is wrong \('never' is not a number"):
        settings.read_arguments([])


def test_python_needs_no_argument_parser() -> None:
    code = "import sys, live.api; print([name for name in sys.modules if name.startswith('live.arg')])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
