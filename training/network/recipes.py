"""The recipes: each is one small object that defines how a network is made and fitted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from live.errors import InputError
from live.events import NO_MUSIC, OTHER_MUSIC
from live.front_end import FrontEndSpec, mfcc

from ..augmentation.augment import AugmentationContext, Targets, augmented
from ..augmentation.mel_levels import Generator, Windows
from ..dataset.clips import UNLABELLED
from .networks import conv_lstm_network, seed_network

WINDOW_S = 3.0

NetworkFunction = Callable[[FrontEndSpec, int, int, Windows], Any]
"""(spec, window_frames, labels, examples) → Keras model; see ``networks``."""

Augmentation = Callable[[Windows, Targets, AugmentationContext, Generator], tuple[Windows, Targets]]
"""(mel_db, targets, context, generator) → (mel_db, targets); see ``augment``."""

Coefficients = Callable[[Windows, FrontEndSpec], Windows]
"""Mel levels [shape=(windows, frames, n_mels)] → MFCCs [shape=(windows, frames, n_mfcc)]."""

OptimizerFunction = Callable[[int], Any]
"""(steps of the whole fit) → Keras optimizer."""


@dataclass(frozen=True)
class Recipe:
    """How to make a network and fit it.

    Attributes
    ----------
    name : str
    summary : str
        One sentence for people.
    front_end : FrontEndSpec
        The front end of the network.
    network : callable
        Returns the network.
    optimizer : callable
        Returns the optimizer; with ``use_ema=True``, the model gets its averaged weights.
    coefficients : callable
        Returns the MFCCs of windows of mel levels.
    augment : callable or None
        Changes the crops of every batch and their targets, before the MFCCs. The last ``window_frames``
        frames of its result are used.
    context_frames : int
        Number of frames before each window that ``augment`` also gets, for example for reverberation.
    crops : {"random", "grid"}
        Windows at random positions, or without overlap from the start of each clip as in the ``seed`` recipe.
    crops_per_clip : int
        Number of random windows from each clip in an epoch.
    balanced : bool
        Whether random windows are distributed over labels instead of clips: equally over labels (except for
        the next three attributes), and within a label over collections and groups in proportion to the
        square root of their numbers of clips.
    shares : mapping of str to float
        With ``balanced``, fixed shares of some labels, if the data have them.
    prevalence : float
        With ``balanced``, exponent of a label's number of clips in its share; 0 means equal shares.
    favoured : mapping of str to float
        Factors for the probability of collections, by the start of their names.
    label_smoothing : float
    epochs, batch_size : int
    patience : int or None
        Number of epochs without a better validation loss after which fitting stops and the best epoch is
        kept; None keeps the last epoch.
    adapts_to_store : bool
        Whether a store with another front end can be used; its hop and bands are then used.
    vote : mapping
        Parameters of the vote for the bundle.
    starts_from : str or None
        The shipped model from which a fit on few clips starts.
    """

    name: str
    summary: str
    front_end: FrontEndSpec
    network: NetworkFunction
    optimizer: OptimizerFunction
    coefficients: Coefficients = mfcc
    augment: Augmentation | None = None
    context_frames: int = 0
    crops: Literal["random", "grid"] = "random"
    crops_per_clip: int = 8
    balanced: bool = False
    shares: Mapping[str, float] = field(default_factory=dict)
    prevalence: float = 0.0
    favoured: Mapping[str, float] = field(default_factory=dict)
    label_smoothing: float = 0.0
    epochs: int = 50
    batch_size: int = 32
    patience: int | None = None
    adapts_to_store: bool = False
    vote: Mapping[str, float] = field(default_factory=dict)
    starts_from: str | None = None

    @property
    def window_frames(self) -> int:
        """Number of frames that fit into three seconds."""
        spec = self.front_end
        return spec.complete_frames(round(WINDOW_S * spec.sample_rate))

    def for_store(self, stored: FrontEndSpec) -> Recipe:
        """Return the recipe with the front end of a store.

        Raises
        ------
        InputError
            When the store's front end does not match the recipe.
        """
        own = self.front_end
        taken = replace(stored, top_db=own.top_db, n_mfcc=min(own.n_mfcc, stored.n_mels))
        if taken == own:
            return self
        if not self.adapts_to_store:
            differing = ", ".join(
                f"{name} {value} instead of {own.to_dict()[name]}"
                for name, value in stored.to_dict().items()
                if value != own.to_dict()[name] and name not in {"top_db", "n_mfcc"}
            )
            raise InputError(
                f"The recipe {self.name} cannot use this feature store, which was made with {differing}: "
                "give the audio itself."
            )
        return replace(self, front_end=taken)


def librosa_mfcc(mel_db: Windows, spec: FrontEndSpec) -> Windows:
    """Compute MFCCs with librosa, as the ``seed`` recipe does.

    Parameters
    ----------
    mel_db : ndarray [shape=(windows, frames, n_mels)]
        In dB.
    spec : FrontEndSpec

    Returns
    -------
    ndarray [shape=(windows, frames, n_mfcc)]
    """
    import librosa

    windows = []
    for levels in np.asarray(mel_db, np.float32):
        power = librosa.db_to_power(levels.T)
        levels_db = librosa.power_to_db(power, top_db=spec.top_db)
        windows.append(librosa.feature.mfcc(S=levels_db, n_mfcc=spec.n_mfcc).T)
    return np.stack(windows).astype(np.float32)


def _adam(steps: int) -> Any:
    import keras

    del steps
    return keras.optimizers.Adam(learning_rate=1e-4)


def _one_cycle(steps: int) -> Any:
    """Return AdamW with averaged weights, a warm-up over 15 % of the steps, and cosine decay."""
    import keras

    warm_up = max(1, round(0.15 * steps))
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=1e-5,
        decay_steps=max(1, steps - warm_up),
        alpha=1e-3,
        warmup_target=3e-3,
        warmup_steps=warm_up,
    )
    momentum = min(0.998, max(0.5, 1 - 20 / steps))  # a short fit must not average its first weights
    optimizer = keras.optimizers.AdamW(
        schedule, weight_decay=0.03, global_clipnorm=5.0, use_ema=True, ema_momentum=momentum
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


SEED = Recipe(
    name="seed",
    summary="13 raw MFCCs, two LSTM layers of 64, Adam 1e-4: the recipe this project grew out of",
    front_end=FrontEndSpec(hop_length=512, n_mels=128, n_mfcc=13),
    network=seed_network,
    optimizer=_adam,
    coefficients=librosa_mfcc,
    crops="grid",
    epochs=50,
    batch_size=32,
    adapts_to_store=True,
)

LIVE = Recipe(
    name="live",
    summary="96 MFCCs, a convolutional front and an LSTM of 192, fitted in rooms and through microphones",
    front_end=FrontEndSpec(),
    network=conv_lstm_network,
    optimizer=_one_cycle,
    augment=augmented,
    context_frames=40,
    crops_per_clip=8,
    balanced=True,
    shares={NO_MUSIC: 0.18, UNLABELLED: 0.07, OTHER_MUSIC: 0.15},
    prevalence=0.3,
    favoured={"gtzan": 1.3},
    label_smoothing=0.08,
    epochs=82,
    batch_size=128,
    patience=30,
    vote={"unsure_below": 0.45, "no_music_above": 0.2, "other_above": 0.3},
    starts_from="genre-lstm",
)

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (LIVE, SEED)}
