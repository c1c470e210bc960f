"""The suffixes of audio files."""

from __future__ import annotations

_SUFFIXES = """
.3gp .aac .ac3 .aif .aiff .amr .ape .au .avi .caf .flac .flv .m4a .mka .mkv .mov .mp2 .mp3 .mp4 .mpc .mpeg
.m2ts .m4b .mpg .mpga .oga .ogg .opus .snd .tta .vob .w64 .wav .webm .wma .wmv .wv
"""
AUDIO_SUFFIXES = frozenset(_SUFFIXES.split())
AMBIGUOUS_SUFFIXES = frozenset((".ts", ".mts"))  # of MPEG streams, but of TypeScript, too
