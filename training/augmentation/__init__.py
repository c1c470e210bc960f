"""What rooms, microphones, calls and noise do to music, on mel power."""
