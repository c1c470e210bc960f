"""Imports of libraries that come with an optional extra of the package."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
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
            f"{purpose} needs the extra [{extra}]: in the checkout, run {how_to_install(extra)}."
        ) from None


def how_to_install(extra: str) -> str:
    """Return the command that installs an extra in the environment that runs."""
    if Path(sys.prefix, "pipx_metadata.json").exists():
        return f"pipx install --force '.[{extra}]'"
    if Path(sys.prefix, "uv-receipt.toml").exists():
        return f"uv tool install '.[{extra}]'"
    return f"{sys.executable} -m pip install '.[{extra}]'"
