"""Windows of the recipe ``live``, drawn and augmented with JAX on an accelerator.

The steps, their order and their ranges are those of ``training.augmentation``, where they are described. Two
things differ, because shapes are fixed here: how many windows of a batch are in a room, go through a
microphone or are ``no_music`` is not random (which ones is), and synthetic noises come from a stock.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from live.errors import InputError
from live.events import NO_MUSIC
from live.front_end import FrontEndSpec
from training.augmentation import augment, noises, room
from training.augmentation.mel_levels import band_centres, band_widths
from training.dataset.splits import whole_store
from training.dataset.store import FeatureStore
from training.network.batches import Crops, targets_of
from training.network.recipes import Recipe

Array = Any
"""A JAX array; windows have the shape (windows, frames, n_mels)."""

NEPERS = math.log(10) / 10
SMALLEST_POWER = 1e-10
STOCK = 2048  # synthetic noises of each kind
VOICES = 6
LOWEST_DB, STEP_DB = -100.0, 0.6  # levels are kept as bytes


class Sounds(NamedTuple):
    """All clips of the data, one after the other, and a stock of synthetic noises."""

    levels: Array  # bytes [shape=(frames of all clips, n_mels)]
    first: Array  # [shape=(clips,)]
    count: Array  # [shape=(clips,)]
    target: Array  # [shape=(clips, labels)]
    machines: Array  # power [shape=(noises, frames, n_mels)]
    rooms_and_voices: Array  # power, likewise


class Shares(NamedTuple):
    """Which clips a fit draws, and how often: sums of probabilities up to each clip [shape=(clips,)]."""

    music: Array
    no_music: Array
    noise: Array


class Drawn(NamedTuple):
    """Augmented windows in dB [shape=(windows, window_frames, n_mels)] and their targets."""

    windows: Array
    targets: Array


class Draws:
    """Random numbers, each drawing with a key of its own."""

    def __init__(self, key: Array) -> None:
        self._key = key

    def _own(self) -> Array:
        self._key, own = jax.random.split(self._key)
        return own

    def uniform(self, low: float, high: float, shape: Sequence[int]) -> Array:
        """Return uniform random numbers."""
        return jax.random.uniform(self._own(), shape, minval=low, maxval=high)

    def each(self, bounds: tuple[float, float], windows: int) -> Array:
        """Return a uniform random number for each window [shape=(windows, 1, 1)]."""
        return self.uniform(*bounds, (windows, 1, 1))

    def happens(self, chance: float, windows: int) -> Array:
        """Return for each window whether an event happens [shape=(windows, 1, 1)]."""
        return self.uniform(0.0, 1.0, (windows, 1, 1)) < chance

    def normal(self, scale: float, shape: Sequence[int]) -> Array:
        """Return normal random numbers of mean 0."""
        return scale * jax.random.normal(self._own(), shape)

    def integers(self, below: Array, shape: Sequence[int]) -> Array:
        """Return integers from 0 to ``below − 1``."""
        return jnp.minimum((self.uniform(0.0, 1.0, shape) * below).astype(jnp.int32), below - 1)

    def order(self, windows: int) -> Array:
        """Return a random permutation."""
        return jax.random.permutation(self._own(), windows)

    def beta(self, shape_parameter: float, windows: int) -> Array:
        """Return numbers of a symmetric beta distribution [shape=(windows,)]."""
        return jax.random.beta(self._own(), shape_parameter, shape_parameter, (windows,))

    def clips(self, reached: Array, windows: int) -> Array:
        """Return clips in random order, as evenly as possible in proportion to their shares."""
        evenly = (jnp.arange(windows) + self.uniform(0.0, 1.0, ())) / windows
        chosen = jnp.searchsorted(reached, evenly * reached[-1], side="right")
        return jnp.minimum(chosen, len(reached) - 1)[self.order(windows)]


def to_power(decibels: Array) -> Array:
    """Return the power of levels in dB."""
    return jnp.exp(decibels * NEPERS)


def to_decibels(power: Array) -> Array:
    """Return power as levels in dB, at least −100 dB."""
    return jnp.log(jnp.maximum(power, SMALLEST_POWER)) / NEPERS


def interpolated(knots: Array, points: int) -> Array:
    """Return smooth curves through equally spaced knots [shape=(..., points)]."""
    position = np.linspace(0, knots.shape[-1] - 1, points)
    left = np.minimum(position.astype(int), knots.shape[-1] - 2)
    share = (1 - np.cos(np.pi * (position - left))) / 2
    return knots[..., left] * (1 - share) + knots[..., left + 1] * share


def crops(sounds: Sounds, clip: Array, start: Array, frames: int) -> Array:
    """Return frames of clips from ``start`` on, in dB; see ``training.network.batches.frames_of``."""
    index = jnp.maximum(start[:, None] + jnp.arange(frames), 0) % sounds.count[clip][:, None]
    return sounds.levels[sounds.first[clip][:, None] + index] * STEP_DB + LOWEST_DB


def random_crops(sounds: Sounds, clip: Array, draws: Draws, frames: int, before: int = 0) -> Array:
    """Return one window of each clip, with ``before`` frames before it."""
    start = draws.integers(jnp.maximum(sounds.count[clip] - frames, 0) + 1, clip.shape)
    return crops(sounds, clip, start - before, frames + before)


class Augmenter:
    """The augmentation of the recipe ``live`` for one front end.

    Parameters
    ----------
    spec : FrontEndSpec
    window_frames, context_frames : int
        As in the recipe.
    """

    def __init__(self, spec: FrontEndSpec, window_frames: int, context_frames: int) -> None:
        self._window_frames, self._context_frames = window_frames, context_frames
        self._top_db = spec.top_db
        self._centres = band_centres(spec)
        self._widths = jnp.asarray(band_widths(spec), jnp.float32)
        self._bins = np.maximum(band_widths(spec) * spec.n_fft / spec.sample_rate, 1.0)
        self._hop_s = spec.hop_length / spec.sample_rate

    def _at_unit_power(self, power: Array) -> Array:
        return power / self._mean_power(power)

    def _mean_power(self, power: Array) -> Array:
        return jnp.maximum((power @ self._widths).mean(axis=1)[:, None, None], 1e-20)

    def _fluctuation(self, draws: Draws, shape: Sequence[int], freedom: Array) -> Array:
        ninth = (1 / 9) / jnp.maximum(freedom, room.FEWEST_INDEPENDENT)
        return jnp.maximum(1 - ninth + draws.normal(1.0, shape) * jnp.sqrt(ninth), 0.02) ** 3

    def changed_no_music(self, mel_db: Array, sounds: Sounds, shares: Shares, draws: Draws) -> Array:
        """Return varied ``no_music`` windows."""
        windows, frames, _ = mel_db.shape
        made = sounds.machines[draws.integers(len(sounds.machines), (windows,)), :frames]
        power = jnp.where(draws.happens(0.2, windows), made, to_power(mel_db))
        clip = draws.clips(shares.noise, windows)
        other = self._at_unit_power(to_power(random_crops(sounds, clip, draws, frames)))
        both = self._at_unit_power(power) + other * to_power(draws.each((-30.0, 3.0), windows))
        power = jnp.where(draws.happens(0.35, windows), both, power)
        return to_decibels(jnp.where(draws.happens(0.25, windows), power[:, ::-1], power))

    def resampled_in_time(self, mel_db: Array, frames: int, draws: Draws) -> Array:
        """Return windows played faster or slower, with the same end."""
        windows, longer, _ = mel_db.shape
        speed = augment.SPEED_RATIO ** draws.uniform(-1, 1, (windows, 1))
        speed = jnp.where(draws.happens(0.5, windows)[:, 0], speed, 1.0)
        position = jnp.maximum(longer - 1 - jnp.arange(frames)[::-1] * speed, 0)
        before = jnp.minimum(position.astype(jnp.int32), longer - 2)
        share = (position - before)[:, :, None]
        earlier = jnp.take_along_axis(mel_db, before[:, :, None], axis=1)
        later = jnp.take_along_axis(mel_db, before[:, :, None] + 1, axis=1)
        return earlier * (1 - share) + later * share

    def frequency_warped(self, mel_db: Array, draws: Draws) -> Array:
        """Return windows with the pitch shifted up or down."""
        windows, _, n_mels = mel_db.shape
        factor = 1.12 ** draws.uniform(-1, 1, (windows,))
        factor = jnp.where(draws.happens(0.5, windows)[:, 0, 0], factor, 1.0)
        centres = jnp.asarray(self._centres, jnp.float32)
        bands = jnp.arange(n_mels, dtype=jnp.float32)
        position = jax.vmap(lambda by: jnp.interp(centres * by, centres, bands))(factor)[:, None]
        left = jnp.minimum(position.astype(jnp.int32), n_mels - 2)
        share = position - left
        lower = jnp.take_along_axis(mel_db, left, axis=2)
        upper = jnp.take_along_axis(mel_db, left + 1, axis=2)
        return lower * (1 - share) + upper * share

    def equalised(self, mel_db: Array, draws: Draws) -> Array:
        """Return windows filtered by a smooth random frequency response."""
        windows, _, n_mels = mel_db.shape
        curve = interpolated(draws.uniform(-10.0, 10.0, (windows, 1, 6)), n_mels)
        return mel_db + curve * draws.happens(0.7, windows)

    def in_a_room(self, power: Array, draws: Draws) -> Array:
        """Return windows as they sound in rooms, as power."""
        windows, _, n_mels = power.shape
        ranges = room.ROOMS
        shortest, longest = np.log(ranges.rt60_s)
        rt60_s = jnp.exp(draws.each((shortest, longest), windows))
        bent = interpolated(draws.normal(ranges.unevenness, (windows, 1, room.DECAY_KNOTS)), n_mels)
        octaves = np.log(np.maximum(self._centres, 125.0) / 1_000.0)
        by_band = rt60_s * jnp.exp(-draws.each(ranges.slope, windows) * octaves + bent)
        tail = self._diffuse_tail(power, jnp.clip(by_band, 0.05, 6.0))
        wet = 1 / (1 + to_power(draws.each(ranges.direct_db, windows)))
        freedom = room.INDEPENDENT_BINS * self._bins
        still = draws.each((0.0, 1.0), windows)
        tail *= self._fluctuation(draws, (windows, 1, n_mels), freedom / jnp.maximum(still, 0.05))
        tail *= self._fluctuation(draws, power.shape, freedom / jnp.maximum(1 - still, 0.05))
        direct, tail = power * (1 - wet), tail * wet
        together = direct + tail
        crossing = jnp.sqrt(2 * direct * tail / freedom) * draws.normal(1.0, power.shape)
        kept = room.CROSS_TERM_KEPT
        return kept * jnp.maximum(together + crossing, 0) + (1 - kept) * together

    def _diffuse_tail(self, power: Array, rt60_s: Array) -> Array:
        nepers = (6 * math.log(10) * self._hop_s / rt60_s)[:, 0]
        decay = jnp.exp(-nepers)
        own = 1 - (1 - decay) / nepers
        later = (1 - decay) ** 2 / nepers

        def frame(state: Array, now: Array) -> tuple[Array, Array]:
            return decay * state + later * now, own * now + state

        before = power[:, : room.FRAMES_BEFORE].mean(axis=1) * later / (1 - decay)
        return lax.scan(frame, before, power.swapaxes(0, 1), unroll=8)[1].swapaxes(0, 1)

    def _noise_beside(self, windows: int, frames: int, sounds: Sounds, shares: Shares, draws: Draws) -> Array:
        by_machines = sounds.machines[draws.integers(len(sounds.machines), (windows,)), :frames]
        by_people = sounds.rooms_and_voices[draws.integers(len(sounds.machines), (windows,)), :frames]
        made = jnp.where(draws.happens(0.4, windows), by_machines, by_people)
        clip = draws.clips(shares.noise, windows * VOICES)
        voices = to_power(random_crops(sounds, clip, draws, frames))
        voices = self._at_unit_power(voices).reshape(VOICES, windows, frames, -1)
        several = draws.integers(VOICES - 1, (windows,)) + 2
        count = jnp.where(draws.happens(0.5, windows)[:, 0, 0], several, 1)
        speaks = jnp.arange(VOICES)[:, None] < count
        heard = jnp.einsum("vw,vwfb->wfb", speaks.astype(jnp.float32), voices)
        return jnp.where(draws.happens(0.2, windows), made, heard)

    def through_microphone(self, music: Array, noise: Array, draws: Draws) -> Array:
        """Return windows and noise as a small microphone records them, in dB."""
        windows, _, n_mels = music.shape
        ranges = room.FITTED
        high_pass = draws.each(ranges.high_pass_hz, windows) * draws.happens(ranges.chance, windows)
        low_pass = jnp.where(
            draws.happens(ranges.chance, windows), draws.each(ranges.low_pass_hz, windows), 1e6
        )
        knots = draws.uniform(-ranges.ripple_db, ranges.ripple_db, (windows, 1, room.RIPPLE_KNOTS))
        ripple = interpolated(knots, n_mels) * draws.happens(ranges.chance, windows)
        centres = self._centres
        response = to_power(ripple) / (1 + (high_pass / centres) ** 4) / (1 + (centres / low_pass) ** 6)
        music, around = music * response, noise * response
        snr = to_power(draws.each(ranges.snr_db, windows))
        share = self._mean_power(music) / self._mean_power(around) / snr
        return to_decibels(music + around * share * draws.happens(ranges.chance, windows))

    def through_a_call(self, mel_db: Array, draws: Draws, chance: float) -> Array:
        """Return windows after a call's automatic gain, noise gate, limiter and codec."""
        windows, _, n_mels = mel_db.shape

        def level(levels: Array) -> Array:
            return to_decibels(to_power(levels).mean(axis=2))

        def below_loudest(levels: Array) -> Array:
            of_frames = level(levels)
            return (of_frames - of_frames.max(axis=1, keepdims=True))[:, :, None]

        def slower(state: Array, now: Array) -> tuple[Array, Array]:
            state = 0.7 * state + 0.3 * now
            return state, state

        loudness = level(mel_db)
        slow = lax.scan(slower, loudness[:, 0], loudness.T, unroll=8)[1].T[:, :, None]
        slow = jnp.maximum(slow - slow.mean(axis=1, keepdims=True), -30)
        heard = mel_db - slow * draws.each((0.2, 0.8), windows) * draws.happens(chance, windows)

        reduction = draws.each((6.0, 30.0), windows) * draws.happens(chance, windows)
        heard -= reduction * (below_loudest(heard) < draws.each((-40.0, -15.0), windows))

        excess = jnp.maximum(below_loudest(heard) - draws.each((-15.0, -3.0), windows), 0)
        heard -= 0.9 * excess * draws.happens(chance, windows)

        reach = max(1, n_mels // 16)
        loudest = lax.reduce_window(
            jnp.pad(heard, ((0, 0), (0, 0), (reach, reach)), mode="edge"),
            -jnp.inf,
            lax.max,
            (1, 1, 2 * reach + 1),
            (1, 1, 1),
            "VALID",
        )
        lost = (heard < loudest - draws.each((12.0, 30.0), windows)) & draws.happens(chance, windows)
        return jnp.maximum(jnp.where(lost, heard - draws.each((10.0, 40.0), windows), heard), -100)

    def over_noise_floor(
        self, mel_db: Array, draws: Draws, below_db: tuple[float, float], chance: float
    ) -> Array:
        """Return windows with a steady, tilted noise."""
        windows = len(mel_db)
        octaves = np.log2(self._centres / 1_000.0)
        tilt = jnp.clip(draws.each((-6.0, 2.0), windows) * octaves, -30, 15)
        level = mel_db.max(axis=(1, 2), keepdims=True) - draws.each(below_db, windows) + tilt
        scatter = draws.uniform(0.5, 1.5, mel_db.shape)
        noise = to_power(level) * scatter * draws.happens(chance, windows)
        return to_decibels(to_power(mel_db) + noise)

    def masked(self, mel_db: Array, draws: Draws) -> Array:
        """Return windows with bands and frames replaced by the window's mean."""
        windows, frames, n_mels = mel_db.shape
        covered = jnp.zeros((windows, frames, n_mels), bool)
        for axis, size, widest in ((2, n_mels, n_mels // 8), (1, frames, max(1, frames // 6))):
            at = jnp.arange(size)[None, None] if axis == 2 else jnp.arange(size)[None, :, None]
            for _ in range(2):
                width = draws.integers(widest + 1, (windows, 1, 1))
                start = draws.integers(size - width + 1, (windows, 1, 1))
                covered |= (at >= start) & (at < start + width)
        return jnp.where(covered, mel_db.mean(axis=(1, 2), keepdims=True), mel_db)

    def mixed_in_pairs(self, mel_db: Array, target: Array, draws: Draws) -> tuple[Array, Array]:
        """Mix some windows and their targets with others at the same peak level."""
        windows = len(mel_db)
        partner = draws.order(windows)
        share = draws.beta(augment.MIXED_SHAPE, windows)
        known = jnp.abs(target.sum(axis=1) - 1) < 1e-3
        chosen = known & known[partner] & (draws.uniform(0, 1, (windows,)) < augment.MIXED)
        own = jnp.where(chosen, jnp.maximum(share, 1 - share), 1.0)[:, None]
        loudest = mel_db.max(axis=(1, 2), keepdims=True)
        other = (mel_db - loudest)[partner] + loudest
        both = mel_db * own[:, :, None] + other * (1 - own[:, :, None])
        return both, target * own + target[partner] * (1 - own)

    def batch(self, key: Array, sounds: Sounds, shares: Shares, *, windows: int, no_music: float) -> Drawn:
        """Return augmented windows, limited to ``top_db`` below the loudest level, and their targets.

        Parameters
        ----------
        key : array
            Of ``jax.random``; determines the batch.
        sounds : Sounds
        shares : Shares
        windows : int
        no_music : float
            Share of ``no_music``.
        """
        draws = Draws(key)
        silent = round(no_music * windows)
        window_frames, context_frames = self._window_frames, self._context_frames
        longer = window_frames + context_frames
        music_clip = draws.clips(shares.music, windows - silent)
        silent_clip = draws.clips(shares.no_music, silent)
        music = random_crops(sounds, music_clip, draws, window_frames, context_frames)
        silence = random_crops(sounds, silent_clip, draws, window_frames, context_frames)
        silence = self.changed_no_music(silence, sounds, shares, draws)
        order = draws.order(windows)
        changed = jnp.concatenate([music, silence])[order]
        target = sounds.target[jnp.concatenate([music_clip, silent_clip])[order]]

        frames = int(longer / augment.SPEED_RATIO)
        changed = self.resampled_in_time(changed, frames, draws)
        changed = self.frequency_warped(changed, draws)
        changed = self.equalised(changed, draws)
        # The windows are in random order: 60 % are in a room, and half of these and of the others go through
        # a microphone.
        in_room = round(augment.IN_A_ROOM * windows)
        first = round(augment.IN_A_ROOM * (1 - augment.THROUGH_A_MICROPHONE) * windows)
        last = first + round(augment.THROUGH_A_MICROPHONE * windows)
        inside = to_decibels(self.in_a_room(to_power(changed[:in_room]), draws))
        changed = jnp.concatenate([inside, changed[in_room:]])
        noise = self._noise_beside(last - first, frames, sounds, shares, draws)
        heard = self.through_microphone(to_power(changed[first:last]), noise, draws)
        heard = self.through_a_call(heard, draws, 0.15)
        plain = jnp.concatenate([changed[:first], changed[last:]])
        plain = self.over_noise_floor(plain, draws, (20.0, 80.0), 0.5)
        changed = jnp.concatenate([plain[:first], heard, plain[first:]])
        changed = self.over_noise_floor(changed, draws, (60.0, 90.0), 0.7)
        cropped = self.masked(changed[:, -window_frames:], draws)
        mixed, target = self.mixed_in_pairs(cropped, target, draws)
        return Drawn(jnp.maximum(mixed, mixed.max(axis=(1, 2), keepdims=True) - self._top_db), target)


def shares_of(store: FeatureStore, used: Sequence[int], labels: tuple[str, ...], recipe: Recipe) -> Shares:
    """Return the shares of clips with which a recipe draws them.

    Parameters
    ----------
    store : FeatureStore
    used : sequence of int
        The clips to draw.
    labels : tuple of str
    recipe : Recipe

    Raises
    ------
    InputError
        When there is no music or no ``no_music`` among them.
    """
    whole = {segment.clip: segment for segment in whole_store(store)}
    chances = np.zeros(len(store))
    chances[list(used)] = Crops(store, [whole[clip] for clip in used], labels, recipe, seed=0).chances
    silent = np.array([label == NO_MUSIC for label in store.label])
    if not chances[silent].any() or not chances[~silent].any():
        raise InputError(f"Give both music and clips with the label {NO_MUSIC}.")
    sums = (np.cumsum(each) for each in (chances * ~silent, chances * silent, (chances > 0) & silent))
    return Shares(*(each.astype(np.float32) for each in sums))


def sounds_of(store: FeatureStore, labels: tuple[str, ...], stock: tuple[Array, Array]) -> Sounds:
    """Return all clips of a store, and a stock of noises, as arrays."""
    clips = [store.clip_frames(clip) for clip in range(len(store))]
    count = np.array([len(frames) for frames in clips], np.int32)
    levels = np.concatenate(
        [np.clip(np.round((frames.astype(np.float32) - LOWEST_DB) / STEP_DB), 0, 255) for frames in clips]
    )
    rows = targets_of(labels)
    return Sounds(
        levels=levels.astype(np.uint8),
        first=np.concatenate([[0], np.cumsum(count)[:-1]]).astype(np.int32),
        count=count,
        target=np.stack([rows.get(label, np.zeros(len(labels), np.float32)) for label in store.label]),
        machines=stock[0],
        rooms_and_voices=stock[1],
    )


def noise_stock(spec: FrontEndSpec, frames: int, size: int = STOCK, seed: int = 0) -> tuple[Array, Array]:
    """Return synthetic noises of machines, and of rooms and voices, as power.

    Each has the shape (size, frames, n_mels).
    """
    generator = np.random.default_rng(seed)
    machines = noises.mechanical_noise(generator, size, frames, spec)
    others = noises.simulated_noise(generator, size, frames, spec)
    return machines.astype(np.float32), others.astype(np.float32)
