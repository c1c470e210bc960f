"""The sources of sound: microphones, files and stations, and the decoders that the last two need.

``source_requests`` opens what the user asks for, and ``source`` defines what all sources have in common. Each
kind of source is a package, which imports none of the others: ``microphones``, ``files`` and ``stations``.
Files and stations use ``decoders``, which use ``formats``. What several of them need is beside them:
``port_audio`` and ``shown_address``.
"""
