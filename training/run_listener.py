"""What a run of genre-train tells of itself: sentences, and the progress of its steps."""

from __future__ import annotations

from contextlib import AbstractContextManager

from .dataset.shards import Progress
from .network.fit import FitProgress


class RunListener:
    """Receives messages and progress of a run: messages may be ignored, the progress must be defined."""

    def notify(self, sentence: str) -> None:
        """Receive a sentence for the user."""

    def progress(self, title: str) -> AbstractContextManager[Progress]:
        """Return a context manager for a step of work, with the function that counts it."""
        raise NotImplementedError

    def fit_progress(self) -> AbstractContextManager[FitProgress]:
        """Return a context manager for the fit, with the object that receives its progress."""
        raise NotImplementedError
