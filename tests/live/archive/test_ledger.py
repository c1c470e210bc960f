"""The files of a scan after an end at any moment."""

from __future__ import annotations

import contextlib
import errno
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

import pytest

from live.archive.classification import ScanSettings
from live.archive.finding import Found
from live.archive.ledger import Ledger
from live.archive.notes import Notes, key_of
from live.archive.row_files import RowFile
from live.archive.rows import STRETCH_COLUMNS, ModelName
from live.errors import InputError
from live.events import Verdict
from live.file_results import FileResult
from live.snapshot import Stretch

MODEL = ModelName("model", "0" * 64, ("jazz", "rock"))
SETTINGS = ScanSettings("model")
WRITERS = ("ledger.py", "notes.py", "row_files.py")
NAMES = ("a.wav", "b.wav", "c.wav", "d.wav")

State = dict[str, bytes]


def result_of(found: Found) -> FileResult:
    """Return a result whose length is the size of the file, so that it shows which version was heard."""
    return FileResult(
        genre="jazz",
        share={"jazz": 1.0},
        verdict=Verdict("genre", "jazz", 0.9, {}),
        timeline=(
            Stretch(0.0, found.size / 2, "genre", "jazz"),
            Stretch(found.size / 2, found.size, "silence"),
        ),
        distribution={},
        duration_s=float(found.size),
        windows=1,
        path=found.path,
        confidences=(0.9, 0.5),
        length_s=float(found.size),
    )


class Run:
    """One run over files of some sizes, without any sound."""

    def __init__(self, folder: Path, out: str, stretches: str | None) -> None:
        self.out, self.stretches = folder / out, None if stretches is None else folder / stretches
        self.heard: list[str] = []

    def __call__(self, sizes: dict[str, int], *, killed: bool = False, tagged: str | None = None) -> None:
        ledger = Ledger(self.out, self.stretches, MODEL, SETTINGS)
        with contextlib.ExitStack() as end:
            end.enter_context(ledger)
            ledger.resume(pytest.fail, again=False)
            files = [Found(f"/music/{name}", size) for name, size in sizes.items()]
            todo = [
                found for found in files if not ledger.is_finished(key_of(found.path), found, retry=False)
            ]
            ledger.begin({key_of(found.path) for found in todo if ledger.is_known(key_of(found.path))})
            if tagged is not None:
                ledger.renew(Found(f"/music/{tagged}", sizes[tagged]))
            for found in todo:
                self.heard.append(Path(found.path).name)
                ledger.add(found, result_of(found))
            if killed:  # rows of a Parquet file still wait
                end.pop_all()
                for file in ledger._files:
                    file.close()
                ledger._notes.close()

    def rows(self) -> list[tuple[str, float]]:
        rows = RowFile(self.out, MODEL.columns).rows()
        return sorted((Path(row["path"]).name, row["seconds"]) for row in rows)

    def stretch_rows(self) -> list[tuple[str, float]]:
        rows = [] if self.stretches is None else list(RowFile(self.stretches, STRETCH_COLUMNS).rows())
        return sorted((Path(row["path"]).name, row["end_s"]) for row in rows)


def state_of(folder: Path) -> State:
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith(".lock")}


def set_state(folder: Path, state: State) -> None:
    for path in folder.iterdir():
        path.unlink()
    for name, content in state.items():
        (folder / name).write_bytes(content)


@contextlib.contextmanager
def at_each_line(act: Callable[[], None]) -> Iterator[None]:
    """Call a function before each line of the modules that write the files."""

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.endswith(WRITERS):
            return None
        if event in {"line", "return"}:
            act()
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


@pytest.mark.parametrize("killed_before", [False, True])
@pytest.mark.parametrize(
    ("out", "stretches"),
    [
        ("g.csv", None), ("g.csv", "s.csv"), ("g.jsonl", "s.csv"), ("g.parquet", "s.jsonl"),
        ("g.csv", "s.parquet"), ("g.parquet", "s.parquet"),
    ],
)  # fmt: skip
def test_a_run_that_ends_at_any_moment_is_continued_with_all_rows(
    tmp_path: Path, out: str, stretches: str | None, killed_before: bool
) -> None:
    """Each state on the disk is one that a kill could leave; what files hold in memory is lost."""
    if "parquet" in f"{out}{stretches}":
        pytest.importorskip("pyarrow")
    old = dict(zip(NAMES[:3], (4, 6, 8), strict=True))
    new = dict(zip(NAMES, (5, 6, 9, 2), strict=True))  # a and c changed, d is there now
    Run(tmp_path, out, stretches)(old)
    Run(tmp_path, out, stretches)(old | {"a.wav": 3}, killed=killed_before)
    states: list[State] = []

    def keep_state() -> None:
        state = state_of(tmp_path)
        if not states or state != states[-1]:
            states.append(state)

    with at_each_line(keep_state):
        Run(tmp_path, out, stretches)(new)
    assert len(states) > 6
    for state in states:
        set_state(tmp_path, state)
        run = Run(tmp_path, out, stretches)
        run(new)
        assert "b.wav" not in run.heard
        assert run.rows() == [(name, float(size)) for name, size in new.items()]
        if stretches is not None:
            ends = [(name, end) for name, size in new.items() for end in (size / 2, float(size))]
            assert run.stretch_rows() == ends
        assert not [path.name for path in tmp_path.iterdir() if path.name.endswith(".next")]


@pytest.mark.parametrize(("out", "stretches"), [("g.csv", "s.csv"), ("g.parquet", None)])
def test_a_run_that_is_interrupted_at_any_moment_is_continued_with_all_rows(
    tmp_path: Path, out: str, stretches: str | None
) -> None:
    if out.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    new = {"a.wav": 5, "b.wav": 6, "d.wav": 2}
    Run(tmp_path, out, stretches)(new | {"a.wav": 4})
    before = state_of(tmp_path)
    for moment in itertools.count(0, 11):  # all of them were tried once: half a minute
        left = moment

        def interrupt() -> None:
            nonlocal left
            left -= 1
            if left == -1:
                raise KeyboardInterrupt

        set_state(tmp_path, before)
        try:
            with at_each_line(interrupt):
                Run(tmp_path, out, stretches)(new | {"c.wav": 8}, tagged="b.wav")
        except KeyboardInterrupt:
            set_state(tmp_path, state_of(tmp_path))  # the lock ends with the process
            run = Run(tmp_path, out, stretches)
            run(new | {"c.wav": 8})
            assert run.rows() == [("a.wav", 5.0), ("b.wav", 6.0), ("c.wav", 8.0), ("d.wav", 2.0)], moment
        else:
            break
    assert moment > 1_000


def test_what_an_interrupted_run_left_is_no_excuse_for_rows_that_were_changed(tmp_path: Path) -> None:
    run = Run(tmp_path, "g.csv", None)
    run({"a.wav": 4, "b.wav": 6})
    (tmp_path / ".g.csv.next").write_bytes(run.out.read_bytes())
    (tmp_path / ".g.csv.scan.next").write_bytes((tmp_path / ".g.csv.scan").read_bytes())
    run.out.write_bytes(run.out.read_bytes().replace(b"jazz", b"rock"))
    edited = run.out.read_bytes()
    with pytest.raises(InputError, match=r"was changed after genre-scan wrote it"):
        run({"a.wav": 4, "b.wav": 6})
    assert run.out.read_bytes() == edited


@pytest.mark.skipif(sys.platform == "win32", reason="Files are locked on POSIX systems.")
def test_a_scan_that_ends_takes_no_lock_from_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = (Notes(tmp_path / ".g.csv.scan", {}, "/") for _ in range(3))
    first.lock()
    unlink = Path.unlink

    def unlink_later(path: Path, *, missing_ok: bool) -> None:
        monkeypatch.undo()
        with pytest.raises(InputError):
            second.lock()  # a moment before the first one deletes its lock
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink_later)
    first.close()
    third.lock()
    third.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Files are locked on POSIX systems.")
def test_a_lock_that_was_deleted_meanwhile_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    first, second, third = (Notes(tmp_path / ".g.csv.scan", {}, "/") for _ in range(3))
    first.lock()
    flock = fcntl.flock

    def flock_later(file: Any, how: int) -> None:
        monkeypatch.undo()
        first.close()  # after the second one has opened its lock
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", flock_later)
    second.lock()
    with pytest.raises(InputError, match="Another genre-scan is writing"):
        third.lock()
    second.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="Its locks are imitated here.")
def test_a_scan_is_locked_on_windows_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    def locking(descriptor: int, _how: int, _bytes: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OSError(errno.EACCES, "Permission denied") from error

    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(locking=locking, LK_NBLCK=2))
    monkeypatch.setattr(sys, "platform", "win32")
    first, second = (Notes(tmp_path / ".g.csv.scan", {}, "/") for _ in range(2))
    first.lock()
    with pytest.raises(InputError, match="Another genre-scan is writing"):
        second.lock()
    first.close()
    second.lock()
    second.close()
    assert not list(tmp_path.iterdir())
