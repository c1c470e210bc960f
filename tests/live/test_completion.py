"""``--print-completion``: scripts that the shells accept, and that complete."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from live import cli
from live.completion import SHELLS


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as end:
        cli.main(["--print-completion", shell])
    assert end.value.code == 0
    return capsys.readouterr().out


def test_it_asks_neither_for_a_model_nor_for_whole_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.toml"
    path.write_text("broken = ")
    monkeypatch.setenv("GENRE_LIVE_CONFIG", str(path))
    assert script("bash", capsys)


def test_every_option_is_in_it_and_none_that_help_does_not_show(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = script(shell, capsys)
    for option in ("device", "list-devices", "on-change", "print-completion"):
        assert option in text
    assert "no-wait" not in text


def test_the_shell_accepts_it(shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"This test needs {shell}.")
    path = tmp_path / "completion"
    path.write_text(script(shell, capsys), encoding="utf-8")
    result = subprocess.run([program, "-n", path], capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(("word", "completed"), [("--list", "--list-devices"), ("--save", "--save-defaults")])
def test_bash_completes_an_option(
    word: str, completed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = shutil.which("bash")
    if program is None:
        pytest.skip("This test needs bash.")
    path = tmp_path / "completion"
    path.write_text(script("bash", capsys), encoding="utf-8")
    ask = f"""
    source {path}
    COMP_WORDS=(genre-live {word}) COMP_CWORD=1
    name=$(complete -p genre-live | sed 's/.*-F \\([^ ]*\\).*/\\1/')
    "$name" genre-live {word} genre-live
    echo "${{COMPREPLY[@]}}"
    """
    answer = subprocess.run([program, "-c", ask], capture_output=True, text=True, timeout=60, check=True)
    assert answer.stdout.split() == [completed]


def test_bash_completes_a_name_with_spaces(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = shutil.which("bash")
    if program is None:
        pytest.skip("This test needs bash.")
    path = tmp_path / "completion"
    path.write_text(script("bash", capsys), encoding="utf-8")
    (tmp_path / "my song one.wav").touch()
    ask = f"""
    source {path}
    cd {tmp_path}
    COMP_WORDS=(genre-live --file 'my song o') COMP_CWORD=2
    name=$(complete -p genre-live | sed 's/.*-F \\([^ ]*\\).*/\\1/')
    "$name" genre-live 'my song o' --file
    printf '%s|' "${{COMPREPLY[@]}}"
    """
    answer = subprocess.run([program, "-c", ask], capture_output=True, text=True, timeout=60, check=True)
    assert answer.stdout == "my song one.wav|"


def test_the_trainer_completes_too(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    from training import cli as trainer

    with pytest.raises(SystemExit) as end:
        trainer.main(["--print-completion", shell])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert "genre-train" in text
    assert "recipe" in text
