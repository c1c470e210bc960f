"""Counting of the frames of an MP3 file, without decoding.

An MP3 file need not state its length, and what it states may be wrong. But the header of each frame gives
its length, so that one can walk from frame to frame. If the file consists of frames only, apart from tags at
its ends, their number gives the length of the sound. The layout of headers is that of ISO/IEC 11172-3 and
13818-3, and the tag with the encoder's delay that of LAME.
"""

from __future__ import annotations

import re
import struct
from contextlib import closing
from pathlib import Path

from live.sources.formats.file_bytes import FileBytes

_BIT_RATES = {  # kbit/s, by (whether it is MPEG 1, layer)
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_SAMPLE_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_LIKE_A_HEADER = re.compile(rb"\xff[\xe2-\xff][\x10-\xef]")  # erased memory is full of 0xff
_DECODER_DELAY = 529  # samples that every decoder adds, and removes together with the encoder's delay
_SAME_STREAM = 0xFFFE_0C00  # bits of a header that are the same in the whole stream
_WALKED_AT_ONCE = 4_096  # frames
_RECOGNISED_BY = 8  # frames that follow each other; ffmpeg needs seven
_LONGEST_START = 16_384  # bytes in which they are looked for; eight frames have at most 11 528
_MOST_TAGS = 100  # at the end; reading backwards is slow
_MOST_PADDING = 16_384  # zeros after the last frame that do not count as damage


def _frame(header: int) -> tuple[int, int, int] | None:
    """Return a frame's length in bytes, samples and sample rate; None if it is not a header."""
    version, layer = header >> 19 & 3, 4 - (header >> 17 & 3)
    bit_rate, rate = header >> 12 & 15, header >> 10 & 3
    if header >> 21 != 0x7FF or version == 1 or layer == 4 or bit_rate in (0, 15) or rate == 3:
        return None
    is_mpeg_1 = version == 3
    sample_rate = _SAMPLE_RATES[version][rate]
    bits_per_s = _BIT_RATES[is_mpeg_1, layer][bit_rate - 1] * 1_000
    padding = header >> 9 & 1
    if layer == 1:
        return (12 * bits_per_s // sample_rate + padding) * 4, 384, sample_rate
    samples = 576 if layer == 3 and not is_mpeg_1 else 1_152
    return samples // 8 * bits_per_s // sample_rate + padding, samples, sample_rate


def _tag_size(data: FileBytes | bytes, at: int) -> int:
    """Return the length of the ID3v2 tag at a byte; 0 if there is none."""
    header = data[at : at + 10]
    if header[:3] != b"ID3" or len(header) < 10:
        return 0
    size = 0
    for byte in header[6:]:
        size = size << 7 | byte & 0x7F
    return 10 + size + (10 if header[5] & 0x10 else 0)


def tag_bytes_at_start(data: FileBytes | bytes) -> int:
    """Return the length of the ID3v2 tags at the start of a file, in bytes."""
    position = 0
    while size := _tag_size(data, position):
        position += size
    return min(position, len(data))


def tag_bytes_at_end(data: FileBytes | bytes) -> int:
    """Return the length of ID3v1, APE and Lyrics3 tags and zeros at the end of a file, in bytes."""
    end = len(data)
    for _ in range(_MOST_TAGS):
        before = end
        if data[max(0, end - 128) : end][:3] == b"TAG":
            end -= 128
        elif data[max(0, end - 32) : end][:8] == b"APETAGEX":
            size = struct.unpack("<I", data[end - 20 : end - 16])[0]
            has_header = data[end - 9] & 0x80
            end -= size + (32 if has_header else 0)
        elif data[max(0, end - 9) : end] == b"LYRICS200":
            digits = data[end - 15 : end - 9]
            end -= 15 + int(digits) if digits.isdigit() else 0
        if end == before or end <= 0:
            break
    end = max(0, min(end, len(data)))
    zeros = min(end, _MOST_PADDING + 1)
    zeros -= len(data[end - zeros : end].rstrip(b"\0"))
    if zeros <= _MOST_PADDING:
        end -= zeros
    return len(data) - end


class Mp3Frames:
    """Walks over the frames of an MP3 file, step by step.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    samples : int
        Samples of the frames so far, without those that the encoder added at the start.
    promised : int
        Number of samples according to the first frame; 0 if it does not say.
    is_whole : bool
        Whether the file consists of frames of one stream only.
    is_broken : bool
        Whether there was something else: a hole, another stream, unknown bytes.
    """

    def __init__(self, path: Path) -> None:
        self._data = FileBytes(path)
        self._end = len(self._data) - tag_bytes_at_end(self._data)
        self._position = tag_bytes_at_start(self._data)
        self.samples = 0
        self.sample_rate = 0
        self.is_whole = self.is_broken = False
        self._sizes: dict[int, int] = {}
        self.promised = 0
        self._at_end = 0  # samples that the encoder added at the end
        self._begin()

    def _header(self, position: int) -> int:
        return int.from_bytes(self._data[position : position + 4], "big")

    def _begin(self) -> None:
        """Read the first frame, which may be a description of the stream instead of sound."""
        header = self._header(self._position)
        frame = _frame(header)
        if frame is None:
            self.is_broken = True
            return
        size, self._samples_each, self.sample_rate = frame
        self._stream = header & _SAME_STREAM
        content = self._data[self._position : self._position + size]
        for name in (b"Xing", b"Info"):
            at = content.find(name, 4, 64)
            if at > 0:
                self._position += size
                if int.from_bytes(content[at + 4 : at + 8], "big") & 1:
                    self.promised = int.from_bytes(content[at + 8 : at + 12], "big") * self._samples_each
                lame = content.find(b"L", at + 8 + 112, at + 8 + 113)
                if lame > 0 and len(content) >= lame + 24:
                    delays = int.from_bytes(content[lame + 21 : lame + 24], "big")
                    self.samples -= (delays >> 12) + _DECODER_DELAY
                    self._at_end = max(0, (delays & 0xFFF) - _DECODER_DELAY)
                return
        if content.find(b"VBRI", 36, 40) == 36:
            self._position += size

    @property
    def unwalked(self) -> float:
        """Ratio of the remaining bytes to those walked over."""
        return 0.0 if self.is_whole else (self._end - self._position) / max(1, self._position)

    def walk(self, samples: int) -> None:
        """Continue until ``samples`` samples are passed or no frame follows."""
        sizes, end = self._sizes, self._end
        position, each = self._position, self._samples_each if not self.is_broken else 0
        block, begin = b"", position
        while not (self.is_broken or self.is_whole) and self.samples < samples:
            for _ in range(_WALKED_AT_ONCE):
                at = position - begin
                if at + 4 > len(block):
                    block, begin, at = self._data.block(position), position, 0
                header = int.from_bytes(block[at : at + 4], "big")
                size = sizes.get(header) or self._size(header)
                if size == 0 or position + size > end:
                    self._note_end(position, size)
                    break
                position += size
                self.samples += each
            self._position = position

    def _size(self, header: int) -> int:
        """Return the length in bytes of a frame of this stream; 0 for any other header."""
        frame = _frame(header)
        if frame is None or header & _SAME_STREAM != self._stream or len(self._sizes) > 4_096:
            return 0
        self._sizes[header] = frame[0]
        return frame[0]

    def _note_end(self, position: int, size: int) -> None:
        """Set ``is_whole`` or ``is_broken`` from what follows the last frame."""
        is_cut_frame = size > 0  # the last frame is incomplete
        if position >= self._end or is_cut_frame:
            self.is_whole = True
            self.samples -= self._at_end
        else:
            self.is_broken = True

    def close(self) -> None:
        """Close the file."""
        self._data.close()


class FrameStart:
    """Removes from the start of a stream what precedes the first whole MP3 frame.

    A listener joins a station in the middle of a frame. ffmpeg recognises MP3 by a few frames if they are the
    first bytes, but reads hundreds before it believes in frames after something else: at 128 kbit/s that
    takes eight seconds. A stream of another kind is left as it is.
    """

    def __init__(self) -> None:
        self._held: bytes | None = b""

    def feed(self, content: bytes) -> bytes:
        """Return the bytes that may pass."""
        if self._held is None:
            return content
        self._held += content
        start = 0 if self._held[:3] == b"ID3" else _start_of_frames(self._held)
        if start is None and len(self._held) < _LONGEST_START:
            return b""
        return self.rest()[start or 0 :]

    def rest(self) -> bytes:
        """Return what is still held, and let everything else pass."""
        held, self._held = self._held or b"", None
        return held


def _start_of_frames(data: bytes) -> int | None:
    """Return where enough frames of one stream follow each other; None if they do nowhere."""
    start = data.find(b"\xff")
    while start >= 0:
        position, stream = start, int.from_bytes(data[start : start + 4], "big") & _SAME_STREAM
        for _ in range(_RECOGNISED_BY):
            header = int.from_bytes(data[position : position + 4], "big")
            frame = _frame(header)
            if frame is None or frame[0] == 0 or header & _SAME_STREAM != stream:
                break
            position += frame[0]
        else:
            if position <= len(data):
                return start
        start = data.find(b"\xff", start + 1)
    return None


def tag_bytes(path: Path) -> tuple[int, int]:
    """Return the lengths of the tags at the start and at the end of a file, in bytes."""
    with closing(FileBytes(path)) as data:
        return tag_bytes_at_start(data), tag_bytes_at_end(data)


def harmed_mp3_bytes(path: Path, start: int, end: int) -> int:
    """Return the number of bytes from ``start`` to ``end`` outside of frames and the file's tags."""
    with closing(FileBytes(path)) as data:
        at = tag_bytes_at_start(data) if start == 0 else start
        end = min(end, len(data) - tag_bytes_at_end(data))
        harmed = 0
        while at < end:
            frame = _frame(int.from_bytes(data[at : at + 4], "big"))
            if frame is not None and frame[0] > 0 and _is_frame_or_end(data, at + frame[0], end):
                at += frame[0]
                continue
            if tag := _tag_size(data, at):  # tag of the next of several concatenated files
                at += tag
                continue
            following = data.search(_LIKE_A_HEADER, 3, at + 1, end)
            following = end if following < 0 else following
            harmed += following - at
            at = following
        return harmed


def _is_frame_or_end(data: FileBytes, at: int, end: int) -> bool:
    return (
        at >= end
        or data[at : at + 3] in (b"ID3", b"TAG")
        or _frame(int.from_bytes(data[at : at + 4], "big")) is not None
    )
