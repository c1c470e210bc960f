"""The screen on a terminal: what is written, how often, and that all is restored."""

from __future__ import annotations

import contextlib
import io
import os
import re
import select
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console, ConsoleDimensions

from live.outputs.connections import Notices
from live.palette import DARK, LIGHT
from live.screen import Keeping, Screen, render
from live.screen.animation import at_rest
from live.snapshot import Snapshot
from tests.live.screen.drawing import ROCK, SONG, UNSURE, WAITING, console_of, printed, text_of


class Clock:
    def __init__(self) -> None:
        self.time_s = 0.0

    def __call__(self) -> float:
        return self.time_s


class Ended(threading.Event):
    """An end that comes by itself after a number of frames, each as long as it was asked to wait."""

    def __init__(self, clock: Clock, frames: int) -> None:
        super().__init__()
        self.clock = clock
        self.frames = frames
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waits.append(timeout)
        self.clock.time_s += timeout
        if len(self.waits) > self.frames:
            self.set()
        return self.is_set()


def test_the_meter_falls_while_paused() -> None:
    clock = Clock()
    console = console_of(80, 24)
    with Screen(console, clock=clock, theme=DARK) as screen:
        screen.draw(SONG)
        screen.paused = True
        clock.time_s = 10.0
        screen.draw(SONG)
    assert "−120 dBFS" in printed(console)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows stops no programs with Ctrl-Z.")
def test_ctrl_z_is_heeded_from_before_the_page_is_taken_until_it_is_handed_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def is_heeded() -> bool:
        return signal.getsignal(signal.SIGTSTP) is not signal.SIG_DFL

    when_changed: list[bool] = []
    console = console_of(80, 24)
    change = console.set_alt_screen

    def set_alt_screen(enable: bool) -> bool:
        when_changed.append(is_heeded())
        return change(enable)

    monkeypatch.setattr(console, "set_alt_screen", set_alt_screen)
    with Screen(console, theme=DARK):
        pass
    assert when_changed == [True, True]
    assert not is_heeded()


def test_only_lines_that_changed_are_written() -> None:
    clock = Clock()
    console = console_of(80, 24)
    with Screen(console, clock=clock, theme=DARK) as screen:
        assert screen.draw(SONG) == 24
        assert screen.draw(SONG) == 0
        clock.time_s += 0.01
        assert screen.draw(replace(SONG, lost_s=3.0)) == 1
        assert "3.0 s lost" in printed(console)


def test_what_is_written_line_by_line_adds_up_to_the_frame() -> None:
    clock = Clock()
    console = console_of(60, 20, color=False)
    with Screen(console, clock=clock, theme=DARK) as screen:
        for verdict in (WAITING, ROCK, UNSURE, ROCK):
            for _ in range(5):
                clock.time_s += 0.1
                screen.draw(replace(SONG, verdict=verdict))
        clock.time_s += 10
        screen.draw(SONG)
    cells: dict[int, str] = {}
    for row, column, text in re.findall(r"\x1b\[(\d+);(\d+)H([^\x1b]*)", printed(console)):
        assert column == "1"
        cells[int(row) - 1] = text
    expected = text_of(
        render(SONG, pose=replace(at_rest(SONG), pulse=clock.time_s % 2 < 1)), 60, 20, colored=False
    )
    assert [cells[row] for row in range(20)] == expected


def test_a_new_size_draws_everything_again() -> None:
    console = console_of(80, 24)
    with Screen(console, clock=Clock(), theme=DARK) as screen:
        screen.draw(SONG)
        console.size = ConsoleDimensions(60, 20)
        assert screen.draw(SONG) == 20


def test_the_terminal_is_restored_also_after_an_error() -> None:
    console = console_of(80, 24)

    def fail() -> Snapshot:
        raise RuntimeError("no snapshot")

    with pytest.raises(RuntimeError, match="no snapshot"), Screen(console, theme=DARK) as screen:
        screen.run(fail, threading.Event())
    text = printed(console)
    assert text.startswith("\x1b[?1049h")
    assert text.endswith("\x1b[?25h\x1b[?1049l")


def test_the_loop_looks_less_often_while_nothing_moves() -> None:
    clock = Clock()
    ended = Ended(clock, 40)
    still = replace(SONG, source_condition="muted")
    with Screen(console_of(80, 24), clock=clock, theme=DARK) as screen:
        screen.run(lambda: still, ended)
    assert max(ended.waits) <= 0.25
    assert ended.waits[1] == pytest.approx(0.1)
    assert ended.waits[-1] == pytest.approx(0.25)


def test_the_loop_keeps_its_pace_while_something_moves() -> None:
    clock = Clock()
    ended = Ended(clock, 40)

    def moving() -> Snapshot:
        return replace(SONG, level_dbfs=-30 + 20 * (clock.time_s % 1))

    with Screen(console_of(80, 24), clock=clock, theme=DARK) as screen:
        screen.run(moving, ended)
    assert set(ended.waits[1:]) == {0.1}


def test_an_end_before_the_beginning_draws_nothing() -> None:
    ended = threading.Event()
    ended.set()
    with Screen(console_of(80, 24), theme=DARK) as screen:
        screen.run(lambda: pytest.fail("asked for a snapshot"), ended)


def test_a_message_goes_away_by_itself() -> None:
    clock = Clock()
    console = console_of(80, 24)
    with Screen(console, clock=clock, theme=DARK) as screen:
        screen.show_message("hello")
        screen.draw(SONG)
        assert "hello" in printed(console)
        clock.time_s += 10
        screen.draw(SONG)
        assert "nothing lost" in printed(console)


def test_a_problem_of_an_output_is_shown_and_stays_known() -> None:
    clock = Clock()
    console = console_of(80, 24)
    notices = Notices(keep=True)
    with Screen(console, clock=clock, theme=DARK) as screen:
        notices.on_screen = screen.show_notice
        notices("The broker cannot be reached: check its address.")
        screen.draw(SONG)
        assert "The broker cannot be reached: check its address." in printed(console)
        clock.time_s += 20
        screen.draw(SONG)
        assert "1 problem" in printed(console)


def test_q_ends_the_program_while_a_correction_is_asked_for() -> None:
    corrected, others, _ = run_with_keys(["c", "s", "q"])
    assert (corrected, others) == ([], ["q"])


def run_with_keys(keys: list[str], **options: Any) -> tuple[list[str], list[str], str]:
    """Press keys on a screen; return what was corrected, the other keys, and what was drawn."""
    corrected: list[str] = []
    others: list[str] = []
    ended = threading.Event()

    def on_correct(label: str) -> str:
        corrected.append(label)
        return f"Corrected: {label}"

    def on_key(key: str) -> str | None:
        others.append(key)
        return None

    console = console_of(80, 24)
    with Screen(console, clock=Clock(), theme=DARK, **options) as screen:
        for key in keys:
            message = screen._press(key, lambda: SONG, on_key, on_correct)
            if message:
                screen.show_message(message)
            screen.draw(SONG, keys=True)
        ended.set()
    return corrected, others, printed(console)


def test_c_and_a_letter_say_what_is_really_heard() -> None:
    corrected, others, drawn = run_with_keys(["c", "j", "q"])
    assert (corrected, others) == (["jazz"], ["q"])
    assert drawn.index("What is it really?") < drawn.index("Corrected: jazz")


def test_escape_leaves_the_question_and_other_keys_leave_it_open() -> None:
    assert run_with_keys(["c", "escape", "j"])[:2] == ([], ["j"])
    assert run_with_keys(["c", " ", "up", "M", "c", "c"])[:2] == (["metal", "classical"], [])


def test_that_sound_is_kept_is_shown_and_the_picture_shows_it_without_a_question(tmp_path: Path) -> None:
    with Screen(console_of(80, 24), theme=DARK, keeping=lambda: Keeping(7)) as screen:
        screen._press("c", lambda: SONG, None, str)
        screen.draw(SONG, keys=True)
        picture = screen.save_picture(tmp_path / "picture.svg").read_text(encoding="utf-8")
    assert "rec&#160;7" in picture
    assert "really" not in picture


def three() -> list[Snapshot]:
    return [replace(SONG, source_name=name) for name in ("bar", "hall", "cellar")]


def press_many(keys: list[str]) -> tuple[Screen, list[tuple[str, int | None]], list[str], str]:
    """Press keys on a screen of three; return it, the keys that were passed on, corrections, and the text."""
    passed: list[tuple[str, int | None]] = []
    corrected: list[str] = []
    console = console_of(80, 24)

    def on_key(key: str) -> str | None:
        passed.append((key, screen.opened))
        return None

    def on_correct(label: str) -> str:
        corrected.append(f"{screen.opened} {label}")
        return "Corrected"

    with Screen(console, clock=Clock(), theme=DARK) as screen:
        screen.draw_many(three(), keys=True)
        for key in keys:
            screen._press_many(key, three(), on_key, on_correct)
            screen.draw_many(three(), keys=True)
    return screen, passed, corrected, printed(console)


def test_many_sources_are_a_list_and_one_opens_as_a_screen_of_its_own() -> None:
    screen, passed, _, drawn = press_many(["down", "enter", "r", "escape", " "])
    assert "3 sources" in drawn
    assert "Esc" in drawn
    assert passed == [("r", 1), (" ", None)]
    assert screen.opened is None


def test_a_digit_opens_and_what_is_heard_there_is_corrected() -> None:
    screen, passed, corrected, _ = press_many(["3", "c", "1", "j", "1", "c", "escape", "q"])
    assert corrected == ["2 jazz"]
    assert passed == [("q", 0)]
    assert screen.opened == 0


@pytest.mark.parametrize(("letter", "genre"), [("r", "reggae"), ("j", "jazz"), ("k", "rock")])
def test_c_in_the_list_asks_what_the_selected_source_really_is(letter: str, genre: str) -> None:
    screen, passed, corrected, drawn = press_many(["down", "c", letter])
    assert "What is it really?" in drawn
    assert corrected == [f"1 {genre}"]
    assert passed == []
    assert screen.opened == 1


def test_escape_leaves_the_question_that_was_asked_in_the_list_and_then_the_source() -> None:
    screen, passed, corrected, _ = press_many(["down", "c", "escape", "escape", "r"])
    assert (screen.opened, corrected, passed) == (None, [], [("r", None)])


def test_c_in_the_list_opens_nothing_where_nothing_can_be_corrected() -> None:
    with Screen(console_of(80, 24), clock=Clock(), theme=DARK) as screen:
        screen._press_many("c", three(), None, None)
    assert screen.opened is None


def test_the_loop_draws_many_and_saves_a_picture_of_them(tmp_path: Path) -> None:
    clock = Clock()
    with Screen(console_of(80, 24), clock=clock, theme=DARK) as screen:
        screen.run_many(three, Ended(clock, 3))
        picture = screen.save_picture(tmp_path / "picture.svg").read_text(encoding="utf-8")
    assert "cellar" in picture
    assert "3&#160;sources" in picture
    assert "quit" not in picture


def test_one_of_many_is_paused_alone() -> None:
    console = console_of(80, 24)
    with Screen(console, clock=Clock(), theme=DARK) as screen:
        screen.paused_sources.add(1)
        screen.draw_many(three())
        assert "2 listening · 1 paused" in re.sub(r"\x1b\[[0-9;]*m", "", printed(console))
        screen.paused = True
        screen.draw_many(three())
    assert "3 paused" in printed(console)


def test_a_list_is_drawn_less_often_than_one_source() -> None:
    clock = Clock()
    ended = Ended(clock, 10)

    def moving() -> list[Snapshot]:
        return [replace(snapshot, level_dbfs=-30 + 20 * (clock.time_s % 1)) for snapshot in three()]

    with Screen(console_of(80, 24), clock=clock, theme=DARK) as screen:
        screen.run_many(moving, ended)
    assert set(ended.waits[1:]) == {0.25}


PROGRAM = """
import threading
from live.screen import Screen
from tests.live.screen.drawing import SONG

ended = threading.Event()

def on_key(key):
    if key == "q":
        ended.set()
    return f"pressed {key}"

with Screen() as screen:
    screen.run(lambda: SONG, ended, on_key)
print("restored")
"""


class Shell:
    """A program on a pseudo-terminal of its own, and all that it has written."""

    def __init__(self, program: str, width: int, height: int) -> None:
        import pty

        self.process, self.terminal = pty.fork()
        if self.process == 0:
            # A width and height that the environment fixes must not keep the screen from growing.
            environment = {"PATH": os.defpath, "TERM": "xterm-256color", "COLORFGBG": "15;0"}
            environment |= {"COLUMNS": "80", "LINES": "24", "PYTHONPATH": str(Path(__file__).parents[3])}
            program = f"input()\n{program}"
            os.execve(sys.executable, [sys.executable, "-c", program], environment)
        self.written = b""
        self.resize(width, height)
        self.press("\n")

    def resize(self, width: int, height: int) -> None:
        import fcntl
        import struct
        import termios

        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def press(self, keys: str) -> None:
        os.write(self.terminal, keys.encode())

    def wait_for(self, text: str) -> None:
        """Read on until ``text`` was written; what came before it is forgotten."""
        give_up_s = time.monotonic() + 60.0
        while text.encode() not in self.written:
            left_s = give_up_s - time.monotonic()
            assert left_s > 0, self.written[-500:]
            if select.select([self.terminal], [], [], left_s)[0]:
                self.written += os.read(self.terminal, 65536)
        self.written = self.written.partition(text.encode())[2]

    def end(self) -> int:
        """Return the exit status."""
        status = os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
        self.process = 0
        return status

    def close(self) -> None:
        if self.process:
            os.kill(self.process, signal.SIGKILL)
            self.end()
        os.close(self.terminal)

    def echoes(self) -> bool:
        import termios

        return bool(termios.tcgetattr(self.terminal)[3] & termios.ECHO)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_on_a_real_terminal_keys_sizes_and_stopping_work_and_all_is_restored() -> None:
    with contextlib.closing(Shell(PROGRAM, 80, 24)) as shell:
        shell.wait_for("\x1b[?1049h")
        shell.wait_for("\x1b[24;1H")
        shell.press("s")
        shell.wait_for("pressed s")
        assert not shell.echoes()
        shell.resize(60, 20)
        shell.wait_for("\x1b[2J")
        shell.wait_for("\x1b[20;1H")
        shell.press("\x1a")  # Ctrl-Z
        shell.wait_for("\x1b[?1049l")
        _, status = os.waitpid(shell.process, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        assert shell.echoes()
        os.kill(shell.process, signal.SIGCONT)
        shell.wait_for("\x1b[?1049h")
        shell.wait_for("\x1b[20;1H")
        shell.press("q")
        shell.wait_for("\x1b[?25h\x1b[?1049l")
        shell.wait_for("restored")
        assert shell.echoes()
        assert shell.end() == 0


@pytest.mark.parametrize(("term", "usable"), [("dumb", False), ("xterm-256color", True)])
def test_dumb_terminals_get_no_screen(term: str, usable: bool) -> None:
    assert Screen.usable(console_of(80, 24, TERM=term)) is usable


def test_a_file_is_no_screen() -> None:
    assert not Screen.usable(Console(file=io.StringIO(), _environ={}))


def test_the_screen_saves_what_it_shows(tmp_path: Path) -> None:
    with Screen(console_of(80, 24), theme=LIGHT) as screen:
        with pytest.raises(ValueError, match="drawn"):
            screen.save_picture(tmp_path / "early.svg")
        screen.draw(SONG)
        assert LIGHT.background in screen.save_picture(tmp_path / "picture.svg").read_text(encoding="utf-8")


def test_a_picture_of_a_screen_that_is_paused_says_so(tmp_path: Path) -> None:
    with Screen(console_of(80, 24), theme=DARK) as screen:
        screen.paused = True
        screen.show_message("Saved")
        screen.draw(SONG, keys=True)
        picture = screen.save_picture(tmp_path / "picture.svg").read_text(encoding="utf-8")
    assert "paused" in picture
    assert "listening" not in picture
    assert "Saved" not in picture
