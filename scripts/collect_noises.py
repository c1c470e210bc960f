"""Make clips of `no_music` from free sounds of three Debian packages: noises, and voices in many languages.

    apt-get download tuxpaint-stamps-default warzone2100-data openttd-opensfx
    for package in *.deb; do dpkg -x "$package" unpacked; done
    python scripts/collect_noises.py unpacked noises
    genre-train genres noises/noises.csv --out my-model

Short words of one voice are joined to clips of half a minute; noises are unchanged, up to ten seconds.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

SAMPLE_RATE = 22_050
CLIP_S, PAUSE_S, SHORTEST_WORD_S = 30.0, 0.25, 0.15
SHORTEST_NOISE_S, LONGEST_NOISE_S = 0.5, 10.0
CLIPS_OF_A_VOICE = 6
SPOKEN = re.compile(r"_([a-z]{2}(_[a-zA-Z]{2})?)$")  # Tux Paint's files end in their language
# Instruments, a bugle, carols and fireworks; and words whose file names do not give their language.
NOT_NOISE = re.compile("/music/|roll-call|hanukkah|christmas|newyears|symbols/|roadsigns")
BATTLE_NOISES = ("audio/sfx/", "effects/")
SILENCE_DBFS = -60.0

Samples = npt.NDArray[np.float32]


def read(sound: Path | bytes) -> Samples | None:
    """Return mono samples at 22 050 Hz, or None for silence."""
    try:
        samples, rate = soundfile.read(
            io.BytesIO(sound) if isinstance(sound, bytes) else sound, dtype="float32"
        )
    except (soundfile.LibsndfileError, OSError):
        return None
    mono = soxr.resample(samples if samples.ndim == 1 else samples.mean(axis=1), rate, SAMPLE_RATE)
    if len(mono) < SHORTEST_WORD_S * SAMPLE_RATE or np.sqrt((mono**2).mean()) < 10 ** (SILENCE_DBFS / 20):
        return None
    peak = float(np.abs(mono).max())
    scaled: Samples = (mono * (0.5 / peak)).astype(np.float32)
    return scaled


def tux_paint(root: Path) -> Iterator[tuple[str, str, Samples]]:
    """Yield the sounds of the stamps: (voice or empty, name, samples)."""
    for path in sorted((root / "usr/share/tuxpaint/stamps").rglob("*.ogg")):
        language = SPOKEN.search(path.stem)
        if (language is None and NOT_NOISE.search(path.as_posix())) or (samples := read(path)) is None:
            continue
        yield ("" if language is None else f"tux-{language[1]}"), f"tux-{path.stem}", samples


def warzone(root: Path) -> Iterator[tuple[str, str, Samples]]:
    """Yield the sounds of the game's two archives."""
    for archive in sorted((root / "usr/share/games/warzone2100").glob("*.wz")):
        with zipfile.ZipFile(archive) as files:
            for name in sorted(files.namelist()):
                if not name.endswith((".ogg", ".wav")) or not name.startswith(("audio/", "effects/")):
                    continue
                if (samples := read(files.read(name))) is None:
                    continue
                noise = name.startswith(BATTLE_NOISES)
                yield ("" if noise else f"wz-{name.split('/')[-2]}"), f"wz-{Path(name).stem}", samples


def open_ttd(root: Path) -> Iterator[tuple[str, str, Samples]]:
    """Yield the sounds of the game's catalogue of concatenated WAV files."""
    for catalogue in sorted((root / "usr/share/games/openttd").rglob("*.cat")):
        content = catalogue.read_bytes()
        for number, match in enumerate(re.finditer(rb"RIFF(....)WAVE", content, re.DOTALL)):
            length = int.from_bytes(match[1], "little") + 8
            if (samples := read(content[match.start() : match.start() + length])) is not None:
                yield "", f"ttd-{number:02}", samples


def joined(words: list[Samples], generator: np.random.Generator) -> Iterator[Samples]:
    """Yield clips of half a minute, of words in random order with pauses between them."""
    pause = np.zeros(round(PAUSE_S * SAMPLE_RATE), dtype=np.float32)
    clip: list[Samples] = []
    made = 0
    for index in generator.permutation(len(words)):
        clip += [words[index], pause]
        if sum(map(len, clip)) >= CLIP_S * SAMPLE_RATE:
            yield np.concatenate(clip)
            clip, made = [], made + 1
            if made == CLIPS_OF_A_VOICE:
                return
    if made == 0 and clip:
        yield np.concatenate(clip)


def main() -> None:
    """Write the clips of the command line's arguments."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("unpacked", type=Path, help="the folder that the packages were unpacked into")
    parser.add_argument("out", type=Path, help="the folder for the clips and their manifest")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    voices: dict[str, list[Samples]] = {}
    rows: list[tuple[str, str, str]] = []
    taken: set[str] = set()

    def write(name: str, group: str, samples: Samples) -> None:
        file = f"{name}.flac"
        soundfile.write(arguments.out / file, samples, SAMPLE_RATE)
        rows.append((file, "no_music", group))
        taken.add(name)

    for source in (tux_paint, warzone, open_ttd):
        for voice, name, samples in source(arguments.unpacked):
            if voice:
                voices.setdefault(voice, []).append(samples)
            elif len(samples) >= SHORTEST_NOISE_S * SAMPLE_RATE and name not in taken:
                write(name, name, samples[: round(LONGEST_NOISE_S * SAMPLE_RATE)])
    for voice, words in sorted(voices.items()):
        for number, clip in enumerate(joined(words, np.random.default_rng(0))):
            write(f"{voice}-{number}", voice, clip)
    if not rows:
        parser.error(f"{arguments.unpacked} holds none of the packages' sounds: unpack them there first")
    with (arguments.out / "noises.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("path", "label", "group"), *rows])
    print(f"{len(rows)} clips in {arguments.out}")


if __name__ == "__main__":
    main()
