"""The screen: what is playing, how sure, and that it is alive, at a glance."""

from live.screen.frame import Extras, Frame, render
from live.screen.loop import KEYS, Screen
from live.screen.picture import save_picture

__all__ = ["KEYS", "Extras", "Frame", "Screen", "render", "save_picture"]
