"""The pictures of a report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..network.history import FitHistory
from .estimates import CALIBRATION_BINS, Votes, calibration_bins
from .metrics import VOTE_SECONDS
from .results import Measures, RoomMeasure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CLEAN, MICROPHONE, FAINT = "#1b6ca8", "#d1603d", "#9aa5b1"
PIXELS_PER_INCH = 110
LONGEST_LABEL = 24  # characters in a picture, so that the labels leave room for it


def as_number(value: float | None) -> float:
    """Return a figure for drawing; None becomes NaN, which leaves a gap."""
    return float("nan") if value is None else value


def label_in_picture(label: str) -> str:
    """Return a label as a text for Matplotlib, not too long, and without formulas between dollar signs."""
    short = label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1]}…"
    return short.replace("$", r"\$")


def _figure(width: float = 6.4, height: float = 4.0) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _save(figure: Figure, path: Path) -> None:
    # Without the name and version of the software, equal figures give equal files.
    figure.savefig(path, dpi=PIXELS_PER_INCH, metadata={"Software": None})


def draw_curves(history: FitHistory, path: Path) -> None:
    """Draw loss and accuracy by epoch."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9.6, 3.8), layout="constrained")
    epochs = np.arange(1, history.epochs + 1)
    mark = "o" if history.epochs < 8 else ""
    for axes, name, fitted, validated in (
        (figure.add_subplot(1, 2, 1), "Accuracy", history.accuracy, history.valid_accuracy),
        (figure.add_subplot(1, 2, 2), "Loss (nats)", history.loss, history.valid_loss),
    ):
        axes.plot(
            epochs, fitted, color=FAINT, marker=mark, label="fitting (windows as changed by augmentation)"
        )
        axes.plot(epochs, validated, color=CLEAN, marker=mark, label="validation (clean windows)")
        axes.axvline(history.best_epoch, color=MICROPHONE, linewidth=1, linestyle=":", label="epoch kept")
        axes.set(xlabel="Epoch", title=name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].legend(frameon=False, fontsize="small")
    _save(figure, path)


def draw_confusion(labels: Sequence[str], confusion: npt.NDArray[np.int64], path: Path) -> None:
    """Draw the confusion matrix."""
    side = max(4.5, 0.55 * len(labels) + 2)
    figure, axes = _figure(side + 0.6, side)
    share = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    names = [label_in_picture(label) for label in labels]
    axes.set_xticks(range(len(labels)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), names)
    axes.set(xlabel="Heard", ylabel="True", title="Whole clips")
    if len(labels) <= 30:
        for row, column in np.ndindex(confusion.shape):
            if confusion[row, column]:
                color = "white" if share[row, column] > 0.55 else "#22303c"
                text = str(confusion[row, column])
                axes.text(column, row, text, ha="center", va="center", color=color, fontsize="small")
    _save(figure, path)


def draw_reliability(votes: Votes, path: Path) -> None:
    """Draw the reliability diagram: the accuracy of the vote for each confidence."""
    figure, axes = _figure(5.2, 4.6)
    number = calibration_bins(votes.confidence)
    count = np.bincount(number, minlength=CALIBRATION_BINS)
    used = count > 0
    stated = np.bincount(number, votes.confidence, CALIBRATION_BINS)[used] / count[used]
    right = np.bincount(number, votes.right, CALIBRATION_BINS)[used] / count[used]
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle="--", label="perfectly honest")
    axes.bar(
        (np.arange(CALIBRATION_BINS) + 0.5) / CALIBRATION_BINS, count / max(1, int(count.sum())),
        width=0.9 / CALIBRATION_BINS, color=FAINT, alpha=0.35, label="share of votes",
    )  # fmt: skip
    axes.plot(stated, right, color=CLEAN, marker="o", label="this model")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="What the vote says", ylabel="How often it is right")
    axes.legend(frameon=False, fontsize="small")
    _save(figure, path)


def risk_and_coverage(
    votes: Votes,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Compute the risk-coverage curve: the share of wrong genres above each threshold of confidence.

    A vote for no music or other music names no genre, whatever its confidence.

    Returns
    -------
    threshold, coverage, risk : ndarray [shape=(n,)]
        By decreasing threshold, with one entry for each confidence that occurs.
    """
    confidence, right = votes.confidence[votes.of_genre], votes.right[votes.of_genre]
    if len(confidence) == 0:  # no vote named a genre
        return confidence, confidence, confidence
    order = np.argsort(-confidence, kind="stable")
    said = np.arange(1, len(order) + 1)
    wrong = np.cumsum(1 - right[order])
    last = np.append(confidence[order][1:] != confidence[order][:-1], True)
    return confidence[order][last], (said / len(votes.confidence))[last], (wrong / said)[last]


def draw_risk_and_coverage(
    hearings: Sequence[tuple[str, str, Measures]], threshold: float, path: Path
) -> None:
    """Draw the risk-coverage curve."""
    figure, axes = _figure(6.4, 4.2)
    for name, color, measured in hearings:
        thresholds, coverage, risk = risk_and_coverage(measured.votes)
        axes.plot(coverage, risk, color=color, label=name)
        at = int(np.searchsorted(-thresholds, -threshold, side="right")) - 1
        if at >= 0:
            axes.plot(coverage[at], risk[at], color=color, marker="o")
    axes.plot([], [], color=FAINT, marker="o", linestyle="", label=f"“unsure” below {threshold:.0%}")
    axes.set(
        xlim=(0, 1),
        ylim=(0, None),
        xlabel="Share of the time a genre is named",
        ylabel="Share of those wrong",
    )
    axes.legend(frameon=False, fontsize="small")
    _save(figure, path)


def draw_vote(hearings: Sequence[tuple[str, str, Measures]], path: Path) -> None:
    """Draw the vote's accuracy by seconds listened."""
    figure, axes = _figure(6.4, 4.0)
    for name, color, measured in hearings:
        estimates = [measured.vote_accuracy[str(seconds)] for seconds in VOTE_SECONDS]
        axes.plot(
            VOTE_SECONDS, [as_number(each.value) for each in estimates], color=color, marker="o", label=name
        )
        low, high = np.array([each.interval or (np.nan, np.nan) for each in estimates]).T
        axes.fill_between(VOTE_SECONDS, low, high, color=color, alpha=0.12)
    axes.set(ylim=(0, 1), xlabel="Seconds listened", ylabel="Vote right", xticks=VOTE_SECONDS)
    axes.legend(frameon=False, fontsize="small", loc="lower right")
    _save(figure, path)


def draw_rooms(rooms: Sequence[RoomMeasure], path: Path) -> None:
    """Draw accuracy by reverberation time, one line for each direct-to-reverberant ratio."""
    figure, axes = _figure(6.4, 4.2)
    dry = [room for room in rooms if not room.rt60_s]
    ratios = sorted({room.direct_db for room in rooms if room.rt60_s}, reverse=True)
    for number, direct_db in enumerate(ratios):
        line = [*dry, *(room for room in rooms if room.rt60_s and room.direct_db == direct_db)]
        shade = CLEAN if number == 0 else MICROPHONE if number == len(ratios) - 1 else FAINT
        axes.plot(
            [room.rt60_s for room in line], [as_number(room.clip_accuracy.value) for room in line],
            color=shade, marker="o", label=f"direct sound {direct_db:+g} dB",
        )  # fmt: skip
    axes.set(ylim=(0, 1), xlabel="Reverberation time RT60 (s)", ylabel="Whole clips right")
    axes.legend(frameon=False, fontsize="small")
    _save(figure, path)
