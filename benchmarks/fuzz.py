"""Fuzzing: opens damaged files with the decoders and damaged bundles with the classifier.

    python -m benchmarks.fuzz --minutes 3

Every case runs in a child process with limited memory and time. A case passes if it is read, or refused with
an error for the user. A case that ends in another exception, a crash, a hang or too much memory is saved in
``tests/corpus/``, where a test runs it again.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import json
import multiprocessing
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soundfile
from rich.console import Console

from live.bundle import DESCRIPTION_FILE, NETWORK_FILE, SEVERAL_FILE
from live.errors import GenreLiveError
from live.library_messages import quiet_libraries

CORPUS = Path(__file__).parents[1] / "tests" / "corpus"
MEMORY = 1_500_000_000  # bytes of address space for a case
PATIENCE_S = 20
LONGEST_SOUND_S = 600


def try_sound(path: Path) -> str:
    """Decode a file like the program, and return the outcome."""
    from live.sources.decoders.decoding import open_decoder

    try:
        decoder = open_decoder(str(path))
    except GenreLiveError:
        return "refused"
    try:
        frames = 0
        while len(block := decoder.read(8_192)) and frames < LONGEST_SOUND_S * decoder.sample_rate:
            frames += len(block)
    except GenreLiveError:
        return "damaged"
    finally:
        decoder.close()
    return "read"


def try_bundle(folder: Path) -> str:
    """Open a bundle like the program, and return the outcome."""
    from live.classifier import Classifier

    try:
        classifier = Classifier(folder)
        spec = classifier.description.front_end
        classifier.classify(np.zeros((8, classifier.description.window_frames, spec.n_mels)))
    except GenreLiveError:
        return "refused"
    return "opened"


def damage(content: bytes, chance: random.Random) -> bytes:
    """Return the content with bytes flipped, cut, repeated or overwritten, mostly in the headers."""
    damaged = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        reach = len(damaged) if chance.random() < 0.4 else min(len(damaged), 200)
        if reach < 2:
            break
        at = chance.randrange(reach)
        match chance.randrange(6):
            case 0:
                damaged[at] ^= 1 << chance.randrange(8)
            case 1:
                damaged[at] = chance.choice((0, 1, 127, 128, 255))
            case 2:
                damaged[at : at + 4] = chance.choice(
                    (b"\xff" * 4, b"\0" * 4, b"\xff\xff\xff\x7f", b"\0\0\0\x80")
                )
            case 3:
                del damaged[at:]
            case 4:
                del damaged[at : at + chance.randrange(1, 64)]
            case 5:
                damaged[at:at] = damaged[at : at + chance.randrange(1, 64)]
    return bytes(damaged)


def sound_seeds(folder: Path) -> list[Path]:
    """Write a short sound in every format that can be written, and return the files."""
    tone = 0.3 * np.sin(np.arange(16_000) / 20)
    kinds = [("wav", "PCM_16"), ("wav", "FLOAT"), ("wav", "PCM_U8"), ("flac", "PCM_16"), ("ogg", "VORBIS")]
    kinds += [
        ("ogg", "OPUS"),
        ("mp3", "MPEG_LAYER_III"),
        ("aiff", "PCM_24"),
        ("au", "ULAW"),
        ("caf", "PCM_16"),
    ]
    seeds = []
    for suffix, subtype in kinds:
        path = folder / f"{subtype}.{suffix}"
        soundfile.write(path, tone, 16_000, subtype=subtype)
        seeds.append(path)
    for name in ("a.m4a", "a.wma", "a.mka", "a.ac3", "a.mp4"):
        if shutil.which("ffmpeg"):
            path = folder / name
            command = ["ffmpeg", "-v", "quiet", "-i", str(seeds[0]), str(path)]
            if subprocess.run(command, check=False).returncode == 0:
                seeds.append(path)
    return seeds


def sound_cases(folder: Path, chance: random.Random) -> Iterator[tuple[str, Path]]:
    """Yield damaged sounds for ever."""
    seeds = sound_seeds(folder)
    while True:
        seed = chance.choice(seeds)
        path = folder / f"case{seed.suffix}"
        path.write_bytes(damage(seed.read_bytes(), chance))
        yield "sound", path


def bundle_cases(folder: Path, model: Path, chance: random.Random) -> Iterator[tuple[str, Path]]:
    """Yield damaged bundles with valid hashes for ever."""
    description = json.loads((model / "bundle.json").read_text())
    networks = {name: (model / name).read_bytes() for name in (NETWORK_FILE, SEVERAL_FILE)}
    case = folder / "bundle"
    case.mkdir()
    while True:
        harmed = chance.choice((NETWORK_FILE, SEVERAL_FILE, DESCRIPTION_FILE))
        for name, network in networks.items():
            content = damage(network, chance) if name == harmed else network
            description["sha256"][name] = hashlib.sha256(content).hexdigest()
            (case / name).write_bytes(content)
        text = json.dumps(description).encode()
        (case / DESCRIPTION_FILE).write_bytes(damage(text, chance) if harmed == DESCRIPTION_FILE else text)
        yield "bundle", case


TRIES: dict[str, Callable[[Path], str]] = {"sound": try_sound, "bundle": try_bundle}


def _address_space() -> int:
    """Return the address space of this process, in bytes; 0 if it is unknown."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def _child(kind: str, path: Path, answers: multiprocessing.SimpleQueue[str]) -> None:
    allowed = MEMORY + _address_space()  # the parent's share does not count
    resource.setrlimit(resource.RLIMIT_AS, (allowed, allowed))
    resource.setrlimit(resource.RLIMIT_CPU, (PATIENCE_S, PATIENCE_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        with quiet_libraries():
            answers.put(TRIES[kind](path))
    except BaseException as error:
        answers.put(f"FAILED: {type(error).__name__}: {error}")


def attempt(kind: str, path: Path) -> str:
    """Run one case in a child process, and return its outcome; FAILED means a fault of the program."""
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    child = context.Process(target=_child, args=(kind, path, answers))
    child.start()
    child.join(PATIENCE_S)
    if child.is_alive():
        child.kill()
        child.join()
        return "FAILED: it hangs"
    if child.exitcode != 0 or answers.empty():
        return f"FAILED: it crashed with status {child.exitcode}"
    return str(answers.get())


def keep(kind: str, path: Path) -> Path:
    """Save a case that failed, and return its path."""
    names = [path] if path.is_file() else [path / name for name in (DESCRIPTION_FILE, NETWORK_FILE)]
    content = b"".join(name.read_bytes() for name in names)
    target = CORPUS / f"{kind}-{hashlib.sha256(content).hexdigest()[:12]}{path.suffix}"
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.copytree(path, target, dirs_exist_ok=True)
    else:
        shutil.copy(path, target)
    return target


def main() -> int:
    """Fuzz for the given minutes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", type=Path, help="the bundle to damage; the default model otherwise")
    arguments = parser.parse_args()
    if arguments.model is None:
        from live.bundle import find_bundle
        from live.options import DEFAULTS

        arguments.model = find_bundle(DEFAULTS.model)
    import ai_edge_litert.interpreter  # noqa: F401 (once here, not in every child)

    console = Console()
    chance = random.Random(arguments.seed)
    tally: collections.Counter[str] = collections.Counter()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        kinds = [sound_cases(Path(folder), chance), bundle_cases(Path(folder), arguments.model, chance)]
        while time.monotonic() - began < arguments.minutes * 60:
            kind, path = next(chance.choice(kinds))
            outcome = attempt(kind, path)
            tally[f"{kind} {outcome}"] += 1
            if outcome.startswith("FAILED"):
                console.print(f"{outcome}: kept as {keep(kind, path)}")
    for outcome, count in sorted(tally.items()):
        console.print(f"{count:6}  {outcome}")
    return 1 if any("FAILED" in outcome for outcome in tally) else 0


if __name__ == "__main__":
    sys.exit(main())
