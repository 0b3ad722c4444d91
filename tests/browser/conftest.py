"""Each page in a browser, as wide as a desk's screen and as a telephone's."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from webdriver import Browser, browser, installed


@pytest.fixture(params=(1280, 390))
def window(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """A browser that shows the module's `page`; no script of it may have complained."""
    if not installed():
        pytest.skip("chromium and chromium-driver are not installed")
    page: Path = request.getfixturevalue("page")
    with browser(request.param) as opened:
        opened.open(page)
        yield opened
        assert opened.messages() == []
