"""Makes the sessions of the sources that were asked for, for the command and for Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from live.bundle import find_bundle
from live.classifier import Classifier
from live.events import Event
from live.options import Options
from live.samples import Samples
from live.session import Session, Sink
from live.sessions import OnFailure, Place, Sessions, one_at_a_time
from live.shared_classifier import SharedClassifier
from live.sources.source import AudioSource
from live.sources.wishes import SourceWish, open_wish


class SoundKeeper(Protocol):
    """What keeps the sound of one source."""

    def __call__(self, event: Event) -> None:
        """Take an event."""

    def hear(self, samples: Samples) -> None:
        """Take the sound before it is analysed."""


Keeper = Callable[[], SoundKeeper]


def hears_several(wishes: Sequence[SourceWish], options: Options) -> bool:
    """Whether there will be several sources, so that every event says whose it is."""
    return len(wishes) > 1 or options.channels_apart or options.sources is not None


def one_session(
    wish: SourceWish,
    options: Options,
    classifier: Classifier,
    *,
    sinks: Sequence[Sink] = (),
    keeper: Keeper | None = None,
    on_wait: Callable[[str], None] | None = None,
) -> Session:
    """Open one source and make its session.

    Raises
    ------
    InputError
        When it cannot be opened.
    """
    (source,) = open_wish(wish, options, on_wait)
    return _session(source, None, options, classifier, sinks, keeper)


def several_sessions(
    wishes: Sequence[SourceWish],
    options: Options,
    classifier: Classifier,
    *,
    sinks: Sequence[Sink] = (),
    keeper: Keeper | None = None,
    on_wait: Callable[[str], None] | None = None,
    on_failure: OnFailure = lambda _name, _error: None,
    is_watched: bool = True,
) -> Sessions:
    """Open several sources and make their sessions, each with a name of its own.

    Parameters
    ----------
    wishes : sequence of SourceWish
    options : Options
    classifier : Classifier
        For the sources that ask for no other model.
    sinks : sequence of callables
        Each gets the events of all sources, one at a time.
    keeper : callable, optional
        Returns what keeps the sound of one source.
    on_wait : callable, optional
        Takes a sentence that says what is waited for.
    on_failure : callable
        Takes the name of a source that failed while listening, and why.
    is_watched : bool
        Whether somebody looks at the snapshots.

    Raises
    ------
    GenreLiveError
        When a source or a model cannot be opened.
    """
    shared: dict[str | None, Classifier] = {None: SharedClassifier(classifier)}
    for wish in wishes:
        if wish.model not in shared:
            shared[wish.model] = SharedClassifier(Classifier(find_bundle(wish.model or options.model)))
    taking = [one_at_a_time(sink) for sink in sinks]
    places = []
    for wish in wishes:
        hearing = shared[wish.model]

        def make(source: AudioSource, name: str, hearing: Classifier = hearing) -> Session:
            return _session(source, name, options, hearing, taking, keeper, is_watched=is_watched)

        places.append(
            Place(
                wish.name,
                partial(open_wish, wish, options, on_wait),
                make,
                may_wait=options.wait and wish.kind != "file",
                kind=wish.kind,
                words=wish.words,
                description=hearing.description,
            )
        )
    return Sessions(places, on_failure=on_failure)


def _session(
    source: AudioSource,
    name: str | None,
    options: Options,
    classifier: Classifier,
    sinks: Sequence[Sink],
    keeper: Keeper | None,
    *,
    is_watched: bool = True,
) -> Session:
    kept = None if keeper is None else keeper()
    return Session(
        source,
        classifier,
        hop_s=options.hop,
        smooth_s=options.smooth,
        duration_s=options.duration,
        sinks=[*sinks] if kept is None else [*sinks, kept],
        sound_sinks=[] if kept is None else [kept.hear],
        name=name,
        is_watched=is_watched,
    )
