"""Augmentation on mel power: the effects of rooms, microphones, calls and noise on music."""
