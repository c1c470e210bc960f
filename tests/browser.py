"""A real browser of the system, without a window."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

WAIT_S = 60.0
"""A limit that no working program comes near."""

ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
)


class Browser:
    """Chromium, controlled by Selenium; the test is skipped if one of them is missing."""

    patience_s = WAIT_S

    def __init__(self) -> None:
        webdriver = pytest.importorskip("selenium.webdriver")
        program, driver = shutil.which("chromium"), shutil.which("chromedriver")
        if program is None or driver is None:
            pytest.skip("This test needs chromium and chromium-driver.")
        self._folder = tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True)
        options = webdriver.ChromeOptions()
        options.binary_location = program
        for argument in (*ARGUMENTS, f"--user-data-dir={self._folder.name}"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = webdriver.ChromeService(executable_path=driver, log_output=os.devnull)
        self.driver: Any = webdriver.Chrome(options=options, service=service)
        self._waits = pytest.importorskip("selenium.webdriver.support.wait")

    def open(
        self, url: str, width: int = 1280, height: int = 800, *, dark: bool = False, motion: bool = True
    ) -> None:
        """Open a page in a window of this size, with the preferences for dark mode and motion."""
        self.driver.get("about:blank")  # so that a page whose server has ended complains no more
        self.driver.get_log("browser")
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "no-preference" if motion else "reduce"},
        ]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        self.driver.get(url)

    def text(self, selector: str) -> str:
        """Return the text of the first element that matches a selector; empty if there is none."""
        found = self.driver.execute_script(
            "const node = document.querySelector(arguments[0]); return node ? node.textContent : '';",
            selector,
        )
        return str(found)

    def ask(self, script: str) -> Any:
        """Run a script in the page, and return its result."""
        return self.driver.execute_script(script)

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds, at most ``patience_s`` seconds."""
        self._waits.WebDriverWait(self.driver, self.patience_s, poll_frequency=0.05).until(
            lambda _driver: condition()
        )

    def is_at(self, moment: str) -> bool:
        """Return whether the session has reached a time, in the format of the page: ``0:50``."""
        heard = self.ask(
            "return sessions.sources.size ? clock(sessions.sources.values().next().value.time_s) : ''"
        )
        return bool(heard == moment)

    def picture(self, path: Path, *, transparent: bool = False) -> None:
        """Save a screenshot, with a white or transparent background."""
        clear = {"color": {"r": 0, "g": 0, "b": 0, "a": 0}} if transparent else {}
        self.driver.execute_cdp_cmd("Emulation.setDefaultBackgroundColorOverride", clear)
        self.driver.save_screenshot(str(path))
        self.driver.execute_cdp_cmd("Emulation.setDefaultBackgroundColorOverride", {})

    def complaints(self) -> list[str]:
        """Return the messages of the page's console: errors of scripts, and violations of the policy."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def close(self) -> None:
        """End the browser."""
        self.driver.quit()
        self._folder.cleanup()
