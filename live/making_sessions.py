"""Creates the sessions of the requested sources, for the command and for the Python interface."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from live.bundle import BundleDescription, find_bundle, read_description
from live.classifier import Classifier
from live.events import Event
from live.options import Options
from live.session import Sink, SoundSink, SourceSession
from live.sessions import OnFailure, Sessions, SourceSlot, one_at_a_time
from live.shared_classifier import SharedClassifier
from live.sources.source import AudioSource
from live.sources.source_requests import SourceRequest, open_sources


class SoundKeeper(SoundSink, Protocol):
    """Keeps the sound of one source, to save clips of it."""

    def __call__(self, event: Event) -> None:
        """Receive an event."""


Keeper = Callable[[], SoundKeeper]


def are_several(requests: Sequence[SourceRequest], options: Options) -> bool:
    """Return whether there may be several sources, so that every event has to carry a name."""
    return len(requests) > 1 or options.channels_apart or options.sources is not None


def models_of(requests: Sequence[SourceRequest], options: Options) -> list[BundleDescription]:
    """Return the descriptions of the sources' models, each once.

    Raises
    ------
    BundleError
        When there is no such model, or it is broken.
    """
    names = dict.fromkeys(request.model or options.model for request in requests)
    return [read_description(find_bundle(name)) for name in names]


def open_sessions(
    requests: Sequence[SourceRequest],
    options: Options,
    classifier: Classifier,
    *,
    sinks: Sequence[Sink],
    keeper: Keeper | None,
    on_wait: Callable[[str], None],
    on_failure: OnFailure,
    is_watched: bool,
) -> SourceSession | Sessions:
    """Open the sources, and return the session of one, or those of several.

    The parameters are those of ``one_session`` and ``several_sessions``.
    """
    if are_several(requests, options):
        return several_sessions(
            requests, options, classifier, sinks=sinks, keeper=keeper, on_wait=on_wait, on_failure=on_failure,
            is_watched=is_watched,
        )  # fmt: skip
    (request,) = requests
    return one_session(
        request, options, classifier, sinks=sinks, keeper=keeper, on_wait=on_wait, is_watched=is_watched
    )


def one_session(
    request: SourceRequest,
    options: Options,
    classifier: Classifier,
    *,
    sinks: Sequence[Sink] = (),
    keeper: Keeper | None = None,
    on_wait: Callable[[str], None] | None = None,
    is_watched: bool = True,
) -> SourceSession:
    """Open one source and return its session.

    Parameters
    ----------
    request : SourceRequest
    options : Options
    classifier : Classifier
    sinks : sequence of callables
        Each is called with every event.
    keeper : callable, optional
        Returns what keeps the sound of a source.
    on_wait : callable, optional
        Called with a sentence that says what the program is waiting for.
    is_watched : bool
        Whether the snapshots are shown; see ``live.session.SourceSession``.

    Raises
    ------
    InputError
        When the source cannot be opened.
    """
    (source,) = open_sources(request, options, on_wait, is_watched=is_watched)
    return _session(source, None, options, classifier, sinks, keeper, is_watched=is_watched)


def several_sessions(
    requests: Sequence[SourceRequest],
    options: Options,
    classifier: Classifier,
    *,
    sinks: Sequence[Sink] = (),
    keeper: Keeper | None = None,
    on_wait: Callable[[str], None] | None = None,
    on_failure: OnFailure = lambda _name, _error: None,
    is_watched: bool = True,
) -> Sessions:
    """Open several sources and return their sessions, each with a unique name.

    Parameters
    ----------
    requests : sequence of SourceRequest
    options : Options
    classifier : Classifier
        For the sources that do not name another model.
    sinks : sequence of callables
        Each is called with the events of all sources, one at a time.
    keeper : callable, optional
        Returns what keeps the sound of a source.
    on_wait : callable, optional
        Called with a sentence that says what the program is waiting for.
    on_failure : callable
        Called with the name of a source that failed while listening, and its error.
    is_watched : bool
        Whether the snapshots are shown; see ``live.session.SourceSession``.

    Raises
    ------
    GenreLiveError
        When a source or a model cannot be opened.
    """
    shared: dict[str | None, Classifier] = {None: SharedClassifier(classifier)}
    for request in requests:
        if request.model not in shared:
            shared[request.model] = SharedClassifier(Classifier(find_bundle(request.model or options.model)))
    taking = [one_at_a_time(sink) for sink in sinks]
    slots = []
    for request in requests:
        model = shared[request.model]

        def make(source: AudioSource, name: str, model: Classifier = model) -> SourceSession:
            return _session(source, name, options, model, taking, keeper, is_watched=is_watched)

        slots.append(
            SourceSlot(
                request.name,
                partial(open_sources, request, options, on_wait, is_watched=is_watched),
                make,
                may_wait=options.wait and request.kind != "file",
                kind=request.kind,
                shown_name=request.shown_name,
                description=model.description,
            )
        )
    return Sessions(slots, on_failure=on_failure)


def _session(
    source: AudioSource,
    name: str | None,
    options: Options,
    classifier: Classifier,
    sinks: Sequence[Sink],
    keeper: Keeper | None,
    *,
    is_watched: bool = True,
) -> SourceSession:
    kept = None if keeper is None else keeper()
    return SourceSession(
        source,
        classifier,
        hop_s=options.hop,
        smooth_s=options.smooth,
        duration_s=options.duration,
        sinks=[*sinks] if kept is None else [*sinks, kept],
        sound_sinks=[] if kept is None else [kept],
        name=name,
        is_watched=is_watched,
    )
