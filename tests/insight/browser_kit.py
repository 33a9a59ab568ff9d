"""A real Chromium without a window, driven by Debian's own driver: nothing is downloaded."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DRIVERS = ("chromedriver",)
REMEDY = "no Chromium with its driver here; on Debian and Ubuntu: ./scripts/browser (as root) installs both"
#: Where screenshots are kept; not in the repository.
ARTEFACTS = Path(__file__).parents[2] / "build" / "artefacts"

Event = Mapping[str, Any]


class Browser:
    """One window."""

    def __init__(self, driver: Any, downloads: Path) -> None:
        """Take a driver."""
        self.driver = driver
        self.downloads = downloads

    def open(self, page: Path) -> None:
        """Show a file."""
        self.driver.get(page.absolute().as_uri())

    def ask(self, script: str, *arguments: object) -> Any:
        """Return what a script of the test's finds in the page."""
        return self.driver.execute_script(script, *arguments)

    def texts(self, selector: str) -> list[str]:
        """Return the texts of what is shown of all elements that fit."""
        found: list[str] = self.ask(
            "return [...document.querySelectorAll(arguments[0])].filter((e) => e.offsetParent !== null)"
            ".map((e) => e.textContent.trim())",
            selector,
        )
        return found

    def click(self, selector: str) -> None:
        """Click the first element that fits, as a user does."""
        element = self.driver.find_element("css selector", selector)
        self.ask("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
        element.click()

    def write(self, selector: str, text: str) -> None:
        """Type into a field in place of what it holds."""
        field = self.driver.find_element("css selector", selector)
        self.ask("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", field)
        field.clear()
        field.send_keys(text)

    def show_as(self, *, scheme: str = "light", media: str = "", width: int = 1280, height: int = 1600) -> None:
        """Show the page in light or dark, on paper, or as wide as another screen."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def shoot(self, name: str) -> Path:
        """Keep a picture of the window among the artefacts."""
        ARTEFACTS.mkdir(parents=True, exist_ok=True)
        path = ARTEFACTS / f"{name}.png"
        assert self.driver.save_screenshot(str(path))
        return path

    def requests(self) -> list[str]:
        """Return the addresses that the browser asked for since it was last asked, as its own log has them.

        What the page's policy stopped was not asked for.
        """
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        wanted = ("Network.requestWillBeSent", "Network.webSocketCreated", "Network.webTransportCreated")
        stopped = {
            event["params"]["requestId"]
            for event in events
            if event["method"] == "Network.loadingFailed" and event["params"].get("blockedReason") == "csp"
        }
        return [
            _address(event)
            for event in events
            if event["method"] in wanted and event["params"]["requestId"] not in stopped
        ]

    def faults(self) -> Sequence[str]:
        """Return what the browser's console says."""
        return [str(entry["message"]) for entry in self.driver.get_log("browser")]


def _address(event: Event) -> str:
    parameters = event["params"]
    return str(parameters.get("request", parameters).get("url"))


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """Start a browser for the length of the block; the test is skipped where there is none, and fails in CI."""
    browser, driver = (next(filter(None, map(shutil.which, names)), None) for names in (BROWSERS, DRIVERS))
    if browser is None or driver is None:
        if os.environ.get("CI"):
            pytest.fail(REMEDY)
        pytest.skip(REMEDY)
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in (
        "--headless=new",
        "--no-sandbox",  # which needs what containers do not give; the pages are our own
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={folder / 'profile'}",
    ):
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"download.default_directory": str(folder)})
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    service = Service(driver, env={**os.environ, "HOME": str(folder), "NO_PROXY": "127.0.0.1,localhost"})
    window = webdriver.Chrome(options=options, service=service)
    try:
        window.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)})
        yield Browser(window, folder)
    finally:
        window.quit()
