"""Fixtures of the end-to-end tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.end_to_end.virtual_microphone import VirtualMicrophone, missing_parts


@pytest.fixture
def virtual_microphone() -> Iterator[VirtualMicrophone]:
    """Return a new virtual microphone, 44.1 kHz stereo; see :class:`VirtualMicrophone`."""
    missing = missing_parts()
    if missing:
        reason = f"The virtual microphone needs {', '.join(missing)}."
        # A skipped test looks green. On a build machine, which installs all of this, it must not.
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with VirtualMicrophone() as microphone:
        yield microphone
