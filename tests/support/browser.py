"""A real browser without a window, through selenium: Chromium, Chrome or Edge, whichever is there with its driver."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

BROWSERS: Final = {
    "chromedriver": ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"),
    "msedgedriver": ("msedge", "microsoft-edge", "microsoft-edge-stable"),
}
"""Driver -> the programs that it drives; all speak Chrome's protocol."""
REASON: Final = (
    "no browser with its driver on the PATH: on Debian `apt-get install chromium chromium-driver`, elsewhere Chrome "
    "with chromedriver (https://googlechromelabs.github.io/chrome-for-testing/) or Edge with msedgedriver"
)


def find_browser(
    which: Callable[[str], str | None] = shutil.which, environ: Mapping[str, str] = os.environ
) -> tuple[str, str] | None:
    """Return the paths of a browser and its driver; `$CHROME_BIN` says which of several Chromes the driver is for."""
    for driver, names in BROWSERS.items():
        driver_path = which(driver)
        wanted = (environ.get("CHROME_BIN", ""), *names) if driver == "chromedriver" else names
        program = next((path for name in wanted if (path := which(name))), None)
        if driver_path and program:
            return program, driver_path
    return None


@contextmanager
def browser(*, dark: bool = False, width: int = 1100, height: int = 1400) -> Iterator[Chrome]:
    """Open a browser whose window shows so much; skip where there is none."""
    found = find_browser()
    if found is None:
        pytest.skip(REASON)
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService  # noqa: PLC0415 - skipped without a browser

    program, driver = found
    options = ChromeOptions()
    options.binary_location = program
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = Chrome(options=options, service=ChromeService(executable_path=driver))
    try:
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        yield opened
    finally:
        opened.quit()
