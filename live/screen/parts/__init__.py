"""The parts of the screen; each draws the rows that the layout gives it."""
