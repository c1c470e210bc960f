"""Compose and render the demo tune, ``demo.ogg``: one minute with four genres.

The notes are written in this file. mido converts them to MIDI, fluidsynth plays each part with the free
FluidR3 GM soundfont, the mixing code adds amplifiers and compression, and pydub joins the sections. The same
seed gives the same notes and, with the same versions of fluidsynth and ffmpeg, the same file.

    apt-get install fluidsynth fluid-soundfont-gm ffmpeg
    python examples/make_demo.py
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import mido
import numpy as np
import numpy.typing as npt
import soundfile

if TYPE_CHECKING:
    from pydub import AudioSegment

SEED = 7
SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
SAMPLE_RATE = 44_100
TICKS_PER_BEAT = 960
DRUM_CHANNEL = 9
TAIL_S = 1.6
PEAK_DBFS = -1.0

Sound = npt.NDArray[np.float64]
"""Stereo, full scale 1 [shape=(n, 2)]."""

SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}

# General MIDI programs, counted from 0, and drum kits.
PIANO, CLAVINET, CLEAN_GUITAR, MUTED_GUITAR, OVERDRIVEN_GUITAR = 0, 7, 27, 28, 29
ACOUSTIC_BASS, FINGERED_BASS, PICKED_BASS = 32, 33, 34
VIOLIN, VIOLA, CELLO, CONTRABASS, STRINGS, SLOW_STRINGS, CHOIR = 40, 41, 42, 43, 48, 49, 52
BRASS, TENOR_SAX = 61, 66
STANDARD_KIT, POWER_KIT, JAZZ_KIT = 0, 16, 32

KICK, SNARE, CLAP = 36, 38, 39
CLOSED_HAT, PEDAL_HAT, OPEN_HAT = 42, 44, 46
LOW_TOM, MID_TOM, HIGH_TOM = 45, 47, 50
CRASH, RIDE, CHINA, RIDE_BELL, TAMBOURINE, SECOND_CRASH = 49, 51, 52, 53, 54, 57
HIGH_CONGA, LOW_CONGA = 63, 64


@dataclass(frozen=True)
class Note:
    """One note as written: times in beats, ``pitch`` and ``velocity`` as MIDI counts them."""

    start: float
    length: float
    pitch: int
    velocity: int


@dataclass
class Part:
    """One player.

    Attributes
    ----------
    program : int
        General MIDI program or, for drums, kit.
    level_db : float
        RMS level in the mix while it plays.
    pan : int
        0 (left) to 127 (right).
    reverb, chorus, vibrato : int
        0 to 127.
    drive_db : float or None
        Gain of a guitar amplifier; None for no amplifier.
    late_s : float
        Mean delay of the player behind the beat, in seconds.
    loose_s : float
        Standard deviation of the timing, in seconds.
    is_drums : bool
    swell : list of (float, int)
        Expression, as (beat, value from 0 to 127); straight lines between.
    """

    program: int
    level_db: float = -20.0
    pan: int = 64
    reverb: int = 40
    chorus: int = 0
    vibrato: int = 0
    drive_db: float | None = None
    late_s: float = 0.0
    loose_s: float = 0.006
    is_drums: bool = False
    swell: list[tuple[float, int]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def play(self, start: float, length: float, pitches: int | Iterable[int], velocity: float) -> None:
        """Write a note, or several at once."""
        for pitch in [pitches] if isinstance(pitches, int) else pitches:
            self.notes.append(Note(start, length, pitch, round(velocity)))

    def sing(
        self, text: str, *, start: float = 0.0, velocity: float = 90, hold: float = 0.95, transpose: int = 0
    ) -> None:
        """Write a melody: words of ``pitch:beats`` or ``-:beats`` for a rest; ``>`` before one accents it."""
        for word in text.split():
            name, beats = word.split(":")
            accent = 14 if name.startswith(">") else 0
            length = float(beats)
            if name != "-":
                self.play(start, length * hold, pitch_of(name.lstrip(">")) + transpose, velocity + accent)
            start += length


@dataclass
class Section:
    """Some bars in one genre.

    Attributes
    ----------
    tempo : float
        In beats per minute.
    swing : float
        Position of the second eighth in the beat: 1/2 is straight, 2/3 is full swing.
    room : float
        Size of the room, 0 to 1.
    level_dbfs : float
        RMS level of the section.
    glue_db : float
        Gain of the mix into the soft limiter, relative to its RMS level; 0 for no limiting.
    """

    name: str
    tempo: float
    beats: int
    parts: list[Part]
    swing: float = 0.5
    room: float = 0.4
    level_dbfs: float = -18.0
    glue_db: float = 0.0

    @property
    def length_s(self) -> float:
        """Length without the tail, in seconds."""
        return self.beats * 60.0 / self.tempo


def pitch_of(name: str) -> int:
    """Return the MIDI number of a pitch such as ``F#4`` or ``Bb3``."""
    letter, accidentals, octave = name[0], name[1:-1], int(name[-1])
    return 12 * (octave + 1) + SEMITONES[letter] + accidentals.count("#") - accidentals.count("b")


def pitches_of(names: str) -> list[int]:
    """Return the MIDI numbers of several pitches."""
    return [pitch_of(name) for name in names.split()]


# --- the music


def classical(chance: random.Random) -> Section:
    """Return a slow movement in D minor: a violin over string orchestra and broken chords of a piano."""
    violin = Part(VIOLIN, level_db=-19, pan=50, reverb=80, vibrato=26, late_s=-0.02, loose_s=0.010)
    firsts = Part(STRINGS, level_db=-22, pan=44, reverb=86, late_s=-0.03, loose_s=0.012)
    inner = Part(SLOW_STRINGS, level_db=-22, pan=72, reverb=86, late_s=-0.05, loose_s=0.012)
    viola = Part(VIOLA, level_db=-27, pan=76, reverb=80, vibrato=18, late_s=-0.02, loose_s=0.012)
    cello = Part(CELLO, level_db=-22, pan=86, reverb=80, vibrato=20, late_s=-0.03, loose_s=0.012)
    bass = Part(CONTRABASS, level_db=-25, pan=94, reverb=76, late_s=-0.03, loose_s=0.012)
    piano = Part(PIANO, level_db=-23, pan=58, reverb=76, loose_s=0.009)

    melody = (
        "A4:1.5 D5:.5 >F5:1.5 E5:.5   D5:1 Bb5:1.5 A5:.5 G5:1   >A5:1 G5:.5 F5:.5 E5:1 C#5:1 "
        "D5:1.5 E5:.5 F5:1 A5:1   >D6:1.5 C6:.5 Bb5:1 A5:.5 G5:.5   F5:1 E5:1.5 D5:.25 E5:.25 D5:1"
    )
    violin.sing(melody, velocity=84, hold=1.02)
    firsts.sing(melody, velocity=58, hold=1.04)
    # One row a bar, two chords in it: bass, cello, viola, and the orchestra's inner voices.
    harmony = [
        ("D2 D3 A3 F4 A4", "D2 F3 A3 D4 A4"),
        ("G2 G3 Bb3 D4 G4", "Bb2 G3 D4 G4 Bb4"),
        ("A2 A3 E4 G4 C#5", "A2 G3 E4 A4 C#5"),
        ("D2 F3 A3 D4 F4", "C2 F3 A3 D4 A4"),
        ("Bb2 F3 Bb3 D4 F4", "G2 G3 Bb3 D4 G4"),
        ("A2 A3 C#4 E4 G4", "D2 D3 A3 D4 F#4"),
    ]
    for bar, halves in enumerate(harmony):
        for half, chord in enumerate(halves):
            start = 4.0 * bar + 2.0 * half
            low, tenor, alto, *upper = pitches_of(chord)
            bass.play(start, 1.95, low, 66)
            cello.play(start, 1.0, tenor, 72)
            cello.play(start + 1.0, 1.0, alto if half == 0 else tenor, 64)
            viola.play(start, 2.0, alto, 60)
            inner.play(start, 2.05, [alto, *upper], 56)
            figure = [low + 12, tenor, alto, upper[0], upper[-1], upper[0], alto, tenor]
            for step, pitch in enumerate(figure):
                weight = 54 if step == 0 else 40 + 8 * math.sin(math.pi * step / 7)
                piano.play(start + step / 4, 0.6, pitch, weight + chance.uniform(-3, 3))
    for part in (violin, firsts, inner, viola, cello, bass):
        part.swell = [(0, 78), (6, 104), (11, 88), (16, 112), (18, 122), (22, 88), (24, 70)]
    return Section(
        "classical", 80, 24, [violin, firsts, inner, viola, cello, bass, piano], room=0.85, level_dbfs=-20.0
    )


def jazz(chance: random.Random) -> Section:
    """Return medium-up swing in F: tenor saxophone, piano, walking bass and a ride cymbal."""
    sax = Part(TENOR_SAX, level_db=-16, pan=60, reverb=44, vibrato=10, late_s=0.022, loose_s=0.010)
    piano = Part(PIANO, level_db=-22, pan=44, reverb=40, late_s=0.008, loose_s=0.008)
    bass = Part(ACOUSTIC_BASS, level_db=-17, pan=70, reverb=24, late_s=-0.004, loose_s=0.006)
    drums = Part(JAZZ_KIT, level_db=-22, reverb=36, loose_s=0.005, is_drums=True)

    sax.sing(
        "-:.5 D4:.5 F4:.5 A4:.5 >C5:.5 Bb4:.5 A4:.5 G4:.5   E4:.5 G4:.5 >Bb4:.5 A4:.5 G4:.5 F4:.5 "
        "E4:.5 Db4:.5 C4:1 >A4:.5 G4:.5 E4:1 -:1   -:.5 >Eb5:.5 C5:.5 A4:.5 F#4:.5 D4:.5 Eb4:.5 F#4:.5 "
        ">G4:1.5 Bb4:.5 D5:1 -:.5 >F5:.5   E5:.5 D5:.5 Db5:.5 C5:.5 >Bb4:.5 G4:.5 E4:.5 F4:.5 "
        "E4:.5 G4:.5 A4:.5 >C5:.5 B4:.5 A4:.5 G4:.5 E4:.5   F#4:1 -:.5 A4:.5 C5:.5 >Eb5:.5 D5:.5 C5:.5 "
        "Bb4:.5 D5:.5 >F5:1 -:.5 D5:.5 Bb4:.5 G4:.5   E4:.5 >Bb4:.5 A4:.5 Ab4:.5 G4:.5 E4:.5 C4:.5 D4:.5 "
        "F4:.5 A4:.5 C5:.5 >D5:.5 C5:1 -:1   A4:.5 F4:.5 -:.5 >A4:.5 -:2",
        velocity=92,
        hold=0.9,
    )
    # A row a bar: the bass's four quarters and the piano's rootless voicing.
    chorus = [
        ("G2 Bb2 D3 Db3", "F3 Bb3 D4 A4"),
        ("C3 E3 G3 E3", "E3 Bb3 D4 A4"),
        ("F3 E3 C3 A2", "E3 A3 C4 G4"),
        ("D3 C3 A2 F#2", "F#3 C4 Eb4 A4"),
        ("G2 A2 Bb2 B2", "F3 Bb3 D4 A4"),
        ("C3 Bb2 G2 Ab2", "E3 Bb3 D4 G4"),
        ("A2 C3 E3 Eb3", "G3 C4 E4 B4"),
        ("D3 F#3 A3 Ab3", "F#3 C4 Eb4 Bb4"),
        ("G3 F3 D3 Db3", "F3 Bb3 D4 A4"),
        ("C3 G2 E2 Gb2", "E3 Bb3 D4 A4"),
        ("F2 A2 C3 D3", "E3 A3 D4 G4"),
        ("F3 F2", "Eb3 A3 D4 G4"),
    ]
    comping = [(0.0, 1.5), (0.5, 2.5), (1.5, 3.5), (0.0, 2.5), (1.0, 2.5), (0.5, 1.5)]
    last = len(chorus) - 1
    for bar, (walk, voicing) in enumerate(chorus):
        start = 4.0 * bar
        if bar == last:
            bass.play(start, 0.9, pitch_of("F3"), 100)
            bass.play(start + 1.5, 2.0, pitch_of("F2"), 108)
            piano.play(start + 1.5, 2.2, pitches_of(voicing), 84)
            for pitch, velocity in ((KICK, 84), (SNARE, 70), (CRASH, 72)):
                drums.play(start + 1.5, 1.0, pitch, velocity)
            drums.play(start, 0.5, RIDE, 84)
            drums.play(start + 1.0, 0.5, PEDAL_HAT, 66)
            continue
        for beat, pitch in enumerate(pitches_of(walk)):
            bass.play(start + beat, 0.92, pitch, 96 + (6 if beat in (1, 3) else 0) + chance.uniform(-5, 5))
        if chance.random() < 0.35:  # a skip before the bar line
            bass.play(start + 3.5, 0.3, pitches_of(walk)[-1], 70)
        for place in comping[chance.randrange(len(comping))]:
            piano.play(
                start + place, chance.choice([0.3, 0.4, 1.1]), pitches_of(voicing), chance.uniform(56, 74)
            )
        for beat in range(4):
            drums.play(start + beat, 0.5, RIDE, 88 + 10 * (beat % 2) + chance.uniform(-4, 4))
            drums.play(start + beat, 0.2, KICK, 34 + chance.uniform(-4, 4))  # feathered
            if beat % 2:
                drums.play(start + beat + 0.5, 0.5, RIDE, 72 + chance.uniform(-5, 5))
                drums.play(start + beat, 0.2, PEDAL_HAT, 74)
        for eighth in (1.5, 2.5, 3.5, 0.5):
            if chance.random() < 0.32:
                drums.play(start + eighth, 0.2, SNARE, chance.uniform(30, 62))
        if chance.random() < 0.3:
            drums.play(start + 3.5, 0.2, KICK, 70)
    return Section("jazz", 164, 48, [sax, piano, bass, drums], swing=0.64, room=0.45, level_dbfs=-18.0)


def disco(chance: random.Random) -> Section:
    """Return four on the floor in A minor: octave bass, sixteenth-note guitar, strings, brass, a choir."""
    kick = Part(STANDARD_KIT, level_db=-17, reverb=6, loose_s=0.002, is_drums=True)
    snare = Part(STANDARD_KIT, level_db=-18, reverb=44, loose_s=0.003, is_drums=True)
    hats = Part(STANDARD_KIT, level_db=-21, pan=76, reverb=14, loose_s=0.003, is_drums=True)
    percussion = Part(STANDARD_KIT, level_db=-25, pan=40, reverb=40, loose_s=0.006, is_drums=True)
    bass = Part(FINGERED_BASS, level_db=-17, reverb=4, loose_s=0.004)
    guitar = Part(CLEAN_GUITAR, level_db=-22, pan=98, reverb=24, chorus=40, loose_s=0.005)
    keys = Part(CLAVINET, level_db=-25, pan=30, reverb=24, loose_s=0.006)
    choir = Part(CHOIR, level_db=-20, reverb=56, vibrato=20, late_s=-0.02, loose_s=0.008)
    strings = Part(STRINGS, level_db=-20, pan=54, reverb=60, late_s=-0.02, loose_s=0.008)
    brass = Part(BRASS, level_db=-20, pan=46, reverb=40, late_s=-0.008, loose_s=0.006)

    chords = [
        ("A1", "G3 C4 E4", "E4 G4 C5"),
        ("D2", "F#3 C4 E4", "E4 F#4 A4"),
        ("F1", "E3 A3 C4", "E4 A4 C5"),
        ("E1", "G#3 D4 F4", "D4 G#4 B4"),
    ]
    lines = [
        ">E5:1.5 D5:.5 C5:.5 B4:.5 C5:1",
        ">A4:2.5 B4:.25 C5:.25 D5:.25 E5:.25 F#5:.5",
        ">E5:1.5 C5:.5 A4:.5 G4:.5 A4:1",
        ">G#4:1 B4:1 D5:.5 E5:.25 F5:.25 E5:.25 D5:.25 C5:.25 B4:.25",
    ]
    words = ["-:.5 E4:.5 E4:.5 G4:.5 >A4:1 G4:.5 E4:.5", "-:.5 D4:.5 E4:.5 F#4:.5 >A4:1.5 -:.5"]
    fill = (SNARE, SNARE, HIGH_TOM, HIGH_TOM, MID_TOM, MID_TOM, LOW_TOM, SNARE)
    congas = ((0.75, HIGH_CONGA), (1.5, LOW_CONGA), (1.75, LOW_CONGA), (2.75, HIGH_CONGA), (3.5, LOW_CONGA))
    for bar in range(9):
        start = 4.0 * bar
        root_name, low_voicing, high_voicing = chords[bar % 4]
        root = pitch_of(root_name) + (12 if root_name in {"F1", "E1"} else 0)
        if bar % 4 == 0:
            hats.play(start, 2.0, CRASH, 96)
        for beat in range(4):
            place = start + beat
            kick.play(place, 0.3, KICK, 112)
            if beat % 2:
                snare.play(place, 0.3, [SNARE, CLAP], 106)
            for sixteenth, velocity in ((0.0, 92), (0.25, 70), (0.75, 74)):
                hats.play(place + sixteenth, 0.2, CLOSED_HAT, velocity + chance.uniform(-5, 5))
            hats.play(place + 0.5, 0.24, OPEN_HAT, 104 + chance.uniform(-4, 4))
            for sixteenth, velocity in enumerate((76, 60, 100, 64)):
                percussion.play(place + sixteenth / 4, 0.2, TAMBOURINE, velocity)
            bass.play(place, 0.42, root, 112)
            bass.play(place + 0.5, 0.34, root + 12, 104)
        bass.play(start + 3.75, 0.2, root + 10, 96)
        for place, pitch in congas:
            percussion.play(start + place, 0.2, pitch, 92 + chance.uniform(-8, 8))
        for sixteenth in (2, 3, 6, 8, 10, 11, 14, 15):
            accent = 100 if sixteenth % 4 == 2 else 78
            strum(guitar, start + sixteenth / 4, 0.2, pitches_of(high_voicing), accent)
        for place in (0.0, 0.75, 1.5, 2.5, 3.25):
            keys.play(start + place, 0.3, pitches_of(low_voicing), 90 + chance.uniform(-6, 6))
        if bar < 8:
            # In octaves, as a section of violins would.
            strings.sing(lines[bar % 4], start=start, velocity=92, hold=1.0)
            strings.sing(lines[bar % 4], start=start, velocity=80, hold=1.0, transpose=12)
            choir.sing(words[bar % 2], start=start, velocity=96)
            choir.sing(words[bar % 2], start=start, velocity=88, transpose=12)
        if bar % 2:
            for place, length in ((1.5, 0.3), (2.0, 0.3), (3.5, 0.4)):
                brass.play(start + place, length, pitches_of(high_voicing), 104)
        if bar in {3, 7}:
            for sixteenth, pitch in enumerate(fill):
                snare.play(start + 2 + sixteenth / 4, 0.2, pitch, 88 + 4 * sixteenth)
    strings.sing(">E5:1.5 D5:.5 >C5:.5 B4:.5 >A4:1", start=32, velocity=96)
    strings.sing(">E5:1.5 D5:.5 >C5:.5 B4:.5 >A4:1", start=32, velocity=86, transpose=12)
    parts = [kick, snare, hats, percussion, bass, guitar, keys, choir, strings, brass]
    return Section("disco", 122, 36, parts, room=0.3, level_dbfs=-16.0, glue_db=7.0)


def metal(chance: random.Random) -> Section:
    """Return fast riffs in E minor: a guitar on each side through a loud amplifier, double kick, a lead."""
    sides = [(10, 0.0), (117, 0.005)]
    open_guitars = [
        Part(CLEAN_GUITAR, level_db=-20, pan=pan, reverb=0, drive_db=36, loose_s=0.005, late_s=late)
        for pan, late in sides
    ]
    muted_guitars = [
        Part(MUTED_GUITAR, level_db=-20, pan=pan, reverb=0, drive_db=34, loose_s=0.004, late_s=late)
        for pan, late in sides
    ]
    bass = Part(PICKED_BASS, level_db=-19, reverb=0, drive_db=16, loose_s=0.004)
    lead = Part(OVERDRIVEN_GUITAR, level_db=-20, pan=70, reverb=50, vibrato=22, drive_db=30, loose_s=0.006)
    kick = Part(POWER_KIT, level_db=-19, reverb=4, loose_s=0.002, is_drums=True)
    snare = Part(POWER_KIT, level_db=-16, reverb=34, loose_s=0.003, is_drums=True)
    cymbals = Part(POWER_KIT, level_db=-21, pan=60, reverb=30, loose_s=0.004, is_drums=True)

    def power(start: float, length: float, root: int, velocity: float) -> None:
        """Write a fifth with its octave that rings on."""
        for part in open_guitars:
            part.play(start, length, [root, root + 7, root + 12], velocity)
        bass.play(start, length, root - 12, 112)

    def chug(start: float, root: int, velocity: float) -> None:
        """Write a palm-muted sixteenth."""
        for part in muted_guitars:
            part.play(start, 0.22, [root, root + 7], velocity + chance.uniform(-5, 5))
        bass.play(start, 0.2, root - 12, 104)

    low_e = pitch_of("E2")
    # The chords that ring in each bar of the riff: where, how long, and how far above the low E.
    riff = [
        [(1.5, 0.5, 3), (3.5, 0.5, 1)],
        [(1.5, 0.5, 5), (3.0, 0.5, 6), (3.5, 0.5, 5)],
        [(1.5, 0.5, 3), (3.5, 0.5, 1)],
        [(1.0, 0.5, 8), (2.0, 0.5, 7), (3.0, 0.5, 3), (3.5, 0.5, 1)],
    ]
    chorus = [0, 8, 3, 10]
    fill = (SNARE, SNARE, HIGH_TOM, HIGH_TOM, MID_TOM, MID_TOM, LOW_TOM, LOW_TOM)
    for bar in range(12):
        start = 4.0 * bar
        if bar < 6 or bar == 10:
            ringing = riff[bar % 4]
            taken = {
                round(place * 4) + step for place, length, _ in ringing for step in range(round(length * 4))
            }
            for place, length, step in ringing:
                power(start + place, length * 0.96, low_e + step, 118)
            for sixteenth in set(range(16)) - taken:
                chug(start + sixteenth / 4, low_e, 112 if sixteenth % 4 == 0 else 98)
        elif bar < 10:
            for eighth in range(8):
                power(start + eighth / 2, 0.49, low_e + chorus[bar - 6], 116 if eighth % 2 == 0 else 106)
        else:
            power(start, 0.45, low_e + 3, 122)
            power(start + 0.5, 0.45, low_e + 1, 122)
            power(start + 1.0, 3.2, low_e, 124)
            for place in (0.0, 0.5, 1.0):
                kick.play(start + place, 0.5, KICK, 120)
                snare.play(start + place, 0.5, SNARE, 120)
                cymbals.play(start + place, 2.0, [CRASH, SECOND_CRASH], 116)
            continue
        for sixteenth in range(16):
            kick.play(
                start + sixteenth / 4, 0.1, KICK, (116, 104, 110, 104)[sixteenth % 4] + chance.uniform(-3, 3)
            )
        for beat in range(4):
            if beat % 2:
                snare.play(start + beat, 0.3, SNARE, 122)
            if bar < 6:
                cymbals.play(start + beat, 0.5, CLOSED_HAT if bar < 2 else RIDE_BELL, 104)
            else:
                cymbals.play(start + beat, 1.0, CRASH if beat % 2 == 0 else CHINA, 106)
        if bar % 2 == 0:
            cymbals.play(start, 2.0, SECOND_CRASH, 118)
        if bar in {5, 9}:
            for sixteenth, pitch in enumerate(fill):
                snare.play(start + 2 + sixteenth / 4, 0.1, pitch, 112 + sixteenth)
    lead.sing(
        "-:2 B4:.25 D5:.25 E5:.25 G5:.25 A5:.25 B5:.25 D6:.25 E6:.25 "
        ">G5:1.5 F#5:.25 E5:.25 D5:.5 B4:.5 D5:1   >E5:1 C5:.5 G4:.5 C5:.25 D5:.25 E5:.25 G5:.25 E5:1 "
        ">D5:1.5 B4:.5 G4:.25 A4:.25 B4:.25 D5:.25 B4:1   >F#5:.5 E5:.5 D5:.5 A4:.5 F#5:1 A5:1 >B5:2 -:2",
        start=20,
        velocity=108,
        hold=1.0,
    )
    parts = [*open_guitars, *muted_guitars, bass, lead, kick, snare, cymbals]
    return Section("metal", 158, 48, parts, room=0.2, level_dbfs=-14.0, glue_db=8.0)


def strum(part: Part, start: float, length: float, pitches: Sequence[int], velocity: float) -> None:
    """Write a chord whose strings follow one another, as under a plectrum."""
    for string, pitch in enumerate(pitches):
        part.play(start + 0.012 * string, length, pitch, velocity)


SECTIONS = (classical, jazz, disco, metal)


def compose() -> list[Section]:
    """Return all sections, the same ones every time."""
    return [write(random.Random(f"{SEED} {write.__name__}")) for write in SECTIONS]


# --- from notes to MIDI


def to_midi(section: Section, *, only: Part | None = None) -> mido.MidiFile:
    """Return a section as MIDI, with small errors of timing and force like those of people.

    With ``only``, the result has only that part, played as in the whole section.
    """
    file = mido.MidiFile(ticks_per_beat=TICKS_PER_BEAT)
    file.tracks.append(mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(section.tempo))]))
    channels = itertools.cycle(channel for channel in range(16) if channel != DRUM_CHANNEL)
    for number, part in enumerate(section.parts):
        channel = DRUM_CHANNEL if part.is_drums else next(channels)
        chance = random.Random(f"{SEED} {section.name} {number}")
        track = _perform(part, section, channel, chance)
        if only is None or only is part:
            file.tracks.append(track)
    return file


def _perform(part: Part, section: Section, channel: int, chance: random.Random) -> mido.MidiTrack:
    ticks_per_second = TICKS_PER_BEAT * section.tempo / 60.0
    messages: list[tuple[int, int, mido.Message]] = []  # tick, order within it, message

    def add(tick: int, order: int, kind: str, **values: int) -> None:
        messages.append((tick, order, mido.Message(kind, channel=channel, **values)))

    add(0, 0, "program_change", program=part.program)
    controls = {10: part.pan, 91: part.reverb, 93: part.chorus, 1: part.vibrato}
    for control, value in controls.items():
        add(0, 1, "control_change", control=control, value=value)
    for (begin, low), (end, high) in zip(part.swell, part.swell[1:], strict=False):
        for step in range(round(4 * (end - begin))):
            beat = begin + step / 4
            value = round(low + (high - low) * (beat - begin) / (end - begin))
            add(round(beat * TICKS_PER_BEAT), 1, "control_change", control=11, value=value)

    def tick_of(beat: float) -> float:
        return _swung(beat, section.swing) * TICKS_PER_BEAT

    sounding: dict[int, list[tuple[int, int, int]]] = {}
    for note in sorted(part.notes, key=lambda note: (note.start, note.pitch)):
        error = (part.late_s + chance.gauss(0.0, part.loose_s)) * ticks_per_second
        begin = max(0, round(tick_of(note.start) + error))
        end = max(begin + 20, round(tick_of(note.start + note.length) + error))
        velocity = min(127, max(1, round(note.velocity + chance.gauss(0.0, 3.5))))
        sounding.setdefault(note.pitch, []).append((begin, end, velocity))
    for pitch, strokes in sounding.items():
        strokes.sort()
        for index, (begin, end, velocity) in enumerate(strokes):
            # A key must be up before it can go down again.
            until = min(end, strokes[index + 1][0] - 1) if index + 1 < len(strokes) else end
            add(begin, 3, "note_on", note=pitch, velocity=velocity)
            add(max(until, begin), 2, "note_off", note=pitch)

    track = mido.MidiTrack()
    before = 0
    for tick, _, message in sorted(messages, key=lambda entry: entry[:2]):
        track.append(message.copy(time=tick - before))
        before = tick
    return track


def _swung(beat: float, swing: float) -> float:
    """Move a beat's second half to where ``swing`` puts it."""
    whole, part = divmod(beat, 1.0)
    return whole + (part * 2 * swing if part < 0.5 else swing + (part - 0.5) * 2 * (1 - swing))


# --- from MIDI to sound


def render(midi: Path, *, room: float, soundfont: Path) -> Sound:
    """Return the sound of a MIDI file, played by fluidsynth."""
    settings = {
        "synth.sample-rate": SAMPLE_RATE,
        "synth.gain": 0.3,
        "synth.polyphony": 512,
        "synth.reverb.room-size": room,
        "synth.reverb.damp": 0.3,
        "synth.reverb.width": 0.8,
        "synth.reverb.level": 0.7,
    }
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    out = midi.with_suffix(".wav")
    subprocess.run(
        ["fluidsynth", "-q", "-n", "-i", *options, "-F", out, "-T", "wav", "-O", "float", soundfont, midi],
        check=True,
    )
    sound: Sound = soundfile.read(out, always_2d=True)[0]
    out.unlink()
    return sound


def db(value: float) -> float:
    """Return the factor for a number of decibels."""
    return float(10 ** (value / 20))


def active_level(sound: Sound) -> float:
    """Return the RMS level over the tenths of a second that are within 30 dB of the loudest one."""
    block = SAMPLE_RATE // 10
    power = (sound[: len(sound) // block * block] ** 2).reshape(-1, block * sound.shape[1]).mean(axis=1)
    return float(np.sqrt(power[power > power.max() / 1000].mean()))


def amplify(sound: Sound, drive_db: float) -> Sound:
    """Return the sound of a guitar amplifier: soft clipping, then a loudspeaker.

    The clipping adds the sum and difference tones of a chord, which a sampled distortion lacks.
    """
    level = sound / active_level(sound) * db(-20)
    # Four times oversampled, to avoid aliasing of the new overtones.
    fine = _resampled(_filtered(level, low=140, high=9_000), 4)
    clipped = np.tanh(db(drive_db) * fine) + 0.15 * np.tanh(db(drive_db) * fine - 0.5)
    return _filtered(_resampled(clipped, 1 / 4)[: len(sound)], low=85, high=5_200, order=4, presence_db=5.0)


def _resampled(sound: Sound, factor: float) -> Sound:
    spectrum = np.fft.rfft(sound, axis=0)
    frames = round(len(sound) * factor)
    return np.asarray(np.fft.irfft(spectrum[: frames // 2 + 1], n=frames, axis=0) * factor)


def _filtered(sound: Sound, *, low: float, high: float, order: int = 2, presence_db: float = 0.0) -> Sound:
    """Return the sound after Butterworth filters at ``low`` and ``high`` Hz and a boost at about 2.5 kHz."""
    frequency = np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE)
    with np.errstate(divide="ignore"):
        gain = 1 / np.sqrt((1 + (low / frequency) ** (2 * order)) * (1 + (frequency / high) ** (2 * order)))
        octaves = np.log2(frequency / 2_500)
    gain = gain * 10 ** (presence_db / 20 * np.exp(-(octaves**2)))
    return np.asarray(np.fft.irfft(np.fft.rfft(sound, axis=0) * gain[:, None], n=len(sound), axis=0))


def mix(section: Section, sounds: Sequence[Sound]) -> Sound:
    """Return the mix of the parts at their levels, through the soft limiter of the section."""
    frames = round((section.length_s + TAIL_S) * SAMPLE_RATE)
    mixed = np.zeros((frames, 2))
    for part, sound in zip(section.parts, sounds, strict=True):
        wet = sound if part.drive_db is None else _panned(amplify(sound, part.drive_db), part.pan)
        wet = wet[:frames] * db(part.level_db) / active_level(wet)
        mixed[: len(wet)] += wet
    mixed /= active_level(mixed)
    if section.glue_db > 0:
        drive = db(section.glue_db - 20)
        mixed = np.tanh(mixed * drive) / drive
    return mixed


def _panned(sound: Sound, pan: int) -> Sound:
    """Return the sum of both channels at one stereo position, 0 (left) to 127 (right)."""
    angle = pan / 127 * math.pi / 2
    panned: Sound = sound.mean(axis=1, keepdims=True) * np.array([math.cos(angle), math.sin(angle)])
    return panned


def perform(section: Section, folder: Path, soundfont: Path) -> Sound:
    """Return the sound of a section, with each part rendered separately."""
    sounds = []
    for part in section.parts:
        midi = folder / "part.mid"
        to_midi(section, only=part).save(midi)
        sounds.append(render(midi, room=section.room, soundfont=soundfont))
    return mix(section, sounds)


def join(sections: Sequence[Section], sounds: Sequence[Sound]) -> AudioSegment:
    """Return the sections one after another at their own levels, each fading into the next."""
    from pydub import (
        AudioSegment,
    )  # warns where ffmpeg is missing, which those who read the notes need not hear

    length_ms = 1000 * (sum(section.length_s for section in sections) + TAIL_S)
    tune = AudioSegment.silent(duration=math.ceil(length_ms), frame_rate=SAMPLE_RATE).set_channels(2)
    start_s = 0.0
    for section, sound in zip(sections, sounds, strict=True):
        body = sound[: round(section.length_s * SAMPLE_RATE)]
        highest = db(PEAK_DBFS - 1.0) / np.abs(sound).max()
        scaled = sound * min(db(section.level_dbfs) / active_level(body), highest)
        samples = np.round(scaled * 32_767).astype("<i2").tobytes()
        segment = AudioSegment(samples, frame_rate=SAMPLE_RATE, sample_width=2, channels=2)
        tune = tune.overlay(segment.fade_out(round(1000 * TAIL_S)), position=round(1000 * start_s))
        print(f"{start_s:5.1f} s  {section.name:10} {segment.dBFS:6.1f} dBFS")
        start_s += section.length_s
    return tune.apply_gain(min(0.0, PEAK_DBFS - tune.max_dBFS)).fade_out(1000)


def main() -> int:
    """Write the demo tune, and return the exit status."""
    parser = argparse.ArgumentParser(description="Compose and render the demo tune.")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("demo.ogg"), help="the tune")
    parser.add_argument("--midi", type=Path, help="keep the MIDI files in this folder")
    parser.add_argument("--soundfont", type=Path, default=SOUNDFONT, help=f"default: {SOUNDFONT}")
    arguments = parser.parse_args()
    sections = compose()
    if arguments.midi is not None:
        arguments.midi.mkdir(parents=True, exist_ok=True)
        for section in sections:
            to_midi(section).save(arguments.midi / f"{section.name}.mid")
    with tempfile.TemporaryDirectory() as name:
        sounds = [perform(section, Path(name), arguments.soundfont) for section in sections]
    tune = join(sections, sounds)
    # Without bitexact, the file would contain a random number and the encoder's version.
    exact = ["-flags:a", "+bitexact", "-fflags", "+bitexact"]
    tags = {"title": "Four Rooms", "artist": "genre-live contributors"}
    tune.export(
        arguments.out, format="ogg", codec="libvorbis", tags=tags, parameters=["-q:a", "1", *exact]
    ).close()
    print(f"{arguments.out}: {tune.duration_seconds:.1f} s, {arguments.out.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
