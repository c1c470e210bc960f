"""Model bundles: the format of their description, the checks on opening, and writing.

Opening a bundle runs no code from it: the description is JSON, and every file is limited in size, lies in
the folder itself and matches the hash in the description.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from live.errors import BundleError, one_line
from live.events import genres_of
from live.front_end import FrontEndSpec

BUNDLE_FORMAT = 1
HERE = Path(__file__).resolve().parent
SHIPPED = next(  # inside the installed package; in a checkout, beside it
    (folder for folder in (HERE / "models", HERE.parent / "models") if folder.is_dir()), HERE / "models"
)
DESCRIPTION_FILE = "bundle.json"
NETWORK_FILE = "network.tflite"
SEVERAL_FILE = "network-of-several.tflite"  # the same network for several windows at a time; may be missing
KERAS_FILE = "network.keras"  # the same network for further training; may be missing
START_FILE = "start.keras"  # another network from which a fit starts instead; may be missing
HASHED_FILES = (NETWORK_FILE, SEVERAL_FILE, KERAS_FILE, START_FILE)
LARGEST_DESCRIPTION = 1_000_000  # bytes
LARGEST_NETWORK = 64_000_000  # bytes
LONGEST_WINDOW_S = 60.0
MOST_LABELS = 1_000
LONGEST_REASON = 200  # characters
LONGEST_LABEL = 64  # characters


@dataclass(frozen=True)
class BundleDescription:
    """The contents of ``bundle.json``.

    Attributes
    ----------
    name : str
        The bundle's name.
    labels : tuple of str
        In the order of the network's output; ``no_music`` and ``other_music`` are not genres.
    front_end : FrontEndSpec
        The MFCCs that the network was fitted on.
    window_frames : int
        Mel frames of one window.
    temperature : float
        The network's log-probabilities are divided by this and normalised again; see
        ``live.classifier.calibrated``.
    vote : mapping
        Parameters of the vote that were tuned with the model; may be empty.
    training : mapping
        Dataset, split, recipe, seed and metrics; information for people, not used by the program.
    sha256 : mapping of str to str
        SHA-256 hashes of the other files, by file name.
    """

    name: str
    labels: tuple[str, ...]
    front_end: FrontEndSpec
    window_frames: int
    temperature: float = 1.0
    sha256: Mapping[str, str] = field(default_factory=dict)
    vote: Mapping[str, float] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)

    @property
    def window_s(self) -> float:
        """Length of a window, in seconds."""
        return self.front_end.window_samples(self.window_frames) / self.front_end.sample_rate


def shipped_models() -> list[str]:
    """Return the names of the bundles that ship with the program."""
    return sorted(entry.name for entry in SHIPPED.iterdir() if (entry / DESCRIPTION_FILE).is_file())


def find_bundle(model: str) -> Path:
    """Return the folder of a bundle.

    Parameters
    ----------
    model : str
        As for ``--model``: the name of a shipped bundle, or a folder.

    Raises
    ------
    BundleError
        When there is no such bundle or folder.
    """
    names = shipped_models()
    if model in names:
        return SHIPPED / model
    folder = Path(model)
    with contextlib.suppress(OSError):  # the name is too long, or the folder may not be read
        if folder.is_dir():
            return folder
    known = ", ".join(names) or "none"
    raise BundleError(
        f"There is no model {model!r}: give a folder that genre-train made, or a shipped model ({known})."
    )


def read_bounded(folder: Path, name: str, largest: int) -> bytes:
    """Read a file that must lie in the bundle itself and have at most ``largest`` bytes."""
    path = folder / name
    try:
        if path.resolve(strict=True).parent != folder.resolve(strict=True):
            raise BundleError(f"The bundle {folder} is not safe to open: its {name} is a link to elsewhere.")
        if not path.is_file():
            raise BundleError(f"The bundle {folder} is broken: its {name} is not a file.")
        with path.open("rb") as file:
            content = file.read(largest + 1)
    except FileNotFoundError:
        raise BundleError(
            f"{folder} is not a model bundle: it holds no {name}; give a folder that genre-train made."
        ) from None
    except (OSError, RuntimeError) as error:
        raise BundleError(f"The bundle {folder} cannot be read: {error}.") from None
    if len(content) > largest:
        raise BundleError(f"The bundle {folder} is broken: its {name} is larger than {largest} bytes.")
    return content


def is_label(value: Any) -> bool:
    """Return whether a value can be a label: a short text that is safe in a terminal and in a file."""
    return isinstance(value, str) and value.isprintable() and 1 <= len(value) <= LONGEST_LABEL


def _describe(values: Any) -> BundleDescription:
    """Check every field of ``bundle.json``; raise ValueError, KeyError or TypeError if one is wrong."""
    if not isinstance(values, dict):
        raise TypeError("it is not a JSON object")
    if values["format"] != BUNDLE_FORMAT:
        raise ValueError(f"its format is {values['format']!r}, and this program reads {BUNDLE_FORMAT}")
    if values.get("mode", "window") != "window":
        raise ValueError(f"its mode {values['mode']!r} is not known to this program")
    name, labels = values["name"], values["labels"]
    if not is_label(name):
        raise ValueError("its name must be a short text")
    if not isinstance(labels, list) or not 2 <= len(labels) <= MOST_LABELS:
        raise ValueError("it must have at least two labels")
    if not all(map(is_label, labels)):
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
        When it is missing, is not JSON, has another format, or a field is out of range.
    """
    content = read_bounded(folder, DESCRIPTION_FILE, LARGEST_DESCRIPTION)
    try:
        return _describe(json.loads(content))
    except KeyError as error:
        raise BundleError(f"The bundle {folder} is broken: its {DESCRIPTION_FILE} has no {error}.") from None
    except (ValueError, TypeError, RecursionError) as error:
        reason = one_line(str(error))
        if len(reason) > LONGEST_REASON:  # it may quote the file, whose text is not ours
            reason = reason[:LONGEST_REASON] + "…"
        raise BundleError(f"The bundle {folder} is broken: in its {DESCRIPTION_FILE}, {reason}.") from None


def read_hashed(folder: Path, description: BundleDescription, name: str) -> bytes:
    """Read a network and check its hash against the description.

    Parameters
    ----------
    folder : Path
        The bundle.
    description : BundleDescription
    name : str
        Name of the network's file.

    Returns
    -------
    bytes
        The contents of the file.

    Raises
    ------
    BundleError
        When it is missing, too large, a link to another folder, or has another hash.
    """
    content = read_bounded(folder, name, LARGEST_NETWORK)
    if hashlib.sha256(content).hexdigest() != description.sha256.get(name):
        raise BundleError(
            f"The bundle {folder} was changed after it was made: its {name} does not match its sha256; "
            "train it again or fetch it again."
        )
    return content


def write_description(folder: Path, description: BundleDescription) -> BundleDescription:
    """Write ``bundle.json`` for the networks in ``folder``.

    Returns
    -------
    BundleDescription
        The description with the hashes of the networks.
    """
    hashes = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in HASHED_FILES
        if (folder / name).exists()
    }
    values = {
        "format": BUNDLE_FORMAT,
        "name": description.name,
        "labels": list(description.labels),
        "front_end": description.front_end.to_dict(),
        "window_frames": description.window_frames,
        "normalisation": "in the network",
        "temperature": description.temperature,
        "vote": dict(description.vote),
        "sha256": hashes,
        "training": dict(description.training),
    }
    text = json.dumps(values, indent=1, ensure_ascii=False) + "\n"
    (folder / DESCRIPTION_FILE).write_text(text, encoding="utf-8")
    return replace(description, sha256=hashes)
