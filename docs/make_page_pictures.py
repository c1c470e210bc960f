"""Makes the pictures of the page in the documents, in a real browser, from the real program.

Listens to the demo tune with the shipped model, as ``genre-live --file examples/demo.ogg --web 8000`` does,
and takes what Chromium shows at a given moment::

    python docs/make_page_pictures.py [--model NAME|DIR] [--out docs/pictures]
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.browser import Browser  # noqa: E402 (found only from the repository's root)

MOMENT = "0:50"
# Name, path, width, height, dark.
PICTURES = (
    ("page-desktop.png", "", 1280, 800, True),
    ("page-phone.png", "", 390, 844, False),
    ("page-overlay.png", "overlay?confidence=1&size=96px", 720, 160, True),
)


def main() -> None:
    """Make all pictures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="genre-lstm", help="a shipped model's name or a bundle's folder")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures", help="folder to write to")
    arguments = parser.parse_args()
    for name, path, width, height, dark in PICTURES:
        command = [
            sys.executable, "-m", "live.cli", "--no-defaults", "--model", arguments.model, "--web", "0",
            "--file", "examples/demo.ogg",
        ]  # fmt: skip
        browser = Browser()
        with subprocess.Popen(  # noqa: S603 (arguments of our own)
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as process:
            notice = process.stderr.readline() if process.stderr is not None else ""
            try:
                browser.open(
                    re.findall(r"http://\S+/", notice)[0] + path, width, height, dark=dark, motion=False
                )
                browser.patience_s = 120.0
                browser.until(lambda browser=browser: browser.is_at(MOMENT))  # type: ignore[misc]
                browser.picture(arguments.out / name, transparent=True)
            finally:
                browser.close()
                process.terminate()
        print(arguments.out / name)


if __name__ == "__main__":
    main()
