"""What C libraries write to standard error is not seen, what the program writes is."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pytest

from live.library_messages import LITERT_NOTE, MPG123_NOTE, quiet_libraries, without_notes
from tests.sounds import write_tune


def test_libraries_are_silenced_and_the_program_is_not(capfd: pytest.CaptureFixture[str]) -> None:
    os.write(2, b"before ")
    with quiet_libraries():
        os.write(2, b"ALSA lib pcm.c: nonsense ")
        print("words", end=" ", file=sys.stderr)
        sys.stderr.flush()
    os.write(2, b"after")
    assert capfd.readouterr().err == "before words after"


def test_the_program_writes_in_one_encoding_throughout() -> None:
    code = (
        "import sys\n"
        "from live.library_messages import quiet_libraries\n"
        "print('5 ×', file=sys.stderr)\n"
        "with quiet_libraries():\n"
        "    print('5 × 日', file=sys.stderr)\n"
    )
    written = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True,
        env=os.environ | {"PYTHONIOENCODING": "cp1252"},
    )  # fmt: skip
    assert written.stderr.decode("cp1252").splitlines() == ["5 ×", r"5 × \u65e5"]


@pytest.mark.filterwarnings("error::DeprecationWarning")
def test_their_warnings_end_no_program_that_makes_errors_of_warnings() -> None:
    with quiet_libraries():
        warnings.warn("oneOf is deprecated", DeprecationWarning, stacklevel=1)
    with pytest.raises(DeprecationWarning), quiet_libraries(enabled=False):
        warnings.warn("oneOf is deprecated", DeprecationWarning, stacklevel=1)


def test_with_debug_everything_is_seen(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet_libraries(enabled=False):
        os.write(2, b"ALSA lib pcm.c: nonsense")
    assert capfd.readouterr().err == "ALSA lib pcm.c: nonsense"


def test_an_error_inside_leaves_all_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    stream = sys.stderr
    with pytest.raises(KeyError), quiet_libraries():
        raise KeyError
    assert sys.stderr is stream
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


def test_it_leaves_no_descriptor_open() -> None:
    def probe() -> int:
        number = os.open(os.devnull, os.O_RDONLY)
        os.close(number)
        return number

    before = probe()
    for _ in range(10):
        with quiet_libraries():
            pass
    assert probe() == before


def test_a_program_without_standard_error_runs_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with quiet_libraries():
        pass


def test_a_librarys_notes_are_left_out_and_all_else_is_written(capfd: pytest.CaptureFixture[str]) -> None:
    with without_notes(LITERT_NOTE):
        os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n")
        os.write(2, b"ERROR: something\n")
        os.write(2, b"without an end")
    os.write(2, b" after\n")
    assert capfd.readouterr().err == "ERROR: something\nwithout an end after\n"


def test_what_mpg123_says_of_a_damaged_file_is_a_note(capfd: pytest.CaptureFixture[str]) -> None:
    said = (
        b"Warning: Xing stream size off by more than 1%, fuzzy seeking may be even more fuzzy!\n"
        b"Note: Trying to resync...\n"
        b"\n"
        b"[src/libmpg123/parse.c:wetwork():1349] error: Giving up resync after 1024 bytes\n"
    )
    with without_notes(MPG123_NOTE):
        os.write(2, said + b"my own line\n")
    assert capfd.readouterr().err == "my own line\n"


def test_notes_are_left_out_also_when_something_fails(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\nmore\n")
        raise KeyError

    with pytest.raises(KeyError), without_notes(LITERT_NOTE):
        fail()
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "more\nafter\n"


def test_several_threads_leave_their_notes_out(capfd: pytest.CaptureFixture[str]) -> None:
    def say() -> None:
        for _ in range(50):
            with without_notes(MPG123_NOTE):
                os.write(2, b"Note: x\nown\n")

    threads = [threading.Thread(target=say) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert capfd.readouterr().err == "own\n" * 200


def test_a_program_whose_standard_error_is_closed_runs_on() -> None:
    code = (
        "import os; os.close(2)\n"
        "from live.library_messages import LITERT_NOTE, without_notes\n"
        "with without_notes(LITERT_NOTE): print('on')\n"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout == "on\n"


def test_a_file_classified_from_python_writes_nothing_that_nobody_asked_for(tmp_path: Path) -> None:
    path = write_tune(tmp_path / "tune.wav", 5)
    code = f"import live; print(live.classify_file({str(path)!r}).windows)"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(finished.stdout) > 0
    assert finished.stderr == ""


@pytest.mark.skipif(sys.platform == "win32", reason="All devices have one number there.")
def test_standard_error_that_goes_nowhere_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = Path(os.devnull).stat()
    with monkeypatch.context() as patched:
        patched.setattr(os, "fstat", lambda _: nowhere)
        patched.delattr(os, "dup2")  # which is what points it elsewhere
        with without_notes(LITERT_NOTE):
            pass
