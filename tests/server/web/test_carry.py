"""The page on which carried files are handed in, in a real browser."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.server.carry.factory import of
from tests.server.web.test_browser import ARGUMENTS, HEIGHTS, WATCH_POLICY
from tests.server.web.test_pages import Outline

GOOD = "saxaul-kubuqi-dune-00c0ffee-1-3.zip"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests here."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture
def open_page(browser, site) -> Iterator:
    """Open the page; at the end no policy may have been violated and no script have failed."""
    contexts, troubles = [], []

    def start(**options) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.add_init_script(WATCH_POLICY)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto(f"{site.url}/carry")
        return page

    yield start
    for context in contexts:
        for page in context.pages:
            if page.evaluate("typeof violations") == "object":
                assert page.evaluate("violations") == []
        context.close()
    assert troubles == []


@pytest.fixture
def stick(tmp_path):
    """A whole file of another gateway, one cut short, and a picture."""
    more = {"gateway": "salt-flat", "inventory": None}
    raw = of([1, 2, 3], **more).written()
    (tmp_path / GOOD).write_bytes(raw)
    (tmp_path / "cut.zip").write_bytes(raw[: raw.index(b"/00c0ffee/2")])
    (tmp_path / "holiday.zip").write_bytes(b"holiday")
    return tmp_path


def hand_in(page, *files):
    page.set_input_files("#files", [str(one) for one in files])
    page.get_by_role("button", name="Hand in").click()
    expect(page.locator("#state")).to_have_text("Done.", timeout=30_000)


def test_files_are_handed_in_and_what_became_of_each_is_said(open_page, stick):
    page = open_page()

    hand_in(page, stick / GOOD, stick / "cut.zip", stick / "holiday.zip")

    told = page.locator(".result")
    expect(told).to_have_count(3)
    expect(told.nth(2).locator("h2")).to_have_text(GOOD)
    expect(told.nth(2)).to_contain_text("3 batches of salt-flat: 3 waiting.")
    expect(told.nth(2).locator(".verdict")).to_have_attribute("data-state", "fine")
    expect(told.nth(1)).to_contain_text("3 batches of salt-flat: 1 waiting, 2 missing.")
    expect(told.nth(1)).to_contain_text("The file is damaged")
    expect(told.nth(1).locator(".verdict")).to_have_attribute("data-state", "suspect")
    expect(told.nth(0)).to_contain_text("this is no file of saxaul-gateway export")
    expect(told.nth(0).locator(".verdict")).to_have_attribute("data-state", "failed")


def test_the_form_is_ready_for_the_next_file(open_page, stick):
    page = open_page()
    hand_in(page, stick / GOOD)

    expect(page.locator("#send")).to_be_enabled()
    expect(page.locator("#bar")).to_be_hidden()
    assert page.evaluate("document.querySelector('#files').files.length") == 0
    hand_in(page, stick / GOOD)
    expect(page.locator(".result")).to_have_count(2)


def test_a_server_that_has_gone_is_said(open_page, stick, browser):
    page = open_page()
    page.route("**/api/v1/imports", lambda route: route.abort())

    hand_in(page, stick / GOOD)

    expect(page.locator(".result")).to_contain_text("The server did not answer")


def test_a_name_is_text_and_never_markup(open_page, stick):
    page = open_page()
    hostile = stick / "<img src=x onerror=alert(1)>.zip"
    hostile.write_bytes(b"x")

    hand_in(page, hostile)

    expect(page.locator(".result h2")).to_have_text(hostile.name)
    expect(page.locator(".result img")).to_have_count(0)


def test_without_scripts_the_page_says_how_else(open_page):
    page = open_page(java_script_enabled=False)

    expect(page.locator("form")).to_be_hidden()
    expect(page.get_by_text("saxaul-server import")).to_be_visible()


def test_with_scripts_it_does_not(open_page):
    page = open_page()

    expect(page.locator("form")).to_be_visible()
    expect(page.get_by_text("saxaul-server import")).to_be_hidden()


@pytest.mark.parametrize("width", [320, 390, 768])
def test_a_small_screen_has_no_sideways_scroll_and_targets_for_a_thumb(open_page, stick, width):
    page = open_page(viewport={"width": width, "height": 800})
    hand_in(page, stick / GOOD, stick / "cut.zip")

    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert min(page.evaluate(HEIGHTS, "button, a, input")) >= 44


def test_the_page_is_found_from_the_stations(site):
    assert '<a href="/carry">Hand in carried files</a>' in site.client.get("/").text


def test_nothing_on_the_page_comes_from_elsewhere_or_stands_inline(site):
    """The content security policy would refuse it; better never to ask."""
    html = site.client.get("/carry").text
    for tag, attributes in Outline(html).elements:
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("src", "href"):
            if attributes.get(name, "").startswith("/static"):
                assert site.client.get(attributes[name]).status_code == 200, attributes
            assert attributes.get(name, "/").startswith("/"), attributes
    scripts = re.findall(r"<script[^>]*>(.*?)</script>", html, re.DOTALL)
    assert [one for one in scripts if one.strip()] == []
