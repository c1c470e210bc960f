"""Files, WAV streams, and sound from Python as sources, and ``--play``, which plays what is analysed.

The modules, with those that use others first: ``given_sound`` (from Python), ``audio_file``, ``speakers``.
"""
