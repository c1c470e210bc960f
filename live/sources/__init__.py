"""The sources of sound: microphones, files and streams, and their decoders.

``source_requests`` opens what the user asks for, and ``source`` defines what all sources have in common. The
other modules, with those that use others first:

- Microphones: ``microphone``, ``capture``, ``capture_clock``, ``driver``; and in a process of its own
  ``capture_process``, ``inputs``, ``devices``, ``sound_server``.
- Files: ``given_sound`` (from Python), ``audio_file``, ``speakers``.
- Stations: ``network_stream``, ``station_link``, ``stations``, ``hls``, ``rtsp``, ``titles``, ``addresses``.
- Decoders: ``decoding``, ``whole_file``, ``sound_file``, ``ffmpeg``, ``wav_stream``, ``pcm``, ``decoder``.
- What a file or a decoder says of length and losses: ``containers``, ``mp3_frames``, ``flac_frames``,
  ``ogg_pages``, ``file_bytes``, ``ffmpeg_report``.
- Beside them: ``channels_apart``, ``programs``, ``suffixes``.
"""
