"""The sources of sound: microphones, files and stations, and the decoders that the last two need.

``source_requests`` opens what the user asks for, and ``source`` defines what all sources have in common. Each
kind of source is a package, which imports none of the others: ``microphones``, ``files`` and ``stations``.
Files and stations use ``decoders``, which use ``formats``. Beside them are
``devices``, which finds the inputs of this computer with ``port_audio`` and ``sound_server``, and
``shown_address``.
"""
