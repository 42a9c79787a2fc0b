"""The page in a real browser: live values, growing ages, plots, small screens."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sqlalchemy import insert, update

from server.db import tables as t
from server.db.engine import writing
from server.store.port import LatestRow
from tests.server.api.factory import HOUR, NOW, Catalog, history, teros

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Of whatever comes by itself; 5 s, as they are by default, are soon gone on a busy machine.
expect.set_options(timeout=20_000)
WATCH_POLICY = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (e) => violations.push(e.violatedDirective));
"""
# In one step: the page may take over fresh nodes at any moment, and a node that is gone has no height.
HEIGHTS = """(targets) => [...document.querySelectorAll(targets)]
  .map((one) => one.getBoundingClientRect().height)"""
# What stands there for a moment only is not missed.
KEEP_WHAT_IS_SAID = """() => {
  const link = document.querySelector("#link");
  window.said = [];
  new MutationObserver(() => said.push(link.textContent.trim()))
    .observe(link, { childList: true, characterData: true, subtree: true });
}"""
# Does a column of the plot, at a share of its width, hold a pixel of the line's colour?
LINE_AT = """(share) => {
  const canvas = document.querySelector("#plot-area canvas");
  if (!canvas) return false;
  const over = document.querySelector("#plot-area .u-over");
  const ratio = canvas.width / canvas.clientWidth;
  const x = Math.round((over.offsetLeft + share * over.offsetWidth) * ratio);
  const y = Math.round(over.offsetTop * ratio);
  const high = Math.round(over.offsetHeight * ratio);
  const copy = new OffscreenCanvas(1, high).getContext("2d");
  copy.drawImage(canvas, x, y, 1, high, 0, 0, 1, high);
  const data = copy.getImageData(0, 0, 1, high).data;
  for (let i = 0; i < data.length; i += 4) {
    const [red, green, blue, opaque] = data.slice(i, i + 4);
    if (red < 90 && green > 80 && green < 120 && blue < 90 && opaque > 200) return true;
  }
  return false;
}"""
# The same for the band, which is translucent.
BAND_AT = LINE_AT.replace(
    "if (red < 90 && green > 80 && green < 120 && blue < 90 && opaque > 200) return true;",
    "if (green > red && green > blue && opaque > 40 && opaque < 80) return true;",
)
VWC = "dune-1/soil-10cm/vwc"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests here."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture
def open_page(browser, site) -> Iterator:
    """Open the live page; at the end nothing may have been refused or gone wrong in it."""
    troubles, contexts = [], []

    def start(**options) -> Page:
        context = browser.new_context(
            **(
                {"viewport": {"width": 1280, "height": 900}, "timezone_id": "Asia/Shanghai"}
                | options
            )
        )
        contexts.append(context)
        page = context.new_page()
        page.add_init_script(WATCH_POLICY)
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto(site.url)
        if options.get("java_script_enabled", True):
            expect(page.locator("#link")).to_have_text("Live")
        return page

    yield start
    for context in contexts:
        for page in context.pages:
            if page.evaluate("typeof violations") == "object":
                assert page.evaluate("violations") == []
        context.close()
    assert troubles == []


def tile(page, site, name):
    return page.locator(f"#reading-{site.ids[name]}")


def commit(site, name, value, time, **values):
    """Store a newest value and announce it, as ingest does."""
    row = {"quality": 9 if value is None else 1, "reason": ""} | values
    stream = site.ids[name]
    with writing(site.engine) as connection:
        rule = t.latest.c.datastream_id == stream
        connection.execute(update(t.latest).where(rule).values(value=value, time=time, **row))
    site.hub.publish([LatestRow(stream, time, value, row["quality"], row["reason"], time)])


def test_values_are_there_with_unit_and_state(open_page, site):
    page = open_page()

    expect(tile(page, site, VWC)).to_contain_text("Soil water")
    expect(tile(page, site, VWC).locator(".figure")).to_have_text("13.8 % vol")
    expect(tile(page, site, VWC).locator(".words")).to_have_text("fine")


def test_values_are_there_without_any_script(open_page, site):
    page = open_page(java_script_enabled=False)

    expect(tile(page, site, VWC).locator(".figure")).to_have_text("13.8 % vol")
    expect(page.locator("#link")).to_be_hidden()


def test_ages_grow_by_themselves(open_page, site):
    page = open_page()
    age = """() => parseInt(document.querySelector(".reading time").textContent)"""
    first = page.evaluate(age)

    assert first >= 4
    page.wait_for_function(f"(first) => ({age})() >= first + 2", arg=first)


def test_a_commit_changes_a_value_without_a_reload(open_page, site):
    page = open_page()
    page.evaluate("window.before = true")

    commit(site, VWC, 0.2512, NOW + 60_000)

    expect(tile(page, site, VWC).locator(".number")).to_have_text("25.1")
    for time in ("#overview time", "#sentence-1 time", f"#reading-{site.ids[VWC]} time"):
        expect(page.locator(time)).to_have_text("just now")
    assert page.evaluate("window.before") is True


def test_a_share_that_falls_is_shown_without_a_newer_value(open_page, site):
    page = open_page()
    expect(tile(page, site, VWC).locator(".there")).to_be_hidden()
    with writing(site.engine) as connection:
        for at in (2, 30):
            row = {"datastream_id": site.ids[VWC], "start": NOW - at * HOUR, "n": 180, "n_good": 1}
            connection.execute(insert(t.rollup_hour).values(row))

    site.now = NOW + 5 * 60_000  # what was read before is too old
    commit(site, "dune-1/mast/rain", 3.4, site.now, quality=4)  # another state: the page is read

    expect(tile(page, site, VWC).locator(".there")).to_have_text(
        "2\N{NO-BREAK SPACE}% of 24\N{NO-BREAK SPACE}h here"
    )
    expect(tile(page, site, VWC).locator(".number")).to_have_text("13.8")


def test_an_older_value_that_arrives_late_changes_nothing(open_page, site):
    page = open_page()

    site.hub.publish([LatestRow(site.ids[VWC], NOW - HOUR, 0.5, 1, "", NOW)])
    commit(site, "dune-1/mast/rain", 3.4, NOW)
    expect(tile(page, site, "dune-1/mast/rain").locator(".number")).to_have_text("3.4")

    expect(tile(page, site, VWC).locator(".number")).to_have_text("13.8")


@pytest.mark.parametrize(
    "values",
    [
        {"value": 0.30},
        {"value": 0.0},
        {"value": -0.0004},
        {"value": -0.05, "quality": 3 | 16},
        {"value": 0.9, "quality": 4 | 16 | 128},
        {"value": 0.2, "quality": 2},
        {"value": None, "reason": "timeout"},
        {"value": None, "reason": "<b>no</b> & no"},
    ],
    ids=str,
)
def test_the_script_writes_a_value_as_the_server_would(open_page, site, values):
    page = open_page()
    commit(site, VWC, time=NOW + 1, **values)
    expect(tile(page, site, VWC)).to_have_attribute("data-time", str(NOW + 1))

    fresh = open_page(java_script_enabled=False)

    for part in (".figure", ".words"):
        live = tile(page, site, VWC).locator(part)
        expect(live).to_have_text(tile(fresh, site, VWC).locator(part).inner_text())
    state = tile(fresh, site, VWC).get_attribute("data-state")
    expect(tile(page, site, VWC)).to_have_attribute("data-state", state)


def test_a_value_that_no_longer_comes_turns_stale(open_page, site):
    page = open_page()
    site.now = NOW + 100_000
    commit(site, "plain-1/soil-20cm/vwc", 0.1, site.now)
    site.hub.publish([LatestRow(4711, NOW, 1.0, 1, "", NOW)])  # unknown: the page looks again

    expect(tile(page, site, VWC)).to_have_attribute("data-state", "stale")
    expect(tile(page, site, VWC).locator(".foot")).to_have_text(
        re.compile(r"stale\s+last seen 1[01]\d s ago")
    )
    expect(page.locator("#overview")).to_contain_text("silent: Dune 1, straw checkerboard")


def test_a_new_station_appears_without_a_reload(open_page, site):
    page = open_page()
    page.evaluate("window.before = true")
    with writing(site.engine) as connection:
        catalog = Catalog(connection)
        catalog.gateway("new")
        catalog.thing("new", catalog.site("ulan-buh", "Ulan Buh"), "edge-1", "Edge 1")
        catalog.sensor("new", "edge-1", teros(15), interval_s=10)
        catalog.latest("edge-1/soil-15cm/vwc", 0.07, NOW)
    stream = catalog.ids["edge-1/soil-15cm/vwc"]

    site.hub.publish([LatestRow(stream, NOW, 0.07, 1, "", NOW)])

    expect(page.locator(f"#reading-{stream} .number")).to_have_text("7.0")
    expect(page.locator("#overview")).to_contain_text("3 stations")
    assert page.evaluate("window.before") is True


def test_a_click_on_a_value_draws_its_plot_with_the_gap_left_open(open_page, site):
    history(site.engine, site.ids[VWC], NOW, hours=24, step_ms=600_000)
    page = open_page(color_scheme="light")

    tile(page, site, VWC).click()

    expect(page.locator("#plot-title")).to_have_text("Soil water, 10 cm deep")
    expect(page.locator("#plot-place")).to_have_text("Dune 1, straw checkerboard")
    expect(page.locator("#plot-sentence")).to_contain_text("126 readings")
    expect(page.locator("#plot-area canvas")).to_be_visible()
    page.wait_for_function(LINE_AT, arg=0.2)
    assert page.evaluate(LINE_AT, 0.5)
    assert page.evaluate(LINE_AT, 0.95)
    # The hole lies from nine to six hours before the right edge.
    assert not page.evaluate(LINE_AT, (24 - 7.5) / 24)


def test_the_range_of_a_plot_can_be_changed_and_the_keyboard_closes_it(open_page, site):
    history(site.engine, site.ids[VWC], NOW, hours=24 * 8, step_ms=600_000)
    page = open_page()
    tile(page, site, VWC).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#plot-sentence")).to_contain_text("126 readings")

    page.get_by_text("7 days").click()
    expect(page.locator("#plot-sentence")).to_contain_text("990 readings")
    page.keyboard.press("Escape")

    expect(page.locator("#plot")).to_be_hidden()
    expect(tile(page, site, VWC)).to_be_focused()


def test_a_year_is_drawn_as_a_line_in_the_band_of_lowest_and_highest(open_page, site):
    history(site.engine, site.ids[VWC], NOW, hours=24 * 300, step_ms=1_800_000)
    page = open_page()
    tile(page, site, VWC).click()
    page.get_by_text("1 year").click()

    expect(page.locator("#plot-sentence")).to_contain_text("by the day, from 9.0 % vol to 15.0")
    page.wait_for_function(LINE_AT, arg=0.5)
    page.wait_for_function(BAND_AT, arg=0.5)
    assert not page.evaluate(BAND_AT, 0.05)  # before the first reading
    page.locator("#plot-area .u-over").hover()
    expect(page.locator("#plot-readout")).to_contain_text(re.compile(r"from 9\.\d .*to 1\d\.\d"))


def test_the_pointer_reads_a_value_and_its_instant_off_the_plot(open_page, site):
    history(site.engine, site.ids[VWC], NOW, hours=24, step_ms=600_000)
    page = open_page()
    tile(page, site, VWC).click()
    page.wait_for_function(LINE_AT, arg=0.2)

    page.locator("#plot-area .u-over").hover()

    expect(page.locator("#plot-readout")).to_contain_text("% vol at 20 Nov, 03:00 Asia/Shanghai")


def test_times_are_the_browsers_with_the_zone_named(open_page, site):
    page = open_page()
    seen = tile(page, site, VWC).locator("time")

    expect(page.locator("#zone")).to_have_text(
        "Times are in Asia/Shanghai, the zone of this browser."
    )
    expect(seen).to_have_attribute("title", "20 Nov 2026, 14:59:56 Asia/Shanghai")


def test_a_lost_connection_is_said(open_page, site):
    page = open_page()
    page.evaluate(KEEP_WHAT_IS_SAID)

    site.hub.close()

    page.wait_for_function("() => said.includes('No connection; trying again')")
    expect(page.locator("#link")).to_have_text("Live")


@pytest.mark.parametrize("width", [320, 390, 768])
def test_a_small_screen_has_no_sideways_scroll_and_targets_for_a_thumb(open_page, site, width):
    page = open_page(viewport={"width": width, "height": 800})
    for details in page.locator("details").all():
        details.locator("summary").click()

    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert min(page.evaluate(HEIGHTS, ":is(button, summary, a):not(dialog *)")) >= 44


def test_a_long_name_without_a_space_is_broken_on_a_small_screen(open_page, site):
    with writing(site.engine) as connection:
        connection.execute(update(t.thing).values(name="A" * 200))
        connection.execute(update(t.sensor).values(model="B" * 200))

    page = open_page(viewport={"width": 320, "height": 640})

    assert page.evaluate("document.documentElement.scrollWidth") == 320


@pytest.mark.parametrize(
    ("ticks", "digits"),
    [
        ([6, 6.25], 2),
        ([6, 6.5], 1),
        ([6.1, 6.2], 1),
        ([0, 2000], 0),
        ([0, 0.0025], 4),
        ([0, 1e-9], 6),
        ([7], 0),
    ],
)
def test_no_number_of_an_axis_is_rounded(open_page, site, ticks, digits):
    page = open_page()

    found = "(ticks) => import('/static/words.js').then((words) => words.tickDigits(ticks))"
    assert page.evaluate(found, ticks) == digits


def test_the_plot_fits_a_phone(open_page, site):
    history(site.engine, site.ids[VWC], NOW, hours=24, step_ms=600_000)
    page = open_page(viewport={"width": 320, "height": 640})

    tile(page, site, VWC).click()
    page.wait_for_function(LINE_AT, arg=0.2)

    box = page.locator("#plot").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 320
    assert page.evaluate("document.querySelector('#plot').scrollWidth") <= box["width"]
