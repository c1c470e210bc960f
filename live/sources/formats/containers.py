"""The end of a container according to its own lengths, and the start of the next in concatenated files.

Only structure is read, not sound: the boxes of MP4, the chunks of RIFF, AIFF, CAF and Wave64, the elements
of Matroska, the objects of ASF, the first pages of Ogg's streams.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from live.sources.formats.file_bytes import FileBytes, has_other_than_zeros

_MOST_PIECES = 100_000
_UNKNOWN_SIZE_FROM = 0x7FFF_F000
_WAVE64 = bytes.fromhex("726966662e91cf11a5d628db04c10000")
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_BEGINNINGS = (
    (0, b"RIFF"), (0, b"RIFX"), (0, b"RF64"), (0, b"FORM"), (0, _WAVE64), (0, b"caff"), (0, b".snd"),
    (4, b"ftyp"), (0, _EBML), (0, _ASF), (0, b"fLaC"), (0, b"OggS"), (0, b"ID3"), (0, b"MAC "),
    (0, b"wvpk"), (0, b"TTA1"), (0, b"tBaK"), (0, b".RMF"), (0, b"FLV"), (0, b"MPCK"), (0, b"DSD "),
)  # fmt: skip
_ONCE = (b"FLV", b"TTA1", b"MAC ", b"tBaK", b".RMF", b"MPCK", b"DSD ", b"nut/", b"FRM8", b"TWIN")
_OGG_CODECS = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC", b"Speex   ")
_STREAM_INFO = (b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22")


@dataclass(frozen=True)
class Extent:
    """The extent of a container.

    Attributes
    ----------
    end : int or None
        Byte at which it ends; beyond the end of a truncated file; None if it does not say.
    next_start : int or None
        Byte at which another container begins, if several were concatenated.
    """

    end: int | None
    next_start: int | None


def _begins(data: FileBytes | bytes, at: int) -> bool:
    return any(
        data[at + offset : at + offset + len(magic)] == magic for offset, magic in _BEGINNINGS
    ) and at + 16 <= len(data)


def _boxes(data: FileBytes, start: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and end of each of MP4's boxes."""
    at = start
    for _ in range(_MOST_PIECES):
        if at + 8 > len(data):
            return
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        if size == 1 and at + 16 <= len(data):
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if size == 0:
            size = len(data) - at
        if size < 8:
            return
        yield kind, at, at + size
        at += size


def _mp4(data: FileBytes, start: int) -> Extent:
    end = start
    for kind, at, box_end in _boxes(data, start):
        if kind == b"ftyp" and at > start:
            return Extent(at, at)
        if not all(32 <= byte < 127 or byte == 0xA9 for byte in kind):
            break
        end = box_end
    return Extent(end, None)


def _asf(data: FileBytes, start: int) -> Extent:
    at = start
    for _ in range(_MOST_PIECES):
        if at + 24 > len(data):
            break
        if at > start and data[at : at + 16] == _ASF:
            return Extent(at, at)
        size = int.from_bytes(data[at + 16 : at + 24], "little")
        if size < 24:
            break
        at += size
    return Extent(at, None)


def _variable_size(data: FileBytes, at: int) -> tuple[int | None, int]:
    """Return an EBML size (None for an unknown size) and the byte after it."""
    first = data[at]
    width = 9 - first.bit_length()
    if width > 8 or at + width > len(data):
        return None, at
    value = int.from_bytes(data[at : at + width], "big") & (1 << 7 * width) - 1
    return (None if value == (1 << 7 * width) - 1 else value), at + width


def _matroska(data: FileBytes, start: int) -> Extent:
    size, at = _variable_size(data, start + 4)
    if size is None or at + size + 5 > len(data) or data[at + size : at + size + 4] != _SEGMENT:
        return Extent(None, None)
    size, at = _variable_size(data, at + size + 4)
    return Extent(None if size is None else at + size, None)


def _caf(data: FileBytes, start: int) -> Extent:
    at = start + 8
    for _ in range(_MOST_PIECES):
        if at + 12 > len(data) or data[at : at + 4] == b"caff":
            break
        size = int.from_bytes(data[at + 4 : at + 12], "big", signed=True)
        if size < 0:
            return Extent(None, None)
        at += 12 + size
    return Extent(at, None)


def _iff(data: FileBytes, start: int) -> Extent:
    order = ">" if data[start : start + 4] in (b"FORM", b"RIFX") else "<"
    size = struct.unpack(f"{order}I", data[start + 4 : start + 8])[0]
    if size == 0 or size >= _UNKNOWN_SIZE_FROM:
        return Extent(None, None)
    end = start + 8 + size
    while data[end : end + 4] == b"RIFF" and data[end + 8 : end + 12] == b"AVIX":  # the rest of a long AVI
        end += 8 + struct.unpack("<I", data[end + 4 : end + 8])[0]
    return Extent(end, None)


def _sun(data: FileBytes, start: int) -> Extent:
    offset, size = struct.unpack(">II", data[start + 4 : start + 12])
    return Extent(None if size >= _UNKNOWN_SIZE_FROM else start + offset + size, None)


def _voc(data: FileBytes, start: int) -> Extent:
    at = start + int.from_bytes(data[start + 20 : start + 22], "little")
    for _ in range(_MOST_PIECES):
        if at + 4 > len(data) or data[at] == 0:
            break
        at += 4 + int.from_bytes(data[at + 1 : at + 4], "little")
    return Extent(at, None)


def _flac(data: FileBytes, start: int) -> Extent:
    found = [at for magic in _STREAM_INFO if (at := data.find(magic, start + 4)) > 0]
    return Extent(min(found), min(found)) if found else Extent(None, None)


def _ogg(data: FileBytes, start: int) -> Extent:
    """Find where a chain goes on with another codec, which decoders cannot follow."""
    at, codecs = start, set()
    while _is_first_page(data, at):
        body = at + 27 + data[at + 26]
        codecs |= {codec for codec in _OGG_CODECS if data[body : body + len(codec)] == codec}
        at = body + sum(data[at + 27 : body])
    found = []
    for codec in set(_OGG_CODECS) - codecs if codecs else ():
        place = at
        # Such a page has one packet of less than 255 bytes, and so a header of 28.
        while (place := data.find(codec, place + 1)) > 0:
            if _is_first_page(data, place - 28):
                found.append(place - 28)
                break
    return Extent(min(found), min(found)) if found else Extent(None, None)


def _is_first_page(data: FileBytes, at: int) -> bool:
    """Return whether a page of Ogg (RFC 3533) begins there that is the first of a stream."""
    return at >= 0 and at + 28 <= len(data) and data[at : at + 5] == b"OggS\0" and bool(data[at + 5] & 2)


def _extent(data: FileBytes, start: int) -> Extent:
    head = data[start : start + 16]
    if len(head) < 16:
        return Extent(None, None)
    if head[:4] in (b"RIFF", b"RIFX", b"FORM"):
        return _iff(data, start)
    if head == _WAVE64:
        return Extent(start + int.from_bytes(data[start + 16 : start + 24], "little"), None)
    kinds = {b"Crea": _voc, b".snd": _sun, b"caff": _caf, b"fLaC": _flac, _EBML: _matroska}
    kinds[b"OggS"] = _ogg
    if head[:4] in kinds:
        return kinds[head[:4]](data, start)
    if head == _ASF:
        return _asf(data, start)
    return _mp4(data, start) if head[4:8] == b"ftyp" else Extent(None, None)


def extent(path: Path, start: int = 0) -> Extent:
    """Return the extent of the container that begins at byte ``start``."""
    with closing(FileBytes(path)) as data:
        found = _extent(data, start)
        if found.next_start is None and found.end is not None:
            for end in (found.end, found.end + found.end % 2):
                if start < end < len(data) and _begins(data, end):
                    return Extent(end, end)
        return found


def _is_text(name: bytes) -> bool:
    return all(32 <= byte < 127 for byte in name)


def _chunks(data: FileBytes) -> tuple[int, int, Callable[[int], int]] | None:
    """Return where the chunks begin, the length of their headers, and a function that reads their sizes."""
    head = data[:16]
    if head[:4] in (b"RIFF", b"RIFX", b"FORM"):
        order: Literal["big", "little"] = "little" if head[:4] == b"RIFF" else "big"
        return 12, 8, lambda at: int.from_bytes(data[at + 4 : at + 8], order)
    if head[:4] == b"caff":
        return 8, 12, lambda at: int.from_bytes(data[at + 4 : at + 12], "big")
    return None


def unclaimed_bytes(path: Path) -> int:
    """Return how many bytes at the end of a container belong to none of its chunks.

    The header of a chunk of sound may say less than there is. What follows is then no chunk: its name is no
    text. Padding with zeros is not counted, nor what a chunk lacks that ends beyond the file.
    """
    with closing(FileBytes(path)) as data:
        found = _chunks(data)
        if found is None:
            return 0
        at, header, size_of = found
        end = min(_extent(data, 0).end or len(data), len(data))
        for _ in range(_MOST_PIECES):
            if at + header > end:
                return 0
            if not _is_text(data[at : at + 4]):
                break
            # Chunks are padded to two bytes, but not by every program.
            after = at + header + size_of(at)
            is_padded = header == 8 and after % 2 and not _is_text(data[after : after + 4])
            at = after + 1 if is_padded else after
        return end - at if has_other_than_zeros(path, at, end) else 0


def next_of_its_kind(path: Path, start: int) -> int | None:
    """Return where the first 8 bytes of the container at ``start`` occur again in the file.

    This is done only for kinds whose first bytes occur nowhere else, unlike those of frames and pages.
    """
    with closing(FileBytes(path)) as data:
        magic = data[start : start + 8]
        at = data.find(magic, start + 8) if magic.startswith(_ONCE) else -1
        return at if at > 0 else None
