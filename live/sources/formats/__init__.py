"""Formats of audio files: what their bytes say of length and losses, without decoding.

The modules, with those that use others first: ``containers``, ``mp3_frames``, ``ogg_pages``, ``file_bytes``,
``flac_frames``, ``suffixes``.
"""
