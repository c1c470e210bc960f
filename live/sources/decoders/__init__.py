"""Decoders of audio files, WAV streams and raw samples, which report what they cannot decode.

The modules, with those that use others first: ``decoding`` (opens what is given), ``whole_file`` (one decoder
continues where another ends), ``sound_file`` (libsndfile), ``ffmpeg``, ``ffmpeg_report``, ``programs``,
``wav_stream``, ``pcm``, ``decoder`` (the interface).
"""
