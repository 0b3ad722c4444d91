"""A browser under test: headless Chromium through chromedriver's WebDriver protocol."""

import base64
import contextlib
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
START_S = 20


def installed() -> bool:
    """Whether Chromium and chromedriver are there (Debian: chromium, chromium-driver)."""
    return bool(shutil.which("chromium") and shutil.which("chromedriver"))


class Browser:
    """One window. Pages are found by path, elements by CSS selector."""

    def __init__(self, session: str) -> None:
        self.session = session

    def open(self, page: Path) -> None:
        """Open a local file."""
        _call("POST", f"{self.session}/url", {"url": page.resolve().as_uri()})

    def run(self, script: str) -> Any:
        """The value that a script returns."""
        return _call("POST", f"{self.session}/execute/sync", {"script": script, "args": []})

    def text(self, selector: str) -> str:
        """The visible text of the first element."""
        return _call("GET", f"{self._element(selector)}/text")

    def count(self, selector: str) -> int:
        """How many elements there are."""
        return self.run(f"return document.querySelectorAll({json.dumps(selector)}).length")

    def click(self, selector: str) -> None:
        """Click the first element as a person would: it must be visible and not covered."""
        _call("POST", f"{self._element(selector)}/click", {})

    def type(self, selector: str, text: str) -> None:
        """Type into the first element."""
        _call("POST", f"{self._element(selector)}/value", {"text": text})

    def choose(self, selector: str, option: str) -> None:
        """Choose the option of a select that has this text."""
        options = self.run(
            f"return [...document.querySelector({json.dumps(selector)}).options].map(o => o.text)"
        )
        self.click(f"{selector} option:nth-child({options.index(option) + 1})")

    def wait_for(self, condition: str) -> None:
        """Wait until a JavaScript expression is true; RuntimeError after ten seconds."""
        deadline = time.monotonic() + 10
        while not self.run(f"return {condition}"):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{condition} does not become true")
            time.sleep(0.02)

    def messages(self) -> list[str]:
        """What the console has shown since the last call."""
        entries = _call("POST", f"{self.session}/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries]

    def screenshot(self, path: Path) -> None:
        """Write the whole page, as high as it is, as a PNG."""
        width, height = self.run("return [innerWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        parameters = {"captureBeyondViewport": True, "clip": clip}
        command = {"cmd": "Page.captureScreenshot", "params": parameters}
        shot = _call("POST", f"{self.session}/goog/cdp/execute", command)
        path.write_bytes(base64.b64decode(shot["data"]))

    def _element(self, selector: str) -> str:
        query = {"using": "css selector", "value": selector}
        found = _call("POST", f"{self.session}/element", query)
        return f"{self.session}/element/{found[ELEMENT]}"


def assert_whole(window: Browser, picture: Path) -> None:
    """No wider than the window, every picture loaded, and something to see."""
    assert window.run("return document.documentElement.scrollWidth <= innerWidth")
    broken = "return [...document.images].filter(i => !i.complete || !i.naturalWidth).length"
    assert window.run(broken) == 0
    window.screenshot(picture)
    assert picture.stat().st_size > 20_000


@contextlib.contextmanager
def browser(width: int, height: int = 900) -> Iterator[Browser]:
    """A headless Chromium whose page is `width` CSS pixels wide, as on a telephone if narrow."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    driver = subprocess.Popen(
        ["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait(f"http://127.0.0.1:{port}/status")
        metrics = {"width": width, "height": height, "pixelRatio": 1.0, "mobile": width < 600}
        capabilities = {
            "browserName": "chrome",
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {
                "binary": shutil.which("chromium"),
                "args": [
                    "--headless=new",
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-dev-shm-usage",
                ],
                "mobileEmulation": {"deviceMetrics": metrics},
            },
        }
        root = f"http://127.0.0.1:{port}/session"
        value = _call("POST", root, {"capabilities": {"alwaysMatch": capabilities}})
        session = f"{root}/{value['sessionId']}"
        try:
            yield Browser(session)
        finally:
            _call("DELETE", session)
    finally:
        driver.terminate()
        driver.wait()


def _wait(address: str) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            _call("GET", address)
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _call(method: str, address: str, body: Any = None) -> Any:
    """One WebDriver command; an error of the browser becomes a RuntimeError."""
    request = urllib.request.Request(
        address,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)["value"]
    except urllib.error.HTTPError as error:
        raise RuntimeError(json.load(error)["value"]["message"]) from None
