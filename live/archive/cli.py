"""The command genre-scan."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from live.archive.options import ScanOptions, check_together
from live.argument_parser import given_options, make_parser
from live.errors import RunningError, escape_what_it_lacks, explain, flush_or_discard, print_message
from live.library_messages import quiet_libraries
from live.wording import count_of

if TYPE_CHECKING:  # the functions below import these when they need them: --help must not load NumPy
    from rich.console import Console

    from live.archive.finding import Found
    from live.archive.progress import ScanProgress
    from live.archive.scanning import Scan, Spool
    from live.file_results import FileResult

DESCRIPTION = "Classifies the music in many files, and writes one row for each file."
EXAMPLES = """\
examples:
  genre-scan ~/Music --out genres.parquet                 a row for each file below a folder
  genre-scan /archive/2025/*.mp3 @more.txt --out 2025.csv --workers 4
  genre-scan ~/Music --out genres.csv --tag --dry-run     show which tags would be written
  genre-scan s3://bucket/prefix --out genres.parquet --scheduler tcp://head:8786

Run the same command again to continue: files that have a row are skipped unless
they have changed.

exit status: 0 done, 1 failed or interrupted while running, 2 bad arguments or
unreadable input.
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of genre-scan's arguments."""
    return make_parser(ScanOptions, "genre-scan", description=DESCRIPTION, epilog=EXAMPLES)


@contextlib.contextmanager
def _interrupted_by_any_signal() -> Iterator[None]:
    """Raise KeyboardInterrupt on SIGTERM, SIGHUP and Ctrl-Break as on SIGINT; nohup lets it ignore SIGHUP."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    names = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
    before = {
        name: signal.signal(name, interrupt) for name in names if signal.getsignal(name) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _run(options: ScanOptions) -> None:
    """Run the scan that the options ask for."""
    from rich.console import Console

    from live.archive.classification import ClassifyFiles, ScanSettings
    from live.archive.ledger import Ledger
    from live.archive.scanning import Scan, Spool, model_named
    from live.archive.tagging import Tagger

    console = Console(stderr=True)
    model = model_named(options.model)
    settings = ScanSettings(
        _absolute_if_folder(options.model), options.hop, options.smooth, options.sample, options.patience
    )
    ledger = None
    if options.out is not None and not options.to_stdout:
        ledger = Ledger(options.out, options.stretches, model, settings)
    scan = Scan(
        options.inputs,
        model,
        ClassifyFiles(settings, model.sha256, memory_limit=options.memory * 1_000_000),
        lambda sentence: print_message("genre-scan", sentence),
        ledger,
        Tagger(options.at_least, options.overwrite, options.dry_run) if options.tag else None,
    )
    with contextlib.closing(Spool()) as spool, ledger or contextlib.nullcontext():
        scan.find(spool, again=options.again, retry=options.retry)
        scan.tag_finished()
        if spool.files:
            _classify(scan, spool, options, console)
    _sum_up(scan, options, console)


def _absolute_if_folder(model: str) -> str:
    """Return the absolute path of a bundle's folder; the name of a shipped bundle is unchanged."""
    from live.bundle import shipped_models

    return model if model in shipped_models() else str(Path(model).absolute())


def _classify(scan: Scan, spool: Spool, options: ScanOptions, console: Console) -> None:
    from live.archive.progress import ScanProgress
    from live.spreading.engines import open_engine

    engine = open_engine(workers=options.processes, scheduler=options.scheduler, notify=scan.notify)
    with contextlib.closing(engine), ScanProgress(console, spool.files, spool.size) as progress:
        scan.notify = progress.notify
        scan.classify(engine, spool, _ResultHandler(progress, options, scan))
    progress.notify(progress.sentence())


class _ResultHandler:
    """Callback for each result: updates the progress, and writes rows that go to standard output."""

    def __init__(self, progress: ScanProgress, options: ScanOptions, scan: Scan) -> None:
        self._progress, self._to_stdout, self._model = progress, options.to_stdout, scan.model

    def __call__(self, found: Found, result: FileResult) -> None:
        from live.archive.ledger import category_of
        from live.archive.rows import file_row
        from live.outputs.lines import write_line

        if self._to_stdout:
            write_line(sys.stdout, json.dumps(file_row(result, self._model)))
        self._progress.add(category_of(result), result.duration_s, found.size)


def _sum_up(scan: Scan, options: ScanOptions, console: Console) -> None:
    """Print a summary of the results and of the tags."""
    from rich.console import Console as StandardOutput

    from live.archive.progress import summary_lines

    def tell(sentence: str) -> None:
        console.print(sentence, soft_wrap=True, highlight=False, markup=False)

    if scan.finished_before:
        tell(f"Already among the rows: {count_of(scan.finished_before, 'file')}.")
    if scan.passed_over:
        tell(f"No audio, and passed over: {count_of(scan.passed_over, 'file')}.")
    for outcome, words in (
        ("written", "Tagged with the genre"), ("shown", "Would be tagged with the genre"),
        ("kept", "Not tagged, since there is a genre already"),
        ("unsure", "Not tagged, since the confidence is too low"),
        ("refused", "Cannot be tagged"),
    ):  # fmt: skip
        if scan.tagged[outcome]:
            tell(f"{words}: {count_of(scan.tagged[outcome], 'file')}.")
    out = console if options.to_stdout else StandardOutput()
    encoding = (sys.stderr if options.to_stdout else sys.stdout).encoding
    for line in summary_lines(scan.totals, scan.model.labels, encoding):
        out.print(line, soft_wrap=True, highlight=False, markup=False)


def main(argv: Sequence[str] | None = None) -> int:
    """Run genre-scan.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments. Default: those of the process.

    Returns
    -------
    int
        The exit status: 0 done, 1 failed or interrupted while running, 2 bad arguments or unreadable input.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # one thread for each process
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    escape_what_it_lacks(sys.stdout)
    try:
        options = ScanOptions(**given_options(build_parser(), words))
        check_together(options)
        with _interrupted_by_any_signal(), quiet_libraries(enabled=not debug):
            _run(options)
    except KeyboardInterrupt:
        resumes = "--out" in words and "-" not in words
        print_message(
            "genre-scan", f"Interrupted{': the same command goes on where this one stood' * resumes}."
        )
        return 1
    except BrokenPipeError:  # the reader of the rows has ended
        return 0
    except OSError as error:
        what = error.filename if isinstance(error.filename, str) else "A file"
        failure = RunningError(f"{what} cannot be read or written ({error.strerror}): check the disk.")
        return explain("genre-scan", failure, debug=debug)
    except Exception as error:
        return explain("genre-scan", error, debug=debug)
    finally:
        flush_or_discard(sys.stdout, sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
