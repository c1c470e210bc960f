"""Real-time genre classification: source → ring buffer → front end → classifier → vote → screen.

The Python interface is ``live.listen``, ``live.classify_file``, ``live.scan`` and ``live.Session``; see
``live.api``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from live import errors
    from live.api import FileResult, Listening, Session, classify_file, listen, scan

__version__ = "0.1.0"

__all__ = ["FileResult", "Listening", "Session", "__version__", "classify_file", "errors", "listen", "scan"]

if not TYPE_CHECKING:  # a type checker would take every name for one that there is

    def __getattr__(name: str) -> Any:
        """Import the Python interface on first use, so that ``genre-live --version`` need not load NumPy."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import live.api
        import live.errors

        return live.errors if name == "errors" else getattr(live.api, name)


def __dir__() -> list[str]:
    """Return the names of the Python interface, for completion."""
    return sorted({*globals(), *__all__})
