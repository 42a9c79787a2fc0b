"""The pages on a site with warnings, and a browser that notes what goes wrong in it."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.server.api.alerts.conftest import warned_api, warned_file  # noqa: F401 - fixtures
from tests.server.web.test_browser import ARGUMENTS, WATCH_POLICY


@pytest.fixture(scope="module")  # Playwright allows one at a time, and others have theirs
def chromium() -> Iterator[Browser]:
    """One Chromium for all tests here."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Open a page; at the end nothing may have been refused or gone wrong in it."""
    troubles: list[str] = []
    contexts = []

    def start(address: str, **options: object) -> Page:
        size = {"viewport": {"width": 360, "height": 740}, "color_scheme": "light"}
        context = chromium.new_context(**(size | options))
        contexts.append(context)
        page = context.new_page()
        page.add_init_script(WATCH_POLICY)
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto(address)
        return page

    yield start
    for context in contexts:
        context.close()
    assert troubles == []
