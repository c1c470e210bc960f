"""The networks of a model bundle, run by LiteRT.

The hash, size and shapes of a network's file are checked before LiteRT reads it.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from live.bundle import (
    DESCRIPTION_FILE,
    NETWORK_FILE,
    SEVERAL_FILE,
    BundleDescription,
    read_description,
    read_hashed,
)
from live.errors import BundleError, RunningError
from live.front_end import Levels, mfcc
from live.library_messages import LITERT_NOTE, without_notes

MOST_AT_A_TIME = 64  # windows

Probabilities = npt.NDArray[np.float32]


class _Network:
    """A bundle's LiteRT flat buffer, ready to run.

    Attributes
    ----------
    windows : int
        Number of windows of one call, no more and no fewer.
    """

    def __init__(self, folder: Path, name: str, description: BundleDescription, content: bytes) -> None:
        if not _has_operators_and_graph(content):
            raise BundleError(f"The bundle {folder} is broken: its {name} is not a network.")
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            if sys.platform != "win32":
                raise
            raise RunningError(
                f"LiteRT, which computes the network, cannot be loaded ({error}): install Microsoft's Visual "
                "C++ runtime, with winget install Microsoft.VCRedist.2015+.x64."
            ) from error
        try:
            with without_notes(LITERT_NOTE):
                self._interpreter = Interpreter(model_content=content, num_threads=1)
                self._interpreter.allocate_tensors()
            inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        except (ValueError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else "no reason given"
            raise BundleError(
                f"The bundle {folder} is broken: LiteRT cannot open its {name} ({reason})."
            ) from None
        shape = (description.window_frames, description.front_end.n_mfcc)
        self.windows = _windows_at_a_time(name, inputs)
        for side, tensors, wanted in (
            ("input", inputs, [self.windows, *shape]),
            ("output", outputs, [self.windows, len(description.labels)]),
        ):
            if len(tensors) != 1 or list(tensors[0]["shape"]) != wanted or tensors[0]["dtype"] != np.float32:
                found = ", ".join(f"{tensor['shape'].tolist()}" for tensor in tensors)
                raise BundleError(
                    f"The bundle {folder} is broken: the {side} of its {name} is {found}, "
                    f"and its {DESCRIPTION_FILE} asks for {wanted} of float32."
                )
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]
        try:
            self(np.zeros((self.windows, *shape), dtype=np.float32))  # the first call is slow
        except (RuntimeError, ValueError) as error:
            raise BundleError(f"The bundle {folder} is broken: its {name} fails ({error}).") from None

    def __call__(self, coefficients: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return [shape=(windows, labels)] for MFCCs [shape=(windows, window_frames, n_mfcc)]."""
        self._interpreter.set_tensor(self._input, coefficients)
        self._interpreter.invoke()
        probabilities: npt.NDArray[np.float32] = self._interpreter.get_tensor(self._output)
        return probabilities


def _has_operators_and_graph(content: bytes) -> bool:
    """Return whether the root table of a flat buffer has operators, a graph and buffers.

    LiteRT detects most damage by itself, but reads from address 0 when the root lacks one of these. A root
    table begins with the distance back to its list of fields, each of which is an offset or 0
    (flatbuffers.dev/internals); these are the fields 1, 2 and 4 of LiteRT's schema.
    """
    try:
        (root,) = struct.unpack_from("<I", content)
        fields = root - struct.unpack_from("<i", content, root)[0]
        (size,) = struct.unpack_from("<H", content, fields)
        return size >= 14 and all(struct.unpack_from("<H", content, fields + 4 + 2 * k)[0] for k in (1, 2, 4))
    except struct.error:
        return False


def _windows_at_a_time(name: str, inputs: Sequence[Mapping[str, Any]]) -> int:
    """Return the number of windows that a network takes: one, or as many as the network of several states."""
    shape: Sequence[int] = inputs[0]["shape"] if inputs else []
    return min(max(2, int(shape[0])), MOST_AT_A_TIME) if name == SEVERAL_FILE and len(shape) else 1


class Classifier:
    """A bundle's network, ready to run: mel levels of windows in, a probability for each label out.

    Parameters
    ----------
    folder : Path
        The bundle.

    Raises
    ------
    BundleError
        When the bundle is missing, broken, of an unknown format or does not match its hashes.
    """

    def __init__(self, folder: Path) -> None:
        self.description = read_description(folder)
        self._folder = folder
        content = read_hashed(folder, self.description, NETWORK_FILE)
        self._network = _Network(folder, NETWORK_FILE, self.description, content)
        # Read now, though it is opened later: until then the bundle may be trained again and replaced.
        has_several = SEVERAL_FILE in self.description.sha256 and (folder / SEVERAL_FILE).exists()
        self._several_content = read_hashed(folder, self.description, SEVERAL_FILE) if has_several else None
        try:
            self(np.full(self._window_shape, -100.0, dtype=np.float32))
        except RunningError as error:
            raise BundleError(f"The bundle {folder} is broken: its network fails ({error}).") from None

    @property
    def _window_shape(self) -> tuple[int, int]:
        return self.description.window_frames, self.description.front_end.n_mels

    @cached_property
    def _network_of_several(self) -> _Network | None:
        """The network of several windows, opened on first use: in real time there is one window at a time."""
        if self._several_content is None:
            return None
        return _Network(self._folder, SEVERAL_FILE, self.description, self._several_content)

    def __call__(self, mel_db: Levels) -> Probabilities:
        """Return the probabilities of one window; ``classify`` returns those of several.

        Parameters
        ----------
        mel_db : ndarray [shape=(window_frames, n_mels)]

        Returns
        -------
        ndarray [shape=(labels,)]
        """
        probabilities: Probabilities = self.classify(mel_db[None])[0]
        return probabilities

    def classify(self, mel_db: Levels) -> Probabilities:
        """Return the probabilities of several windows, as of each window alone, but for rounding (1e-6).

        Parameters
        ----------
        mel_db : ndarray [shape=(windows, window_frames, n_mels)]
            Mel levels in dB, as ``MelFrames`` returns them.

        Returns
        -------
        ndarray [shape=(windows, labels)]
            Calibrated probabilities; those of a window sum to 1.

        Raises
        ------
        RunningError
            When the network returns values that are not probabilities.
        BundleError
            When the network of several windows, which is opened only here, is broken.
        """
        coefficients = mfcc(mel_db.astype(np.float32, copy=False), self.description.front_end)
        raw = np.concatenate([network(some) for network, some in self._in_turns(coefficients)])
        if not np.isfinite(raw).all() or raw.min() < 0 or not raw.any(axis=1).all():
            raise RunningError("The model's output is not a probability: choose another --model.")
        return calibrated(raw, self.description.temperature)

    def _in_turns(
        self, coefficients: npt.NDArray[np.float32]
    ) -> Iterator[tuple[_Network, npt.NDArray[np.float32]]]:
        """Yield the windows with the network for them: of several while there are enough, then one by one."""
        start = 0
        while (left := len(coefficients) - start) > 0:
            several = self._network_of_several if left > 1 else None
            network = several if several is not None and several.windows <= left else self._network
            yield network, coefficients[start : start + network.windows]
            start += network.windows


def calibrated(probabilities: npt.NDArray[np.floating[Any]], temperature: float) -> Probabilities:
    """Compute softmax(log p / temperature), the temperature scaling of Guo et al. (2017).

    Parameters
    ----------
    probabilities : ndarray [shape=(..., labels)]
        The network's output.
    temperature : float
        A value above 1 lowers the confidence, below 1 raises it.

    Returns
    -------
    ndarray [shape=(..., labels)]
        They sum to 1 along the last axis.
    """
    scaled = np.log(np.maximum(probabilities, 1e-9)) / temperature
    exponentials = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    shares: Probabilities = (exponentials / exponentials.sum(axis=-1, keepdims=True)).astype(np.float32)
    return shares
