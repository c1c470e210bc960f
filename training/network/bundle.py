"""Writing of a model bundle, the folder for ``genre-live --model``."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from live.bundle import DESCRIPTION_FILE, HASHED_FILES, KERAS_FILE, NETWORK_FILE, SEVERAL_FILE
from live.errors import InputError, RunningError

from .litert import largest_difference, to_litert

CARD_FILE = "README.md"
REPORT_FOLDER = "report"
UNFINISHED = "bundle."  # how the names of unfinished bundles begin
BUNDLE_NAMES = {DESCRIPTION_FILE, *HASHED_FILES, CARD_FILE, REPORT_FOLDER}
LARGEST_DIFFERENCE = 1e-5  # between the probabilities of LiteRT and Keras
MOUNTS = Path("/proc/self/mountinfo")
CHECKED_WINDOWS = 32
AT_A_TIME = {NETWORK_FILE: 1, SEVERAL_FILE: 4}  # windows; more than four at a time are no faster
PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "numpy", "scikit-learn", "soxr", "soundfile")


def package_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages on which a model depends."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions


def write_networks(folder: Path, network: Any, examples: npt.NDArray[np.float32]) -> float:
    """Write all files of a network, and check that their outputs agree.

    Parameters
    ----------
    folder : Path
    network : keras.Model
    examples : ndarray [shape=(windows, window_frames, n_mfcc)]
        MFCCs for the comparison.

    Returns
    -------
    float
        The largest difference between the probabilities of Keras and LiteRT.

    Raises
    ------
    RunningError
        When they differ by more than 1e-5.
    """
    import keras

    contents = {name: to_litert(network, windows) for name, windows in AT_A_TIME.items()}
    difference = max(
        largest_difference(network, content, examples[:CHECKED_WINDOWS]) for content in contents.values()
    )
    if not difference <= LARGEST_DIFFERENCE:
        raise RunningError(
            f"The exported network differs from the fitted one by {difference:.1e}, more than "
            f"{LARGEST_DIFFERENCE:.0e}: no bundle was written."
        )
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    without_optimizer = keras.Model.from_config(network.get_config())
    without_optimizer.set_weights(network.get_weights())
    without_optimizer.save(folder / KERAS_FILE)
    return difference


def check_destination(folder: Path) -> None:
    """Check, before hours of fitting, that a bundle can be written.

    Raises
    ------
    InputError
        When the folder holds anything other than a bundle, is a mount point, or cannot be created.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file: give a folder for the bundle with --out.")
    if _is_mount(folder.resolve()):
        raise InputError(f"{folder} is a mount point, which cannot be replaced: give a folder inside it.")
    try:
        found = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
        if found - BUNDLE_NAMES or (found and DESCRIPTION_FILE not in found):
            raise InputError(f"{folder} holds other files: give a new or empty folder with --out.")
        folder.resolve().parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.resolve().parent):
            pass
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror}; give another --out.") from None


def _is_mount(folder: Path) -> bool:
    """Return whether a folder is a mount point, also one of a folder of the same disk."""
    if os.path.ismount(folder):
        return True
    try:
        mounts = MOUNTS.read_bytes().splitlines()
    except OSError:  # not on Linux
        return False
    places = (mount.split()[4] for mount in mounts)
    return os.fsencode(folder) in (re.sub(rb"\\(\d{3})", _sign, place) for place in places)


def _sign(escape: re.Match[bytes]) -> bytes:
    return bytes([int(escape[1], 8)])


def work_folder(out: Path) -> Path:
    """Return the folder of an unfinished run, beside the bundle."""
    out = out.absolute()
    return out.with_name(f".{out.name}.training")


@contextlib.contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Yield a new folder, which replaces ``folder`` at the end of the block, but not after an exception.

    It also deletes what earlier runs that were killed have left of theirs.
    """
    folder = folder.resolve()  # a link stays a link, to the new bundle
    work = work_folder(folder)
    work.mkdir(exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=work, prefix=UNFINISHED))
    former = unfinished.with_name(unfinished.name + ".former")
    done = [unfinished, former]
    try:
        yield unfinished
        unfinished.chmod(0o777 & ~_umask())
        if folder.exists():
            folder.rename(former)
        unfinished.rename(folder)
        done += work.glob(f"{UNFINISHED}*")
    except BaseException as error:
        if former.exists() and not folder.exists():
            former.rename(folder)
        if isinstance(error, OSError) and error.filename is None:  # as of a full disk
            error.filename = str(folder)
        raise
    finally:
        for each in done:
            shutil.rmtree(each, ignore_errors=True)
        with contextlib.suppress(OSError):  # it also holds the checkpoint, until the run is done
            work.rmdir()


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
