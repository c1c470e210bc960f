"""The demo tune: its notes are the same each time, and the file that ships is the one they make."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from examples.make_demo import TAIL_S, Section, compose, pitch_of, to_midi

DEMO = Path(__file__).parents[2] / "examples" / "demo.ogg"


def notes_of(section: Section) -> bytes:
    file = io.BytesIO()
    to_midi(section).save(file=file)
    return file.getvalue()


def test_the_same_seed_gives_the_same_notes() -> None:
    assert [notes_of(section) for section in compose()] == [notes_of(section) for section in compose()]


@pytest.mark.parametrize("section", compose(), ids=lambda section: section.name)
def test_a_section_is_playable(section: Section) -> None:
    assert 15 <= section.length_s <= 20
    assert sum(not part.is_drums for part in section.parts) <= 15, "more players than MIDI has channels"
    for part in section.parts:
        assert part.notes, "a player with nothing to play"
        for note in part.notes:
            assert 0 <= note.start < section.beats
            assert note.length > 0
            assert 21 <= note.pitch <= 108
            assert 1 <= note.velocity <= 127
    sounding: dict[tuple[int, int], bool] = {}
    for message in to_midi(section):
        if message.type in {"note_on", "note_off"}:
            key = (message.channel, message.note)
            if message.type == "note_off":
                assert sounding[key], "a key let go that is not down"
            sounding[key] = message.type == "note_on"
    assert not any(sounding.values()), "a note that never ends"


def test_pitches_are_read_as_musicians_write_them() -> None:
    assert [pitch_of(name) for name in ("C4", "A4", "Bb3", "F#2", "Gb2", "Cb5")] == [60, 69, 58, 42, 42, 71]


def test_the_tune_that_ships_fits_its_composition() -> None:
    assert DEMO.stat().st_size <= 700_000
    samples, rate = soundfile.read(DEMO)
    assert len(samples) / rate == pytest.approx(sum(part.length_s for part in compose()) + TAIL_S, abs=0.1)
    assert samples.shape[1] == 2
    assert 0.5 < np.abs(samples).max() <= 1.0
    # Something sounds in every second of it but the last, in which it dies away.
    seconds = samples[: len(samples) // rate * rate].reshape(-1, rate * 2)
    assert 20 * np.log10(np.sqrt((seconds[:-1] ** 2).mean(axis=1)).min()) > -45
