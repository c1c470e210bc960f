"""Microphones as sources, which are watched, and opened again when they are lost.

The modules, with those that use others first:

- In the main process: ``microphone``, ``capture``, ``capture_clock``, ``driver``.
- In a process of its own for each microphone, because drivers hang and crash: ``capture_process``,
  ``inputs``.
- Beside them: ``channels_apart``.
"""
