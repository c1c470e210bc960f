from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest
import soundfile

from live.archive.tagging import Tagger, spelled
from tests.sounds import ffmpeg, write_tune

mutagen = pytest.importorskip("mutagen", reason="The extra [scan] is absent.")

ENDINGS = (".mp3", ".flac", ".ogg", ".opus", ".m4a", ".wav", ".aiff", ".wma", ".wv")


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sounds")


@pytest.fixture(params=ENDINGS)
def song(request: pytest.FixtureRequest, sounds: Path, tmp_path: Path) -> Path:
    """A file of each format, with a title."""
    made = sounds / f"song{request.param}"
    if not made.exists():
        wav = write_tune(sounds / "source.wav", 1.0, rate=48_000, channels=2)
        ffmpeg("-i", wav, "-metadata", "title=So What", made)
    return Path(shutil.copy(made, tmp_path))


def sound_of(path: Path) -> str:
    """Digest of the sound alone, as the file holds it: of its packets, not decoded."""
    packets = ffmpeg("-i", path, "-map", "0:a", "-c", "copy", "-f", "framehash", "-hash", "sha256", "-")
    hashes = [line.split(b",")[5] for line in packets.splitlines() if not line.startswith(b"#")]
    assert hashes
    return hashlib.sha256(b"\n".join(hashes)).hexdigest()


def genre_of(path: Path) -> list[str]:
    tags: Any = mutagen.File(path).tags
    for key in ("TCON", "\xa9gen", "WM/Genre", "genre"):
        try:
            values = tags[key]
        except (KeyError, ValueError):
            continue
        return [str(value) for value in getattr(values, "text", values)]
    return []


def test_the_genre_is_written_and_the_sound_stays_as_it_is(song: Path) -> None:
    before = sound_of(song)
    assert Tagger().tag(str(song), "jazz", 0.9).outcome == "written"
    assert genre_of(song) == ["Jazz"]
    assert sound_of(song) == before
    assert b"So What" in song.read_bytes() or "So What".encode("utf-16-le") in song.read_bytes()


def test_a_genre_that_is_there_stays_unless_asked_otherwise(song: Path) -> None:
    Tagger().tag(str(song), "jazz", 0.9)
    before = song.read_bytes()
    assert Tagger().has_genre(str(song))
    kept = Tagger().tag(str(song), "rock", 0.9)
    assert (kept.outcome, kept.genre) == ("kept", "Jazz")
    assert song.read_bytes() == before
    sound = sound_of(song)
    assert not Tagger(overwrite=True).has_genre(str(song))
    assert Tagger(overwrite=True).tag(str(song), "rock", 0.9).outcome == "written"
    assert genre_of(song) == ["Rock"]
    assert sound_of(song) == sound


def test_nothing_is_written_where_it_is_only_to_be_shown_or_not_sure(song: Path) -> None:
    before = song.read_bytes()
    assert Tagger(dry_run=True).tag(str(song), "jazz", 0.9).outcome == "shown"
    assert Tagger().tag(str(song), "jazz", 0.49).outcome == "unsure"
    assert Tagger(at_least=0.95).tag(str(song), "jazz", 0.9).outcome == "unsure"
    assert Tagger().tag(str(song), None, 0.9).outcome == "unsure"
    assert song.read_bytes() == before


def test_a_file_that_is_read_only_is_told(song: Path) -> None:
    song.chmod(0o444)
    before = song.read_bytes()
    refused = Tagger().tag(str(song), "jazz", 0.9)
    assert refused.outcome == "refused"
    assert refused.reason == f"{song} is read-only: its tags stay as they are."
    assert song.read_bytes() == before


def test_what_cannot_be_tagged_is_told(tmp_path: Path) -> None:
    text = tmp_path / "text.mp3"
    text.write_text("no sound")
    for path in (str(text), str(tmp_path / "gone.mp3"), "s3://bucket/song.mp3"):
        refused = Tagger().tag(path, "jazz", 0.9)
        assert refused.outcome == "refused"
        assert path in refused.reason
        assert refused.reason.endswith(".")


def test_the_version_of_the_tags_stays(sounds: Path, tmp_path: Path) -> None:
    for version in (3, 4):
        wav = write_tune(sounds / "source.wav", 1.0, rate=48_000, channels=2)
        path = tmp_path / f"{version}.mp3"
        ffmpeg("-i", wav, "-metadata", "title=So What", "-id3v2_version", str(version), path)
        Tagger().tag(str(path), "hiphop", 0.9)
        assert path.read_bytes()[3] == version
        assert genre_of(path) == ["Hip-Hop"]


def test_a_wav_file_is_still_read_as_before(tmp_path: Path) -> None:
    path = write_tune(tmp_path / "song.wav")
    before = soundfile.read(path)[0]
    Tagger().tag(str(path), "jazz", 0.9)
    assert (soundfile.read(path)[0] == before).all()


def test_labels_are_spelled_as_players_show_them() -> None:
    assert [spelled(label) for label in ("jazz", "hiphop", "bossa_nova")] == ["Jazz", "Hip-Hop", "Bossa nova"]
