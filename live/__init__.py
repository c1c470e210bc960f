"""Everything that runs while music plays: source → ring buffer → front end → classifier → vote → screen."""

__version__ = "0.1.0"
