"""The script that makes clips of `no_music` out of Debian packages, on packages of our own making."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import soundfile

ROOT = Path(__file__).parents[1]
RATE = 22_050


def _sound(seed: int, seconds: float) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * RATE)).astype(np.float32)


def _wav(seed: int, seconds: float) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, _sound(seed, seconds), RATE, format="WAV", subtype="PCM_16")
    return file.getvalue()


def _unpacked(root: Path) -> Path:
    stamps = root / "usr/share/tuxpaint/stamps"
    for name, seconds in (
        ("animals/cow", 2.0), ("animals/cow_desc_fr", 1.0), ("animals/hen_desc_fr", 1.0),
        ("tools/click", 0.2), ("hobbies/music/cello", 2.0),
    ):  # fmt: skip
        path = stamps / f"{name}.ogg"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, _sound(len(name), seconds), RATE)
    games = root / "usr/share/games"
    (games / "warzone2100").mkdir(parents=True)
    with zipfile.ZipFile(games / "warzone2100/base.wz", "w") as archive:
        archive.writestr("audio/sfx/tank.wav", _wav(1, 30.0))
        archive.writestr("audio/radio/hello.wav", _wav(2, 0.3))
        archive.writestr("music/menu.wav", _wav(3, 2.0))
    (games / "openttd").mkdir()
    (games / "openttd/sounds.cat").write_bytes(b"index" + _wav(4, 1.0) + b"name" + _wav(5, 1.0))
    return root


def test_noises_stay_single_words_are_joined_and_music_is_left_out(tmp_path: Path) -> None:
    out = tmp_path / "noises"
    command = [
        sys.executable,
        str(ROOT / "scripts/collect_noises.py"),
        str(_unpacked(tmp_path / "x")),
        str(out),
    ]
    finished = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert finished.stdout == f"6 clips in {out}\n"
    with (out / "noises.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["label"] for row in rows} == {"no_music"}
    groups = {row["path"]: row["group"] for row in rows}
    assert groups == {
        "tux-cow.flac": "tux-cow",
        "wz-tank.flac": "wz-tank",
        "ttd-00.flac": "ttd-00",
        "ttd-01.flac": "ttd-01",
        "tux-fr-0.flac": "tux-fr",
        "wz-radio-0.flac": "wz-radio",
    }
    lengths = {path: soundfile.info(out / path).duration for path in groups}
    assert lengths["wz-tank.flac"] == 10.0
    assert lengths["tux-fr-0.flac"] > 2.0


def test_a_folder_without_the_packages_is_told_in_a_sentence(tmp_path: Path) -> None:
    script = str(ROOT / "scripts/collect_noises.py")
    command = [sys.executable, script, str(tmp_path / "x"), str(tmp_path / "out")]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert finished.returncode == 2
    assert "holds none of the packages' sounds: unpack them there first" in finished.stderr
    assert not (tmp_path / "out" / "noises.csv").exists()
