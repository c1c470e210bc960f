"""Decoding of a whole file: if a decoder ends early, another continues at the same place."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from live.errors import GenreLiveError, InputError
from live.samples import SHORTEST_SOUND_S, Samples
from live.sources.decoders.decoder import LEAST_MISSING_S, PartDecoder, damaged
from live.sources.decoders.ffmpeg import FfmpegDecoder, find_ffmpeg

SKIPPED_AT_ONCE = 65_536  # samples
MOST_PARTS = 1_000


class WholeFile:
    """Decodes a file with one decoder after another.

    When a decoder ends, the file must be complete by an independent measure: bytes, frames, pages, or the
    length in the container. If it is not, ffmpeg continues from the same sample, through all concatenated
    parts; ``undecodable`` counts what it cannot decode either.

    Parameters
    ----------
    path : Path
    first : PartDecoder
        The first decoder, at the start of the file.
    track : int
        Number of the track, from 1.
    """

    def __init__(self, path: Path, first: PartDecoder, *, track: int = 1) -> None:
        self._path, self._decoder, self._track = path, first, track
        self.sample_rate, self.channels, self.length_s = first.sample_rate, first.channels, first.length_s
        self.undecodable = 0
        self.note: str | None = None
        self._size = path.stat().st_size  # when the current decoder was opened
        self._heard = 0  # samples decoded so far
        self._part_began = 0  # samples decoded before the current part of the file
        self._missing_s = self._promised_s = 0.0
        self._parts = 1
        self._is_over = self._is_doubted = False
        if isinstance(first, FfmpegDecoder) and len(first.tracks) > 1:
            self.note = _tracks_words(path.name, first, track)

    def read(self, samples: int) -> Samples:
        """Read up to ``samples`` samples [shape=(n, channels)]; n is 0 at the end.

        Raises
        ------
        GenreLiveError
            When hardly anything could be decoded.
        """
        self.undecodable = 0
        while not self._is_over:
            failure: GenreLiveError | None = None
            try:
                block = self._decoder.read(samples)
            except GenreLiveError as error:
                failure, block = error, self._nothing()
            if len(block):
                self._heard += len(block)
                return block
            self._go_on(failure)
        return self._nothing()

    def measured_s(self) -> float | None:
        """Return the length in seconds as the first decoder knows it."""
        return self._decoder.measured_s()

    def seek(self, sample: int) -> bool:
        """Go to a sample, from which whatever follows is read as if all before it had been heard."""
        if not self._decoder.seek(sample):
            return False
        self._heard = sample
        return True

    def _nothing(self) -> Samples:
        return np.empty((0, self.channels), dtype=np.float32)

    def _go_on(self, failure: GenreLiveError | None) -> None:
        """Replace a decoder that ended by another, or end."""
        heard_s = (self._heard - self._part_began) / self.sample_rate
        completeness = self._decoder.completeness(heard_s)
        has_grown = self._path.exists() and self._path.stat().st_size > self._size
        if failure is not None and not isinstance(self._decoder, FfmpegDecoder):
            completeness = replace(completeness, is_proven=False)
        start = 0
        if isinstance(self._decoder, FfmpegDecoder):
            next_start = self._decoder.next_start
            if next_start is not None and self._parts < MOST_PARTS:
                self._parts += 1
                self._missing_s += completeness.missing_s
                self._part_began, start = self._heard, next_start
            elif not (has_grown and heard_s > 0):
                self._end(completeness.missing_s, failure)
                return
        elif completeness.is_proven and not has_grown:
            self._end(completeness.missing_s, failure)
            return
        else:
            self._is_doubted = True
            self._promised_s = completeness.promised_s
        if not self._turn_to_ffmpeg(start):
            self._end(completeness.missing_s if start == 0 else 0.0, failure)

    def _turn_to_ffmpeg(self, start: int) -> bool:
        """Continue with ffmpeg from the same sample, or from the part at byte ``start``."""
        program = find_ffmpeg()
        if program is None:
            return False
        if start == 0 and isinstance(self._decoder, FfmpegDecoder):
            start = self._decoder.start
        size = self._path.stat().st_size
        shape = (self.sample_rate, self.channels)
        try:
            track = self._track if isinstance(self._decoder, FfmpegDecoder) else 1
            decoder = FfmpegDecoder(self._path.absolute(), program, track=track, start=start, shape=shape)
        except (InputError, OSError):
            return False
        behind = self._heard - self._part_began
        with contextlib.suppress(GenreLiveError):
            while behind > 0 and (passed := len(decoder.read(min(behind, SKIPPED_AT_ONCE)))) > 0:
                behind -= passed
        self._decoder.close()
        self._decoder, self._size = decoder, size
        return True

    def _end(self, missing_s: float, failure: GenreLiveError | None) -> None:
        """Record the end, and how much could not be decoded."""
        self._is_over = True
        self._missing_s += missing_s
        self._missing_s = max(self._missing_s, self._promised_s - self._heard / self.sample_rate)
        if failure is not None and self._missing_s < LEAST_MISSING_S:
            self._missing_s = LEAST_MISSING_S  # something is missing, but it is unknown how much
        heard_s = self._heard / self.sample_rate
        if self._heard == 0 and self._is_doubted:  # there is more than no decoder found
            self._missing_s = max(self._missing_s, LEAST_MISSING_S)
        if heard_s < SHORTEST_SOUND_S and self._missing_s >= LEAST_MISSING_S:
            raise failure or damaged(self._path.name, heard_s)
        if self._missing_s >= LEAST_MISSING_S:
            self.undecodable = round(self._missing_s * self.sample_rate)

    def close(self) -> None:
        """Close the file."""
        self._decoder.close()


def _tracks_words(name: str, decoder: FfmpegDecoder, track: int) -> str:
    heard = decoder.tracks[track - 1]
    language = f" ({heard.language})" if heard.language not in (None, "und") else ""
    return (
        f"{name} has {len(decoder.tracks)} audio tracks: track {track}{language} is heard; --track chooses."
    )
