"""The suffixes of audio files."""

from __future__ import annotations

_SUFFIXES = """
.3gp .aac .ac3 .aif .aiff .amr .ape .au .avi .caf .flac .flv .m4a .mka .mkv .mov .mp2 .mp3 .mp4 .mpc .mpeg
.mpg .oga .ogg .opus .snd .tta .w64 .wav .webm .wma .wv
"""
AUDIO_SUFFIXES = frozenset(_SUFFIXES.split())
