"""A model bundle, opened and checked, and the networks in it.

Opening a bundle runs no code from it: it is JSON and a LiteRT flat buffer whose hash, size and shapes
are checked before the interpreter sees it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from live.errors import BundleError, RunningError, one_line
from live.events import genres_of
from live.front_end import FrontEndSpec, Levels, mfcc
from live.library_messages import LITERT_NOTE, without_notes

BUNDLE_FORMAT = 1
HERE = Path(__file__).resolve().parent
SHIPPED = next(  # inside the installed package, beside it in a checkout
    (folder for folder in (HERE / "models", HERE.parent / "models") if folder.is_dir()), HERE / "models"
)
DESCRIPTION_FILE = "bundle.json"
NETWORK_FILE = "network.tflite"
SEVERAL_FILE = "network-of-several.tflite"  # the same for several windows at a time; may be missing
LARGEST_DESCRIPTION = 1_000_000  # bytes
LARGEST_NETWORK = 64_000_000  # bytes
MOST_AT_A_TIME = 64  # windows
LONGEST_WINDOW_S = 60.0
MOST_LABELS = 1_000
LONGEST_REASON = 200  # characters
LABEL_PATTERN = re.compile(r"[^\x00-\x1f\x7f]{1,64}")

Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True)
class BundleDescription:
    """What ``bundle.json`` says.

    Attributes
    ----------
    name : str
        The bundle's name.
    labels : tuple of str
        In the order of the network's output; ``no_music`` and ``other_music`` are not genres.
    front_end : FrontEndSpec
        The MFCCs that the network was fitted on.
    window_frames : int
        Frames of one window.
    temperature : float
        The network's log-probabilities are divided by this, then normalised anew.
    vote : mapping
        Parameters of the vote that were tuned with the model; may be empty.
    training : mapping
        Dataset, split, recipe, seed and metrics; for people, nothing here depends on it.
    """

    name: str
    labels: tuple[str, ...]
    front_end: FrontEndSpec
    window_frames: int
    temperature: float
    sha256: Mapping[str, str]
    vote: Mapping[str, float] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)

    @property
    def window_s(self) -> float:
        """Length of a window, in seconds."""
        return self.front_end.window_samples(self.window_frames) / self.front_end.sample_rate


def shipped_models() -> list[str]:
    """Names of the bundles that ship with the program."""
    return sorted(entry.name for entry in SHIPPED.iterdir() if (entry / DESCRIPTION_FILE).is_file())


def find_bundle(model: str) -> Path:
    """Folder of the bundle that ``--model`` names: a folder, or the name of a shipped one.

    Raises
    ------
    BundleError
        When there is neither.
    """
    names = shipped_models()
    if model in names:
        return SHIPPED / model
    folder = Path(model)
    with contextlib.suppress(OSError):  # a name too long, a folder that may not be entered
        if folder.is_dir():
            return folder
    known = ", ".join(names) or "none"
    raise BundleError(
        f"There is no model {model!r}: give a folder that genre-train made, or a shipped model ({known})."
    )


def _read_bounded(folder: Path, name: str, largest: int) -> bytes:
    """Read a file that must lie in the bundle itself and be of bearable size."""
    path = folder / name
    try:
        if path.resolve(strict=True).parent != folder.resolve(strict=True):
            raise BundleError(f"The bundle {folder} is not safe to open: its {name} is a link to elsewhere.")
        if not path.is_file():
            raise BundleError(f"The bundle {folder} is broken: its {name} is not a file.")
        with path.open("rb") as file:
            content = file.read(largest + 1)
    except FileNotFoundError:
        raise BundleError(f"{folder} is not a model bundle: it holds no {name}.") from None
    except (OSError, RuntimeError) as error:
        raise BundleError(f"The bundle {folder} cannot be read: {error}.") from None
    if len(content) > largest:
        raise BundleError(f"The bundle {folder} is broken: its {name} is larger than {largest} bytes.")
    return content


def _describe(values: Any) -> BundleDescription:
    """Check every field of ``bundle.json``; raises ValueError, KeyError or TypeError."""
    if not isinstance(values, dict):
        raise TypeError("it is not a JSON object")
    if values["format"] != BUNDLE_FORMAT:
        raise ValueError(f"its format is {values['format']!r}, and this program reads {BUNDLE_FORMAT}")
    if values.get("mode", "window") != "window":
        raise ValueError(f"its mode {values['mode']!r} is not known to this program")
    name, labels = values["name"], values["labels"]
    if not isinstance(name, str) or not LABEL_PATTERN.fullmatch(name):
        raise ValueError("its name must be a short text")
    if not isinstance(labels, list) or not 2 <= len(labels) <= MOST_LABELS:
        raise ValueError("it must have at least two labels")
    if not all(isinstance(label, str) and LABEL_PATTERN.fullmatch(label) for label in labels):
        raise ValueError("its labels must be short texts")
    if len(set(labels)) != len(labels):
        raise ValueError("its labels must differ")
    if not genres_of(labels):
        raise ValueError("at least one of its labels must be a genre")
    front_end = FrontEndSpec.from_dict(values["front_end"])
    window_frames = values["window_frames"]
    if not isinstance(window_frames, int) or isinstance(window_frames, bool) or window_frames < 1:
        raise ValueError("window_frames must be a whole number above 0")
    if front_end.window_samples(window_frames) > LONGEST_WINDOW_S * front_end.sample_rate:
        raise ValueError(f"its window is longer than {LONGEST_WINDOW_S:.0f} s")
    temperature = values["temperature"]
    if isinstance(temperature, bool) or not isinstance(temperature, (int, float)):
        raise TypeError("temperature must be a number")
    if not 0.01 <= temperature <= 100:
        raise ValueError("temperature must lie in 0.01 to 100")
    sha256 = values["sha256"]
    if not isinstance(sha256, dict) or not isinstance(sha256.get(NETWORK_FILE), str):
        raise ValueError(f"it gives no sha256 of {NETWORK_FILE}")
    vote = values.get("vote", {})
    if not isinstance(vote, dict) or not all(
        isinstance(value, (int, float)) and abs(value) < 1e9 for value in vote.values()
    ):
        raise ValueError("vote must hold numbers alone")
    training = values.get("training", {})
    if not isinstance(training, dict):
        raise TypeError("training must be an object")
    return BundleDescription(
        name, tuple(labels), front_end, window_frames, float(temperature), sha256, vote, training
    )


def read_description(folder: Path) -> BundleDescription:
    """Read and check ``bundle.json``.

    Raises
    ------
    BundleError
        When it is missing, no JSON, of another format, or a field is out of range.
    """
    content = _read_bounded(folder, DESCRIPTION_FILE, LARGEST_DESCRIPTION)
    try:
        return _describe(json.loads(content))
    except KeyError as error:
        raise BundleError(f"The bundle {folder} is broken: its {DESCRIPTION_FILE} has no {error}.") from None
    except (ValueError, TypeError, RecursionError) as error:
        reason = one_line(str(error))
        if len(reason) > LONGEST_REASON:  # it may quote what a stranger wrote
            reason = reason[:LONGEST_REASON] + "…"
        raise BundleError(f"The bundle {folder} is broken: in its {DESCRIPTION_FILE}, {reason}.") from None


class _Network:
    """A bundle's LiteRT flat buffer, ready to run.

    Attributes
    ----------
    windows : int
        How many it takes at a time, no more and no fewer.
    """

    def __init__(self, folder: Path, name: str, description: BundleDescription, content: bytes) -> None:
        if not _has_operators_and_graph(content):
            raise BundleError(f"The bundle {folder} is broken: its {name} is no network.")
        from ai_edge_litert.interpreter import Interpreter

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
                found = ", ".join(f"{list(tensor['shape'])}" for tensor in tensors)
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
    """Whether a flat buffer's root names operators, a graph and buffers.

    LiteRT itself finds most damage, but reads from address nought where the root lacks one of these. A
    root's table begins with the distance back to its list of fields, each of which is an offset or 0
    (flatbuffers.dev/internals); the fields 1, 2 and 4 of LiteRT's schema are meant.
    """
    try:
        (root,) = struct.unpack_from("<I", content)
        fields = root - struct.unpack_from("<i", content, root)[0]
        (size,) = struct.unpack_from("<H", content, fields)
        return size >= 14 and all(struct.unpack_from("<H", content, fields + 4 + 2 * k)[0] for k in (1, 2, 4))
    except struct.error:
        return False


def _windows_at_a_time(name: str, inputs: Sequence[Mapping[str, Any]]) -> int:
    """How many windows a network may take: one, or as many as that of several says."""
    shape: Sequence[int] = inputs[0]["shape"] if inputs else []
    return min(max(2, int(shape[0])), MOST_AT_A_TIME) if name == SEVERAL_FILE and len(shape) else 1


class Classifier:
    """A bundle's network, ready to run: windows of mel levels in, a probability for each label out.

    Parameters
    ----------
    folder : Path
        The bundle.

    Raises
    ------
    BundleError
        When the bundle is missing, broken, foreign or does not match its hashes.
    """

    def __init__(self, folder: Path) -> None:
        self.description = read_description(folder)
        self._folder = folder
        self._network = _Network(folder, NETWORK_FILE, self.description, self._read(NETWORK_FILE))
        # Read now though opened later: by then somebody may have trained the bundle anew.
        has_several = SEVERAL_FILE in self.description.sha256 and (folder / SEVERAL_FILE).exists()
        self._several_content = self._read(SEVERAL_FILE) if has_several else None
        try:
            self(np.full(self._window_shape, -100.0, dtype=np.float32))
        except RunningError as error:
            raise BundleError(f"The bundle {folder} is broken: its network fails ({error}).") from None

    def _read(self, name: str) -> bytes:
        """Read a network, which must be the one that the description means."""
        content = _read_bounded(self._folder, name, LARGEST_NETWORK)
        if hashlib.sha256(content).hexdigest() != self.description.sha256[name]:
            raise BundleError(
                f"The bundle {self._folder} was changed after it was made: its {name} does not match "
                "its sha256; train it anew or fetch it again."
            )
        return content

    @property
    def _window_shape(self) -> tuple[int, int]:
        return self.description.window_frames, self.description.front_end.n_mels

    @cached_property
    def _network_of_several(self) -> _Network | None:
        """Opened when it is first needed: while sound comes in real time there is one window at a time."""
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
        """Return the probabilities of windows; those of one do not depend on the others beside it.

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
            When the network returns something that is no probability.
        BundleError
            When the bundle's network of several windows turns out broken, which is opened only here.
        """
        coefficients = mfcc(mel_db.astype(np.float32, copy=False), self.description.front_end)
        raw = np.concatenate([network(some) for network, some in self._in_turns(coefficients)])
        if not np.isfinite(raw).all() or raw.min() < 0 or not raw.any(axis=1).all():
            raise RunningError("The model gave something that is no probability: choose another --model.")
        return calibrated(raw, self.description.temperature)

    def _in_turns(
        self, coefficients: npt.NDArray[np.float32]
    ) -> Iterator[tuple[_Network, npt.NDArray[np.float32]]]:
        """Share the windows out: to the network of several as many as it takes, the rest one by one."""
        start = 0
        while (left := len(coefficients) - start) > 0:
            several = self._network_of_several if left > 1 else None
            network = several if several is not None and several.windows <= left else self._network
            yield network, coefficients[start : start + network.windows]
            start += network.windows


def calibrated(probabilities: npt.NDArray[np.floating[Any]], temperature: float) -> Probabilities:
    """Temperature-scale probabilities (Guo et al., 2017): softmax(log p / temperature).

    Parameters
    ----------
    probabilities : ndarray [shape=(..., labels)]
        As the network returns them.
    temperature : float
        Above 1 softens, below 1 sharpens.

    Returns
    -------
    ndarray [shape=(..., labels)]
        They sum to 1 along the last axis.
    """
    scaled = np.log(np.maximum(probabilities, 1e-9)) / temperature
    exponentials = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    shares: Probabilities = (exponentials / exponentials.sum(axis=-1, keepdims=True)).astype(np.float32)
    return shares
