"""The screen: verdict, confidence and state of the program at a glance."""

from live.screen.frame import Frame, render
from live.screen.screen import KEYS, Screen
from live.screen.svg_picture import save_picture
from live.screen.view import Extras, Keeping

__all__ = ["KEYS", "Extras", "Frame", "Keeping", "Screen", "render", "save_picture"]
