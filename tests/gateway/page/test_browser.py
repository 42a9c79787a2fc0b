"""The page on a phone, in a real browser."""

import re
from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.gateway.page.conftest import JPEG, PIN
from tests.gateway.page.test_desk import SOIL, answered, heard, make_ready
from tests.server.web.test_browser import ARGUMENTS

# In one step: a node that the page puts another one in the place of meanwhile has no height.
HEIGHTS = """(targets) => [...document.querySelectorAll(targets)]
  .filter((one) => one.checkVisibility({ visibilityProperty: true }) && one.id !== "photo")
  .map((one) => one.getBoundingClientRect().height)"""
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture
def phone(browser):
    """Open a page on a phone; at the end nothing may have gone wrong in it, or come from afar."""
    troubles, contexts = [], []

    def visit(port, **options):
        contexts.append(browser.new_context(**(PHONE | options)))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on(
            "console", lambda said: troubles.append(said.text) if "Policy" in said.text else None
        )
        ours = f"http://127.0.0.1:{port}/"
        page.on(
            "request", lambda one: None if one.url.startswith(ours) else troubles.append(one.url)
        )
        page.goto(ours)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert troubles == []


def test_a_technician_walks_from_red_to_green(phone, page_of, place, hand):
    heard(place, hand, temperature="85", ec=None)
    page = phone(page_of().port)

    expect(page.locator("#card-title")).to_have_text("✘ Not ready to leave")
    expect(page.locator("tr.odd")).to_contain_text("cannot be")
    expect(page.locator("tr.missing")).to_contain_text("timeout")
    make_ready(place, hand)
    expect(page.locator("#card-title")).to_have_text("✔ Ready to leave")
    page.get_by_label("Your name").fill("Bayar")
    page.get_by_role("button", name="installation record").click()
    expect(page.locator("#last")).to_contain_text("by Bayar, all was ready")
    assert place.visits.newest().by == "Bayar"


def test_photo_and_position_are_entered_on_the_phone(phone, page_of, place, tmp_path):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(JPEG)
    page = phone(page_of().port)
    page.get_by_label("Latitude").fill("40.61")
    page.get_by_label("Longitude").fill("108.92")
    page.get_by_role("button", name="Keep the position").click()
    page.locator("#photo").set_input_files(photo)

    expect(page.locator("#photos")).to_have_text("1 kept on this visit")
    expect(page.locator("#steps")).to_contain_text("known of every station")
    assert place.visits.positions()["dune-1"].lat == 40.61


def test_what_is_refused_is_told_where_it_was_entered(phone, page_of):
    page = phone(page_of().port)
    page.get_by_label("Your name").fill("Bayar")
    page.get_by_role("button", name="installation record").click()

    expect(page.locator("#leave .said")).to_contain_text("something is not ready")


def test_the_pin_is_asked_for_first(phone, page_of):
    page = phone(page_of(PIN).port)
    expect(page.locator("main")).to_be_hidden()
    page.get_by_label("PIN of this gateway").fill("0000")
    page.get_by_role("button", name="Enter").click()
    expect(page.locator("#pin .said")).to_have_text("wrong PIN")
    page.get_by_label("PIN of this gateway").fill(PIN)
    page.get_by_role("button", name="Enter").click()

    expect(page.locator("#card-title")).to_contain_text("leave")


def test_a_sensor_is_read_now_and_the_answer_stands_beside_what_is_stored(
    phone, page_of, place, hand
):
    heard(place, hand)
    page = phone(page_of().port)
    page.get_by_role("button", name="Read dune-1/soil-10cm now").click()
    expect(page.get_by_role("button", name="Read dune-1/soil-10cm now")).to_be_disabled()
    assert place.bus.questions.waiting() == [SOIL]
    hand.advance(1000)
    answered(place, hand, vwc="2500")

    row = page.locator("tr", has_text="Soil water, raw").first
    expect(row.locator(".number")).to_have_text("2500\u00a0raw")
    expect(row).to_contain_text("stored 1 s ago: 2400 raw")
    expect(page.locator("tr.computed")).to_contain_text("0.274\u00a0m³/m³")
    expect(page.locator("article .asked")).to_contain_text("not stored")


def test_all_sensors_are_read_for_the_walk(phone, page_of, place):
    page = phone(page_of().port)
    expect(page.locator("#steps")).to_contain_text("not asked yet")
    page.get_by_role("button", name="Read all sensors now").click()
    expect(page.locator("#read-said")).to_have_text("Asking 1 …")

    assert place.bus.questions.waiting() == [SOIL]


def test_a_port_is_scanned_and_what_is_found_added_after_a_second_press(
    phone, page_of, place, device
):
    port = device().port
    place.ports.append(port)
    page = phone(page_of().port)
    page.get_by_label("Serial port").select_option(port)
    page.get_by_role("button", name="Scan this port").click()
    expect(page.locator("#scan-seen")).to_contain_text("METER TEROS 12")
    expect(page.get_by_label("Lines for gateway.toml")).to_have_value(re.compile(port))
    page.get_by_role("button", name="Add these lines").click()
    assert port not in place.settings.read_text()
    page.get_by_role("button", name="Yes, add them").click()
    expect(page.locator("#scan-added")).to_contain_text("restart the gateway")
    assert port in place.settings.read_text()
    assert not place.restart.is_set()
    page.get_by_role("button", name="Restart the gateway").click()
    expect(page.locator("#scan-done .said")).to_contain_text("starts again")

    assert place.restart.is_set()


def test_a_port_in_use_is_scanned_only_when_its_line_may_be_interrupted(phone, page_of, place):
    page = phone(page_of().port)
    page.get_by_label("Serial port").select_option("/dev/null")
    page.get_by_role("button", name="Scan this port").click()
    assert place.bus.lent_for == []
    page.get_by_label("may go unread").check()
    page.get_by_role("button", name="Scan this port").click()
    expect(page.locator("#scan-fault")).to_contain_text("Ended after")

    assert place.bus.lent_for == ["being scanned"]


def test_it_fits_a_small_phone_and_fingers(phone, page_of, place, hand):
    heard(place, hand, temperature="85")
    page = phone(page_of().port)
    expect(page.locator("#sensors td.number").first).to_have_text("2400\u00a0raw")

    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert min(page.evaluate(HEIGHTS, "button, input:not([type=checkbox]), .button")) >= 44


def test_a_gateway_that_is_gone_is_told(phone, place, browser):
    from gateway.page.server import PageServer

    server = PageServer("127.0.0.1", 0, place.desk, "")
    server.start()
    with closing(server):
        page = phone(server.port)
        expect(page.locator("#card-title")).to_contain_text("leave")

    expect(page.locator("#line")).to_contain_text("Failed to fetch")
