"""Decoding with libsndfile (WAV, FLAC, OGG, Opus, MP3 and similar), with a check that nothing is missing.

libsndfile stops without an error at its own estimate of an MP3's length, at the end of the first of several
streams, and after damage that other decoders can skip. So each file is also surveyed independently, and
what follows damage is left to another decoder, before libsndfile reaches it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Protocol

import numpy as np

from live.library_messages import MPG123_NOTE, without_notes
from live.samples import Samples
from live.sources.decoders.decoder import LEAST_MISSING_S, Completeness, damaged
from live.sources.formats.containers import extent, unclaimed_bytes
from live.sources.formats.file_bytes import has_other_than_zeros
from live.sources.formats.flac_frames import SEARCHED_AT_ONCE, last_frame, promised_samples
from live.sources.formats.mp3_frames import Mp3Frames, tag_bytes
from live.sources.formats.ogg_pages import OPUS_RATE, OggPages

KEPT_APART_S = 0.2  # distance from damage: decoders look ahead, and blocks of codecs overlap
PROMISE_ROUNDED_S = 0.25  # tolerance for an MP3, because encoders count delays and frames differently
UNKNOWN_S = 0.5  # what is told of sound whose length nobody knows
LEAST_REST_BYTES = 4_096  # after a container's end, to count as more content


class _Survey(Protocol):
    """Facts about a file that are known without decoding it."""

    def trusted(self, samples: int) -> int:
        """Return how many of the first ``samples`` samples are before any damage."""

    def completeness(self, heard_s: float) -> Completeness:
        """Return whether the file is complete after ``heard_s`` decoded seconds."""

    def counted_s(self) -> float | None:
        """Return the file's length in seconds if it can be counted; None otherwise."""

    def close(self) -> None:
        """Close the file."""


class _Mp3Survey:
    def __init__(self, path: Path, sample_rate: int) -> None:
        self._frames = Mp3Frames(path)
        self._rate = sample_rate
        if self._frames.sample_rate != sample_rate:
            self._frames.is_broken = True

    def trusted(self, samples: int) -> int:
        apart = round(KEPT_APART_S * self._rate)
        self._frames.walk(samples + apart)
        return max(0, min(samples, self._frames.samples - apart)) if self._frames.is_broken else samples

    def completeness(self, heard_s: float) -> Completeness:
        self._frames.walk(sys.maxsize)
        there_s = max(0, self._frames.samples) / self._rate
        missing_s = there_s - heard_s + there_s * self._frames.unwalked
        promised_s = self._frames.promised / self._rate
        if promised_s > heard_s + PROMISE_ROUNDED_S:
            # From the bytes that are left it is only estimated: with bit rates that vary, by far.
            return Completeness(False, max(missing_s, promised_s - heard_s), promised_s)
        return Completeness(self._frames.is_whole and missing_s < LEAST_MISSING_S, max(0.0, missing_s))

    def counted_s(self) -> float | None:
        self._frames.walk(sys.maxsize)
        return self._frames.samples / self._rate if self._frames.is_whole else None

    def close(self) -> None:
        self._frames.close()


class _OggSurvey:
    def __init__(self, path: Path, sample_rate: int, *, is_opus: bool) -> None:
        self._pages = OggPages(path, OPUS_RATE if is_opus else sample_rate)
        self._rate = sample_rate

    def trusted(self, samples: int) -> int:
        self._pages.walk(samples / self._rate + KEPT_APART_S)
        if not self._pages.is_broken:
            return samples
        return max(0, min(samples, round((self._pages.position_s - KEPT_APART_S) * self._rate)))

    def completeness(self, heard_s: float) -> Completeness:
        self._pages.walk(float("inf"))
        there_s = self._pages.position_s
        missing_s = there_s - heard_s + there_s * self._pages.unwalked
        # Where the last position is wrong, ffmpeg decodes what libsndfile cuts. It may be right, so nothing
        # is reported if there is no ffmpeg.
        is_proven = self._pages.is_whole and max(missing_s, self._pages.cut_s) < LEAST_MISSING_S
        return Completeness(is_proven, max(0.0, missing_s))

    def counted_s(self) -> float | None:
        return None

    def close(self) -> None:
        self._pages.close()


class _FlacSurvey:
    def __init__(self, path: Path, sample_rate: int) -> None:
        self._path, self._rate = path, sample_rate

    def trusted(self, samples: int) -> int:
        return samples

    def completeness(self, heard_s: float) -> Completeness:
        promised, last = promised_samples(self._path), last_frame(self._path)
        size = self._path.stat().st_size
        is_at_end = last is not None and size - last.at <= SEARCHED_AT_ONCE
        there = last.end_sample if last is not None and is_at_end else None
        missing_s = max(promised or 0, there or 0) / self._rate - heard_s
        if last is not None:
            end = size - tag_bytes(self._path)[1]
            beyond = last.at + last.most_bytes
            if end - beyond > LEAST_REST_BYTES and has_other_than_zeros(self._path, beyond, end):
                # What follows is of another kind: nobody knows how long it is.
                missing_s = max(missing_s, 0.0) + UNKNOWN_S
        is_one = extent(self._path).next_start is None
        is_proven = is_one and there is not None and abs(there / self._rate - heard_s) < LEAST_MISSING_S
        missing_s = max(0.0, missing_s)
        return Completeness(is_proven and missing_s < LEAST_MISSING_S, missing_s, heard_s + missing_s)

    def counted_s(self) -> float | None:
        return None

    def close(self) -> None:
        pass


class _ChunkSurvey:
    """A container that states its end, with sound whose length follows from its bytes."""

    def __init__(self, path: Path, promised_s: float | None) -> None:
        self._path, self._promised_s = path, promised_s

    def trusted(self, samples: int) -> int:
        return samples

    def completeness(self, heard_s: float) -> Completeness:
        size, end = self._path.stat().st_size, extent(self._path).end
        missing_s = max(0.0, (self._promised_s or 0.0) - heard_s)
        unclaimed = unclaimed_bytes(self._path)
        if unclaimed > LEAST_REST_BYTES and heard_s > 0:  # the chunk of sound says less than there is
            missing_s += unclaimed / ((size - unclaimed) / heard_s)
        is_used_up = unclaimed <= LEAST_REST_BYTES
        if end is None:
            is_proven = is_used_up and missing_s < LEAST_MISSING_S and self._promised_s is not None
            return Completeness(is_proven, missing_s, heard_s + missing_s)
        if end > size and heard_s > 0:  # bytes are missing, which libsndfile does not report
            missing_s += (end - size) / (size / heard_s)
        is_used_up = is_used_up and abs(size - end) <= LEAST_REST_BYTES
        return Completeness(is_used_up and missing_s < LEAST_MISSING_S, missing_s, heard_s + missing_s)

    def counted_s(self) -> float | None:
        return None

    def close(self) -> None:
        pass


class SoundFileDecoder:
    """Decodes a file with libsndfile, up to the first damage.

    Parameters
    ----------
    path : Path

    Raises
    ------
    soundfile.LibsndfileError
        When libsndfile cannot read it.
    """

    def __init__(self, path: Path) -> None:
        import soundfile

        self._error = soundfile.LibsndfileError
        self._name = path.name
        # As bytes where names are bytes: not every name is valid text.
        with without_notes(MPG123_NOTE):
            self._file = soundfile.SoundFile(str(path) if sys.platform == "win32" else os.fsencode(path))
        # Otherwise soundfile seeks to the current position after each read, and an MP3 decoder restarts on a
        # seek, so that every block would begin with a few garbled hundredths of a second.
        self._file.seekable = lambda: False
        self.sample_rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self._is_16_bit: bool = self._file.subtype == "PCM_16"
        self._is_mp3: bool = self._file.format in {"MP3", "MPEG"}
        count: int = self._file.frames
        self.length_s: float | None = count / self.sample_rate if 0 < count < 2**40 else None
        self._survey = self._make_survey(path)
        self._heard = 0

    def _make_survey(self, path: Path) -> _Survey:
        if self._is_mp3:
            return _Mp3Survey(path, self.sample_rate)
        if self._file.format == "OGG":
            return _OggSurvey(path, self.sample_rate, is_opus=self._file.subtype == "OPUS")
        if self._file.format == "FLAC":
            return _FlacSurvey(path, self.sample_rate)
        return _ChunkSurvey(path, self.length_s)

    def read(self, samples: int) -> Samples:
        """Read up to ``samples`` samples [shape=(n, channels)]."""
        samples = self._survey.trusted(self._heard + samples) - self._heard
        if samples <= 0:
            return np.empty((0, self.channels), dtype=np.float32)
        try:
            block: Samples
            if self._is_mp3:
                with without_notes(MPG123_NOTE):
                    block = self._file.read(samples, dtype="float32", always_2d=True)
            elif self._is_16_bit:  # the same numbers as libsndfile's, in a third of the time
                block = self._file.read(samples, dtype="int16", always_2d=True) * np.float32(2**-15)
            else:
                block = self._file.read(samples, dtype="float32", always_2d=True)
        except (self._error, RuntimeError) as error:
            raise damaged(self._name, self._heard / self.sample_rate) from error
        self._heard += len(block)
        return block

    def measured_s(self) -> float | None:
        """Return the length in seconds; an MP3's frames are counted, for libsndfile may guess."""
        return self._survey.counted_s() or self.length_s

    def seek(self, sample: int) -> bool:
        """Go to a sample; False if something is broken before it or libsndfile cannot find it."""
        if self._survey.trusted(sample) < sample:
            return False
        try:
            with without_notes(MPG123_NOTE):
                self._heard = self._file.seek(sample)
        except (self._error, RuntimeError):
            return False
        return self._heard == sample

    def completeness(self, heard_s: float) -> Completeness:
        """Return whether the file is complete."""
        return self._survey.completeness(heard_s)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._survey.close()
