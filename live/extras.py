"""Imports of libraries that come with an optional extra of the package."""

from __future__ import annotations

import importlib
from typing import Any

from live.errors import InputError


def need(module: str, *, extra: str, purpose: str) -> Any:
    """Import a module of an optional extra, and return it.

    Parameters
    ----------
    module : str
        Name of the module.
    extra : str
        The extra that installs it.
    purpose : str
        What needs it; the error sentence begins with this.

    Raises
    ------
    InputError
        When it is not installed; the error says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise InputError(
            f"{purpose} needs the extra [{extra}]: install genre-live again with it, "
            f"as in pipx install --force '.[{extra}]'."
        ) from None
