"""The parts of the screen, each of which draws the rows that the layout gives it."""
