"""Where the installed package's parts lie in the checkout; all else is in pyproject.toml.

Installed, everything is inside ``live``, so that no file beside a user's script can take its place. In the
checkout, ``training/`` and ``models/`` stand beside ``live/``.
"""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["live", "live.*"]),
        *(f"live.{package}" for package in find_packages(include=["training", "training.*"])),
        "live.models",  # data, not code
    ],
    package_dir={"live.training": "training", "live.models": "models"},
)
