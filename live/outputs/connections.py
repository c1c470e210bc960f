"""The outputs that the options name, besides standard output and the screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from live.errors import print_message
from live.events import Event
from live.options import Options
from live.outputs.verdict_filter import VerdictFilter, read_names

if TYPE_CHECKING:  # most sessions use none of these, and they are slow to import
    from live.outputs.background import BackgroundSink
    from live.outputs.change_command import ChangeCommand
    from live.outputs.clips import ClipWriter
    from live.outputs.session_log import CsvLog, JsonLog
    from live.outputs.web.server import WebPage
    from live.snapshot import Snapshot


class Notices:
    """Prints messages for the user on standard error, at once or after the screen has closed.

    Parameters
    ----------
    keep : bool
        Whether to hold them back until ``show``.

    Attributes
    ----------
    on_screen : callable or None
        Called with each message that is held back, to show it on the screen meanwhile.
    """

    def __init__(self, *, keep: bool) -> None:
        self._keep = keep
        self._kept: list[str] = []
        self.on_screen: Callable[[str], None] | None = None

    def __call__(self, sentence: str) -> None:
        """Print or keep a message; any thread may call this."""
        self._kept.append(sentence)
        if not self._keep:
            self.show()
        elif self.on_screen is not None:
            self.on_screen(sentence)

    def show(self) -> None:
        """Print the messages that were held back."""
        while self._kept:
            print_message("genre-live", self._kept.pop(0))


class Connections:
    """The log, clips, command, OSC receiver, MQTT broker and web page that the options name.

    Parameters
    ----------
    options : Options
    labels : sequence of str
        The labels of all models in use.
    models : sequence of str
        Their names.
    on_screen : bool
        Whether a screen is drawn; messages must then wait.
    expected : sequence of str
        Names of the sources that may be waited for while others play, as far as they are known.

    Attributes
    ----------
    sinks : list of callables
        The sinks for the session.
    report : Notices
        Prints a message for the user, at once or after the screen has closed.
    clips : ClipWriter or None
        Saves clips, where the options ask for it.

    Raises
    ------
    InputError
        When one of them cannot be opened.
    """

    def __init__(
        self,
        options: Options,
        labels: Sequence[str],
        *,
        models: Sequence[str],
        on_screen: bool,
        expected: Sequence[str] = (),
    ) -> None:
        self.report = Notices(keep=on_screen)
        only = () if options.only is None else read_names(options.only, labels, models)
        self._filter = VerdictFilter(only, options.min_confidence)
        self._threads: list[BackgroundSink | ChangeCommand] = []
        self._log: JsonLog | CsvLog | None = None
        if options.on_change is not None:
            from live.outputs.change_command import ChangeCommand

            self._threads.append(
                ChangeCommand(
                    options.on_change,
                    self.report,
                    cooldown_s=options.cooldown or 0.0,
                    show_output=options.debug,
                    runs_for=self._filter.runs_for,
                )
            )
        if options.osc is not None:
            from live.outputs.open_sound_control import OpenSoundControl

            self._threads.append(OpenSoundControl(options.osc, self.report))
        if options.mqtt is not None:
            from live.outputs.mqtt import Mqtt

            self._threads.append(Mqtt(options.mqtt, self.report, expected))
        if options.log is not None:
            from live.outputs.session_log import open_log

            inputs = [path for path in options.file if path != "-"]
            self._log = open_log(options.log, labels, inputs)
        self.clips = _clips(options, self.report)
        self._page = self._open_page(options) if options.web is not None else None
        self.sinks: list[Callable[[Event], None]] = [self._tell_programs]
        self.sinks += [sink for sink in (self._log, self._page) if sink is not None]

    def _open_page(self, options: Options) -> WebPage:
        from live.outputs.web.server import WebPage

        page = WebPage(str(options.web), self.report, token=options.web_token, is_open=options.web_open)
        page.start()  # before the source is open: meanwhile the page says that the program waits for it
        if not page.is_over:
            print_message("genre-live", page.notice)  # at once, before a screen is drawn
        return page

    def _tell_programs(self, event: Event) -> None:
        """Send an event to the other programs, filtered by ``--only`` and ``--min-confidence``."""
        filtered = self._filter(event)
        for sink in self._threads:
            sink(filtered)

    def start(self, snapshots: Callable[[], Sequence[Snapshot]], is_well: Callable[[], bool]) -> None:
        """Start to deliver events.

        Parameters
        ----------
        snapshots : callable
            Returns the newest snapshot of each source.
        is_well : callable
            Returns whether the sessions are still working.
        """
        for sink in self._threads:
            sink.start()
        if self.clips is not None:
            self.clips.start()
        if self._page is not None:
            self._page.watch(snapshots, is_well)

    def close(self) -> None:
        """Deliver the remaining events, within a limited time, and close all outputs."""
        for sink in self._threads:
            sink.close()
        if self.clips is not None:
            self.clips.close()
        if self._page is not None:
            self._page.close()
        if self._log is not None:
            self._log.close()
        self.report.show()


def _clips(options: Options, report: Notices) -> ClipWriter | None:
    """Return the writer of clips, where the options ask for one."""
    if options.keep is None:
        return None
    from live.outputs.clip_folder import MEGABYTE, ClipFolder
    from live.outputs.clips import ClipWriter

    folder = ClipFolder(
        options.keep,
        format=options.keep_format,
        most_clips=options.keep_clips,
        most_bytes=options.keep_megabytes * MEGABYTE,
    )
    return ClipWriter(folder, report, seconds=options.keep_seconds)
