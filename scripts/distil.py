"""Fit a small network of the recipe ``live`` to the answers of several wide ones, with JAX.

    python -m scripts.distil GTZAN.npz wild.csv no_music.csv --out fits/all
    python -m scripts.bundle_fit fits/all --out models/mine --recurrent-rank 64

It needs JAX beside this package, and an accelerator: on an H200, a fit takes two minutes. First the wide
networks, the teachers, are fitted together on the labels. Then the small network is fitted on new windows,
mostly to the mean of the teachers' answers (Hinton, Vinyals and Dean, 2015), and partly to the labels. All
windows are augmented as in genre-train, teacher and student receive the same ones, and no window is drawn
twice. With --without, the clips that text files name (see scripts.cross_validation) are left out. The
teachers are saved as soon as they are fitted; with --resume, a fit that was interrupted later goes on there.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import hashlib
import json
import os
import sys
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

try:
    import jax
    import jax.numpy as jnp
    from jax import lax
except ImportError:
    sys.exit("distil: JAX is not installed: python -m pip install jax, or jax[cuda13] for a GPU of NVIDIA's.")

from live.bundle import KERAS_FILE
from live.errors import GenreLiveError, InputError, RunningError, explain, one_line
from live.events import NO_MUSIC
from scripts.bundle_fit import FIT_FILE
from scripts.cross_validation import clips_named_in, without_endings
from scripts.jax_windows import (
    STOCK,
    Array,
    Augmenter,
    Drawn,
    Shares,
    Sounds,
    noise_stock,
    shares_of,
    sounds_of,
)
from training.console import ConsoleListener
from training.dataset.clips import UNLABELLED, check_labels
from training.dataset.features import cache_folder
from training.dataset.splits import SPLITS, whole_store
from training.dataset.store import FeatureStore
from training.datasets import DatasetOptions, open_datasets
from training.evaluation.record import DatasetRecord, RefitRecord, TrainingRecord
from training.garbage import look_for_garbage_seldom
from training.network.batches import Crops
from training.network.bundle import package_versions
from training.network.recipes import LIVE

LABEL_SHARE = 0.2  # of the student's loss; the rest are the teachers' answers
UNLABELLED_FOR_STUDENT = 0.14  # its targets are the teachers' answers, so it says more than to the teachers
STEPS_AT_ONCE = 50
TEACHERS_FILE = "teachers.json"
STUDENT_RANKS = (None, 40, 64)

State = Any
"""Values of a network's trainable and other variables, and of the optimizer's."""

Losses = Callable[[Drawn, Any], Callable[[Array], Array]]
"""(drawn windows, values of the teachers) → a function from answers to the loss of each window."""


@dataclass(frozen=True)
class Plan:
    """What to fit, and for how long.

    Attributes
    ----------
    teachers : int
    width : float
        Of the teachers; the student has a width of 1.
    teacher_steps, student_steps, batch_size : int
    steps_at_once : int
        Number of steps in one call of the accelerator; a divisor of both numbers of steps.
    seed : int

    Raises
    ------
    InputError
        When a number is not positive, or ``steps_at_once`` is no such divisor.
    """

    teachers: int
    width: float
    teacher_steps: int
    student_steps: int
    batch_size: int
    steps_at_once: int
    seed: int

    def teachers_fingerprint(self, clips: Sequence[str], labels: Sequence[str]) -> str:
        """Return a digest of all that the teachers are fitted with."""
        fitted_with = {**asdict(self), "student_steps": None, "clips": list(clips), "labels": list(labels)}
        return hashlib.sha256(json.dumps(fitted_with).encode()).hexdigest()

    def __post_init__(self) -> None:
        numbers = (self.teachers, self.width, self.teacher_steps, self.student_steps, self.batch_size)
        if min(*numbers, self.steps_at_once) <= 0:
            raise InputError("Numbers of teachers, steps and windows and the width must be above 0.")
        if self.teacher_steps % self.steps_at_once or self.student_steps % self.steps_at_once:
            raise InputError(f"Give multiples of {self.steps_at_once} steps, or another --steps-at-once.")


class Learner:
    """A network of the recipe and its optimizer, whose values are kept outside, as JAX needs it.

    Parameters
    ----------
    network : keras.Model
        Its fixed inverse DCT is replaced by the identity, since windows are given as mel levels here.
    steps : int
        Of the whole fit.
    """

    def __init__(self, network: Any, steps: int) -> None:
        self.network = network
        self._inverse_dct = network.get_layer("inverse_dct")
        self._basis = self._inverse_dct.get_weights()
        self._take_mel_levels()
        self._optimizer = LIVE.optimizer(steps)
        self._optimizer.build(network.trainable_variables)

    def _take_mel_levels(self) -> None:
        self._inverse_dct.set_weights([np.eye(*self._basis[0].shape, dtype=np.float32)])

    def start(self) -> State:
        """Return the values before the first step."""
        own = self.network.trainable_variables, self.network.non_trainable_variables
        # Copies, because the accelerator reuses the memory of a state for the next one.
        return [[jnp.array(variable.value) for variable in of] for of in (*own, self._optimizer.variables)]

    def updated(self, state: State, windows: Array, loss: Callable[[Array], Array]) -> tuple[State, Array]:
        """Return the state after one step, and the loss of the answers before it."""
        trainable, other, optimizer = state

        def of_values(values: Any) -> tuple[Array, Any]:
            answers, changed = self.network.stateless_call(values, other, windows, training=True)
            return loss(answers).mean(), changed

        (value, other), gradients = jax.value_and_grad(of_values, has_aux=True)(trainable)
        trainable, optimizer = self._optimizer.stateless_apply(optimizer, gradients, trainable)
        return [trainable, other, optimizer], value

    def answers(self, values: State, windows: Array) -> Array:
        """Return probabilities, with the values that ``averaged`` returned."""
        answers: Array = self.network.stateless_call(*values, windows, training=False)[0]
        return answers

    def averaged(self, state: State) -> State:
        """Give the network its averaged weights, and return them and the other variables' values."""
        trainable, other, optimizer = state
        for variables, values in (
            (self.network.trainable_variables, trainable),
            (self.network.non_trainable_variables, other),
            (self._optimizer.variables, optimizer),
        ):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        self._optimizer.finalize_variable_values(self.network.trainable_variables)
        return self.start()[:2]

    def save(self, path: Path) -> None:
        """Write the network for MFCCs."""
        self._inverse_dct.set_weights(self._basis)
        self.network.save(path)
        self._take_mel_levels()

    def load(self, path: Path) -> State:
        """Give the network the weights that ``save`` wrote, and return what ``averaged`` did."""
        self.network.load_weights(path)
        self._take_mel_levels()
        return self.start()[:2]


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Raise a RunningError when what is inside cannot write to a folder, as on a full disk."""
    try:
        yield
    except OSError as error:
        raise RunningError(
            f"{folder} cannot be written ({error.strerror or error}): make room, and give --resume to go on "
            "with teachers that are fitted."
        ) from None


class TeachersFolder:
    """The fitted teachers of a fit, on disk until its student is fitted too.

    Parameters
    ----------
    folder : Path
        Of the fit.
    fingerprint : str
        See ``Plan.teachers_fingerprint``.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self._folder, self._fingerprint = folder, fingerprint
        self._about = folder / TEACHERS_FILE

    def _network(self, number: int) -> Path:
        return self._folder / f"teacher-{number}.keras"

    def save(self, teachers: Sequence[Learner]) -> None:
        """Write the teachers."""
        with _writing(self._folder):
            self._about.unlink(missing_ok=True)
            for number, teacher in enumerate(teachers):
                teacher.save(self._network(number))
            self._about.write_text(json.dumps({"fingerprint": self._fingerprint}) + "\n", encoding="utf-8")

    def load(self, teachers: Sequence[Learner]) -> list[State] | None:
        """Give the teachers their weights, and return their values; None when they are not fitted yet.

        Raises
        ------
        InputError
            When the teachers belong to another fit, or cannot be read.
        """
        if not self._about.exists():
            return None
        again = "leave out --resume to start again"
        try:
            if json.loads(self._about.read_text(encoding="utf-8"))["fingerprint"] != self._fingerprint:
                raise InputError(
                    f"The teachers in {self._folder} were fitted with other options or data: give the same "
                    f"ones again, or {again}."
                )
            return [teacher.load(self._network(number)) for number, teacher in enumerate(teachers)]
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise InputError(
                f"The teachers in {self._folder} cannot be read: {again} ({one_line(str(error))})."
            ) from None

    def remove(self, teachers: int) -> None:
        """Remove them."""
        for path in (self._about, *map(self._network, range(teachers))):
            path.unlink(missing_ok=True)


def label_loss(targets: Array, answers: Array) -> Array:
    """Return the loss of ``training.network.fit.genre_loss`` with the recipe's smoothing."""
    from training.network.fit import genre_loss

    loss: Array = genre_loss(LIVE.label_smoothing)(targets, answers)
    return loss


def student_loss(targets: Array, taught: Array, answers: Array) -> Array:
    """Return the cross-entropy to the teachers' answers, with a part of the loss of the labels.

    Parameters
    ----------
    targets, taught, answers : array [shape=(windows, labels)]
        Of the labels, the teachers and the student.
    """
    of_teachers = -(taught * jnp.log(jnp.clip(answers, 1e-7, 1.0))).sum(axis=-1)
    unlabelled = targets.sum(axis=-1) > 1.5
    share = jnp.where(unlabelled, 0.0, LABEL_SHARE)
    return (1 - share) * of_teachers + share * label_loss(targets, answers)


def _in_chunks(
    learners: Sequence[Learner], losses: Losses
) -> Callable[[list[State], Drawn, Any], tuple[list[State], Array]]:
    """Return a compiled function that makes a step with all learners on each of some batches of windows.

    The teachers are arguments, because JAX compiles what it finds elsewhere into the program.
    """

    def chunk(states: list[State], batches: Drawn, taught: Any) -> tuple[list[State], Array]:
        def step(states: list[State], drawn: Drawn) -> tuple[list[State], Array]:
            loss = losses(drawn, taught)
            made = [
                learner.updated(state, drawn.windows, loss)
                for learner, state in zip(learners, states, strict=True)
            ]
            return [state for state, _ in made], jnp.stack([value for _, value in made])

        return lax.scan(step, states, batches)

    return jax.jit(chunk, donate_argnums=0)


def mean_answers(teachers: Sequence[Learner], taught: Sequence[State], windows: Array) -> Array:
    """Return the probabilities of the mean of the teachers' logits [shape=(windows, labels)]."""
    logs = [
        jnp.log(jnp.clip(teacher.answers(values, windows), 1e-7, 1.0))
        for teacher, values in zip(teachers, taught, strict=True)
    ]
    return jax.nn.softmax(sum(logs) / len(logs))


@functools.cache  # and apart from the steps, so that it is compiled once for teachers and student
def drawing(windows: int, steps: int) -> Callable[[Array, Sounds, Shares], Drawn]:
    """Return a compiled function that draws the windows of some steps."""
    augmenter = Augmenter(LIVE.front_end, LIVE.window_frames, LIVE.context_frames)

    def draw(key: Array, sounds: Sounds, shares: Shares) -> Drawn:
        def batch(key: Array) -> Drawn:
            return augmenter.batch(key, sounds, shares, windows=windows, no_music=LIVE.shares[NO_MUSIC])

        return lax.map(batch, jax.random.split(key, steps))

    return jax.jit(draw)


def distil(
    store: FeatureStore,
    used: Sequence[int],
    labels: tuple[str, ...],
    plan: Plan,
    progress: Callable[[str, int, int], None],
    saved: TeachersFolder,
    *,
    resume: bool = False,
) -> Learner:
    """Fit the teachers, then the student, and return the student.

    Parameters
    ----------
    store : FeatureStore
    used : sequence of int
        The clips to fit on.
    labels : tuple of str
    plan : Plan
    progress : callable
        Called with what is fitted, the number of finished steps and of all steps.
    saved : TeachersFolder
        Where the teachers are saved.
    resume : bool
        Whether to take the teachers that were saved there, if there are any.

    Raises
    ------
    InputError
        When there is no music or no ``no_music`` among the clips, or saved teachers cannot be taken.
    RunningError
        When the loss is no longer a number, or the teachers cannot be written.
    """
    import keras

    from training.network.networks import conv_lstm_network

    spec, window_frames = LIVE.front_end, LIVE.window_frames
    to_teach = shares_of(store, used, labels, LIVE)
    to_student = shares_of(
        store, used, labels, replace(LIVE, shares={**LIVE.shares, UNLABELLED: UNLABELLED_FOR_STUDENT})
    )
    drawn_windows = plan.batch_size * (plan.teacher_steps + plan.student_steps)
    stock = noise_stock(spec, window_frames + LIVE.context_frames, min(STOCK, drawn_windows))
    sounds: Sounds = jax.device_put(sounds_of(store, labels, stock))
    draw = drawing(plan.batch_size, plan.steps_at_once)
    of_teachers, of_student = jax.random.split(jax.random.key(plan.seed))
    segments = [segment for segment in whole_store(store) if segment.clip in set(used)]
    examples = Crops(store, segments, labels, LIVE, seed=plan.seed).examples(LIVE.batch_size)

    def network(**options: Any) -> Any:
        return conv_lstm_network(spec, window_frames, len(labels), examples, **options)

    def fitted(
        what: str,
        learners: list[Learner],
        losses: Losses,
        shares: Shares,
        steps: int,
        key: Array,
        taught: Any = (),
    ) -> list[State]:
        make_steps = _in_chunks(learners, losses)
        states = [learner.start() for learner in learners]
        for done in range(0, steps, plan.steps_at_once):
            batches = draw(jax.random.fold_in(key, done), sounds, shares)
            states, values = make_steps(states, batches, taught)
            if not bool(jnp.isfinite(values).all()):
                raise RunningError("Fitting failed: the loss is no longer a number; look for damaged audio.")
            progress(what, done + plan.steps_at_once, steps)
        return [learner.averaged(state) for learner, state in zip(learners, states, strict=True)]

    def loss_of_teachers(drawn: Drawn, _taught: Any) -> Callable[[Array], Array]:
        return lambda answers: label_loss(drawn.targets, answers)

    def loss_of_student(drawn: Drawn, taught: Any) -> Callable[[Array], Array]:
        answered = mean_answers(teachers, taught, drawn.windows)
        return lambda answers: student_loss(drawn.targets, answered, answers)

    keras.utils.set_random_seed(plan.seed)
    teachers = [Learner(network(width=plan.width), plan.teacher_steps) for _ in range(plan.teachers)]
    student = Learner(network(ranks=STUDENT_RANKS), plan.student_steps)
    taught = saved.load(teachers) if resume else None
    if taught is None:
        taught = fitted("teachers", teachers, loss_of_teachers, to_teach, plan.teacher_steps, of_teachers)
        saved.save(teachers)
    fitted("student", [student], loss_of_student, to_student, plan.student_steps, of_student, taught)
    return student


def _record(
    store: FeatureStore, used: Sequence[int], data: DatasetOptions, plan: Plan, student: Any
) -> TrainingRecord:
    windows = LIVE.crops_per_clip * len(used)
    epochs = max(1, round(plan.student_steps * plan.batch_size / windows))
    return TrainingRecord(
        dataset=DatasetRecord(
            name=data.name,
            clips=len(used),
            collections=Counter(store.collection_of(clip) for clip in used),
            digests=frozenset(map(store.clip_digest, used)),
        ),
        split=data.split,
        recipe=LIVE.name,
        epochs=epochs,
        best_epoch=epochs,
        seed=plan.seed,
        batch_size=plan.batch_size,
        packages=package_versions() | {"jax": jax.__version__},
        parameters=student.count_params(),
        windows=windows,
        refit=RefitRecord(len(used), epochs),
        teachers=plan.teachers,
    )


def fit(
    data: DatasetOptions, without: Sequence[Path], out: Path, plan: Plan, *, resume: bool = False
) -> None:
    """Fit, and write the network and its record to a folder.

    Raises
    ------
    InputError
        When the data, the lists or saved teachers cannot be used, or the folder cannot be made.
    RunningError
        When the fit fails, or cannot be written.
    """
    listener = ConsoleListener(Console(stderr=True))
    store = without_endings(open_datasets(data, LIVE.front_end, listener).store)
    left_out = {clip for listed in without for clip in clips_named_in(listed, store)}
    used = [clip for clip in range(len(store)) if clip not in left_out]
    labels = tuple(sorted({store.label[clip] for clip in used} - {UNLABELLED}))
    check_labels(set(labels))
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}; give another --out.") from None
    with listener.progress("Fitting") as shown:
        both = plan.teacher_steps + plan.student_steps

        def progress(what: str, done: int, steps: int) -> None:
            shown(done if what == "teachers" else both - steps + done, both)

        fingerprint = plan.teachers_fingerprint([store.clip[clip] for clip in used], labels)
        saved = TeachersFolder(out, fingerprint)
        student = distil(store, used, labels, plan, progress, saved, resume=resume)
    record = _record(store, used, data, plan, student.network)
    about = {"labels": labels, "training": record.to_dict()}
    with _writing(out):
        student.save(out / KERAS_FILE)
        (out / FIT_FILE).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    saved.remove(plan.teachers)
    listener.notify(f"The student is in {out}.")


def main() -> int:
    """Fit from the command line, and return the exit status."""
    os.environ["KERAS_BACKEND"] = "jax"
    look_for_garbage_seldom()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("datasets", type=Path, nargs="+", metavar="DATASET")
    parser.add_argument("--without", type=Path, nargs="+", default=[], metavar="CLIPS")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--split", choices=SPLITS, help="in the bundle, for genre-train --evaluate --part")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--teachers", type=int, default=3)
    parser.add_argument("--width", type=float, default=1.5, help="of the teachers (default: 1.5)")
    parser.add_argument("--teacher-steps", type=int, default=4050)
    parser.add_argument("--student-steps", type=int, default=4900)
    parser.add_argument("--batch-size", type=int, default=512)
    parser.add_argument("--steps-at-once", type=int, default=STEPS_AT_ONCE)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true", help="go on with teachers that were fitted before")
    arguments = parser.parse_args()
    cache = arguments.cache or cache_folder() / "features"
    data = DatasetOptions(arguments.datasets, cache, workers=2, split=arguments.split, seed=0)
    try:
        plan = Plan(
            teachers=arguments.teachers,
            width=arguments.width,
            teacher_steps=arguments.teacher_steps,
            student_steps=arguments.student_steps,
            batch_size=arguments.batch_size,
            steps_at_once=arguments.steps_at_once,
            seed=arguments.seed,
        )
        fit(data, arguments.without, arguments.out, plan, resume=arguments.resume)
    except (GenreLiveError, OSError) as error:
        return explain("distil", error, debug=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
