"""A capture process that hangs, dies or is no use: whoever asked it goes on."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from live.errors import InputError
from live.sources.microphones.driver import CaptureProcess, HangingDriverError, _exactly
from live.sources.microphones.inputs import InputRequest

PATIENCE_S = 30.0  # for a hang to be called one


class _Waiting:
    """A capture process, and what it has told of itself."""

    def __init__(self) -> None:
        self.has_ended = threading.Event()
        self.driver = CaptureProcess(lambda *_, **__: None, self.has_ended.set)


@pytest.fixture
def waiting() -> _Waiting:
    return _Waiting()


def test_a_message_is_read_whole_however_it_comes_and_half_of_one_is_none() -> None:
    content = bytes(range(256)) * 4_000  # more than any pipe takes at once
    ours, its = os.pipe()

    def send() -> None:
        with os.fdopen(its, "wb", buffering=0) as pipe:
            for start in range(0, len(content), 70_000):
                pipe.write(content[start : start + 70_000])
            pipe.write(b"half")

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    with os.fdopen(ours, "rb", buffering=0) as pipe:
        assert _exactly(pipe, len(content)) == content
        assert _exactly(pipe, 8) == b""
    sender.join(PATIENCE_S)


def test_what_is_wrong_with_a_device_is_told_as_if_it_was_asked_here(waiting: _Waiting) -> None:
    with pytest.raises(InputError) as raised:
        waiting.driver.open(InputRequest("no such device"), PATIENCE_S)
    assert str(raised.value).endswith(".")
    waiting.driver.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot stop a process.")
def test_a_process_that_does_not_answer_is_not_waited_for(waiting: _Waiting) -> None:
    waiting.driver._process.send_signal(signal.SIGSTOP)
    with pytest.raises(HangingDriverError, match="does not answer"):
        waiting.driver.open(InputRequest("any"), 0.05)
    waiting.driver.close()
    assert waiting.driver._process.wait(PATIENCE_S) is not None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot stop a process.")
def test_closing_ends_whoever_waits_for_an_answer(waiting: _Waiting) -> None:
    waiting.driver._process.send_signal(signal.SIGSTOP)
    closing = threading.Timer(0.1, waiting.driver.close)
    closing.start()
    began_s = time.monotonic()
    with pytest.raises(HangingDriverError):
        waiting.driver.open(InputRequest("any"), 10 * PATIENCE_S)
    assert time.monotonic() - began_s < PATIENCE_S
    closing.join()


def test_a_process_that_dies_is_over(waiting: _Waiting) -> None:
    waiting.driver._process.kill()
    assert waiting.has_ended.wait(PATIENCE_S)
    with pytest.raises(HangingDriverError):
        waiting.driver.open(InputRequest("any"), PATIENCE_S)
    waiting.driver.close()


def test_a_folder_full_of_others_modules_lends_it_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("live", "json", "sounddevice"):
        tmp_path.joinpath(f"{name}.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    process = _Waiting()
    with pytest.raises(InputError) as raised:
        process.driver.open(InputRequest("no such device"), PATIENCE_S)
    assert not isinstance(raised.value, HangingDriverError)
    process.driver.close()


def test_a_library_that_looks_at_standard_input_waits_for_no_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.joinpath("sounddevice.py").write_text("import os\nraise OSError(os.read(0, 1))")
    monkeypatch.syspath_prepend(tmp_path)
    process = _Waiting()
    with pytest.raises(InputError) as raised:
        process.driver.open(InputRequest("no such device"), PATIENCE_S)
    assert not isinstance(raised.value, HangingDriverError)
    process.driver.close()
