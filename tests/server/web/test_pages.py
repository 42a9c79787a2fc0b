"""The pages as the server writes them, before any script runs."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from sqlalchemy import insert, update
from sqlalchemy.dialects import sqlite

from server.db import tables as t
from server.db.engine import writing
from server.web import pages
from server.web.display import DASH, MINUS
from tests.server.api.factory import HOUR, NOW, Catalog, history
from tests.server.api.running import served

STATIC = Path(pages.__file__).parent / "static"


class Outline(HTMLParser):
    """Text without markup, and the attributes of every element."""

    def __init__(self, html):
        super().__init__()
        self.words, self.elements = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", "".join(self.words))


def page(site):
    answer = site.client.get("/")
    assert answer.status_code == 200
    return Outline(answer.text)


def alter_latest(site, name, **values):
    with writing(site.engine) as connection:
        rule = t.latest.c.datastream_id == site.ids[name]
        connection.execute(update(t.latest).where(rule).values(values))


def test_the_page_says_in_words_how_the_stations_are(site):
    text = page(site).text

    assert "2 stations, all reporting; newest reading 4 s ago." in text
    assert "Gateway kubuqi-dune is online, heard just now." in text
    assert "3 values, all fine; newest 4 s ago." in text


def test_every_value_is_there_with_unit_state_and_age_without_any_script(site):
    text = page(site).text

    assert "Soil water 13.8 % vol fine 4 s ago" in text
    assert f"Air temperature {MINUS}3.5 °C fine 4 s ago" in text
    assert "Wind from 271° fine 4 s ago" in text


def test_times_are_written_in_utc_for_who_has_no_script(site):
    outline = page(site)

    assert {
        "datetime": "2026-11-20T06:59:56.000Z",
        "title": "2026-11-20 06:59 UTC",
    }.items() <= next(attributes.items() for tag, attributes in outline.elements if tag == "time")
    assert "Times are in UTC." in outline.text


def test_a_missing_value_says_why(site):
    alter_latest(site, "dune-1/soil-10cm/soil_temperature", value=None, quality=9, reason="timeout")

    assert f"Soil temperature {DASH} °C missing: timeout 4 s ago" in page(site).text


def test_a_stale_value_says_when_it_was_last_seen(site):
    alter_latest(site, "dune-1/mast/rain", time=NOW - 2 * HOUR)
    text = page(site).text

    assert "Rain 0.2 mm stale last seen 2 h ago" in text
    assert "15 values: 14 fine, 1 stale" in text


def test_a_silent_station_is_named_first(site):
    site.now = NOW + 3 * HOUR
    alter_latest(site, "plain-1/soil-20cm/vwc", time=site.now)

    text = page(site).text

    assert "2 stations; silent: Dune 1, straw checkerboard; newest reading just now." in text
    assert "Silent; last seen 3 h ago." in text


def test_how_much_of_the_last_day_is_here_is_told_of_stations_and_of_what_lacks(site):
    site.now = NOW + 5 * 60_000
    whole, half = site.ids["plain-1/soil-20cm/soil_ec"], site.ids["plain-1/soil-20cm/vwc"]
    counts = [(whole, 360, 24), (half, 360, 12), (half, 0, 24)]
    with writing(site.engine) as connection:
        for id_, n, hours in counts:
            for at in range(1, hours + 1):
                row = {"datastream_id": id_, "start": NOW - at * HOUR, "n": n, "n_good": n}
                connection.execute(
                    sqlite.insert(t.rollup_hour).values(row).on_conflict_do_nothing()
                )
            first = {"datastream_id": id_, "start": NOW - 30 * HOUR, "n": 1, "n_good": 1}
            connection.execute(sqlite.insert(t.rollup_hour).values(first).on_conflict_do_nothing())

    page = site.client.get("/").text

    assert "75\N{NO-BREAK SPACE}% of the readings of the last 24 hours are here." in page
    told = re.findall(r'<span class="there">([^<]+)</span>', page)
    assert told == ["50\N{NO-BREAK SPACE}% of 24\N{NO-BREAK SPACE}h here"]


def test_what_of_an_inventory_cannot_be_used_is_told(site):
    remarks = [{"about": f"dune-1/s{n}", "kind": "not_read", "reason": "<no>"} for n in range(7)]
    with writing(site.engine) as connection:
        rule = t.gateway.c.id == "kubuqi-dune"
        connection.execute(update(t.gateway).where(rule).values(remarks=remarks))

    page = site.client.get("/").text

    assert "kubuqi-dune does not read dune-1/s4: &lt;no&gt;." in page
    assert "dune-1/s5" not in page
    assert '<a href="/api/v1/gateways">2 more</a>' in page


def test_a_certificate_that_soon_ends_is_told_beside_its_gateway(site):
    ends = [{"of": "broker", "ends": NOW + 5 * 24 * HOUR}, {"of": "authority", "ends": 2 * NOW}]
    before = site.client.get("/").text
    with writing(site.engine) as connection:
        rule = t.gateway.c.id == "kubuqi-dune"
        connection.execute(update(t.gateway).where(rule).values(status={"certificates": ends}))

    assert "certificate" not in before
    assert "The broker&#39;s certificate that kubuqi-dune depends on ends on 2026-11-25, in 5" in (
        site.client.get("/").text
    )
    gateways = {one["id"]: one["status"] for one in site.get("/api/v1/gateways")["items"]}
    assert gateways["kubuqi-dune"]["certificates"][0] == {
        "of": "broker",
        "ends": "2026-11-25T07:00:00.000Z",
    }


def test_raw_series_are_folded_away(site):
    html = site.client.get("/").text
    folded = re.findall(r"<details.*?</details>", html, re.DOTALL)

    assert len(folded) == 2
    assert "Raw series (3)" in folded[0]
    assert html.count("Soil water, raw") - html.count('data-property="Soil water, raw"') == 4
    assert sum(one.count("% vol") for one in folded) == 0


def test_what_a_gateway_wrote_is_text_and_never_markup(site):
    attack = "<script>alert(1)</script>"
    with writing(site.engine) as connection:
        connection.execute(update(t.thing).values(name=attack))
    alter_latest(site, "dune-1/mast/rain", value=None, quality=9, reason=attack + '"')

    html = site.client.get("/").text

    assert attack not in html
    assert "&lt;script&gt;alert(1)" in html


def test_without_stations_the_page_says_what_to_do(sqlite_engine):
    with served(sqlite_engine, {}) as empty:
        text = page(empty).text

    assert "No station has reported yet." in text
    assert "Start a gateway" in text


def test_a_site_whose_gateway_was_never_heard_says_so(site):
    with writing(site.engine) as connection:
        catalog = Catalog(connection)
        catalog.gateway("quiet", state="unknown", status_at=None)
        catalog.thing("quiet", catalog.site("ulan-buh", "Ulan Buh"), "edge-1", "Edge 1")

    assert "Gateway quiet is not heard yet." in page(site).text


def test_nothing_on_the_page_comes_from_elsewhere_or_stands_inline(site):
    """The content security policy would refuse it; better never to ask."""
    html = site.client.get("/").text
    for tag, attributes in Outline(html).elements:
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("src", "href"):
            assert attributes.get(name, "/").startswith("/"), attributes
    scripts = re.findall(r"<script[^>]*>(.*?)</script>", html, re.DOTALL)
    assert [one for one in scripts if one.strip()] == []
    for source in [*STATIC.glob("*.js"), *STATIC.glob("*.css")]:
        assert "http" not in source.read_text(encoding="utf-8").replace("http://www.w3.org", "")


def test_every_file_the_page_asks_for_is_there(site):
    for _, attributes in page(site).elements:
        for name in ("src", "href"):
            if attributes.get(name, "").startswith("/static"):
                assert site.client.get(attributes[name]).status_code == 200, attributes


def test_the_vendored_plot_library_keeps_its_licence():
    (folder,) = (STATIC / "vendor").iterdir()

    assert "MIT License" in (folder / "LICENSE").read_text(encoding="utf-8")
    assert folder.name.removeprefix("uplot-") in (folder / "uPlot.iife.min.js").read_text("utf-8")


def test_a_plot_is_told_in_the_unit_people_read(site):
    stream = site.ids["dune-1/soil-10cm/vwc"]
    history(site.engine, stream, NOW, hours=24, step_ms=600_000)

    plot = site.get(f"/plots/{stream}", hours=24)

    assert (plot["unit"], plot["digits"], plot["style"]) == ("% vol", 1, "line")
    assert (plot["since"], plot["until"]) == ((NOW - 24 * HOUR) / 1000, NOW / 1000)
    assert min(one for one in plot["value"] if one is not None) == pytest.approx(9, abs=0.1)
    assert plot["sentence"] == "126 readings, from 9.0 % vol to 15.0 % vol; 1 gap; 1 suspect."


def test_a_plot_covers_only_the_time_asked_for(site):
    stream = site.ids["dune-1/soil-10cm/vwc"]
    history(site.engine, stream, NOW, hours=48, step_ms=600_000)

    times = site.get(f"/plots/{stream}", hours=24)["time"]

    assert min(times) >= (NOW - 24 * HOUR) / 1000


def test_a_plot_of_nothing_says_so(site):
    plot = site.get(f"/plots/{site.ids['dune-1/mast/rain']}", hours=24)

    assert (plot["time"], plot["sentence"]) == ([], "No reading in this time.")


@pytest.mark.parametrize(
    ("name", "style"),
    [("rain", "bars"), ("wind_direction", "points"), ("air_temperature", "line")],
)
def test_a_sum_is_drawn_as_bars_and_a_direction_as_points(site, name, style):
    assert site.get(f"/plots/{site.ids[f'dune-1/mast/{name}']}")["style"] == style


def test_missing_values_are_counted_in_the_plots_sentence(site):
    rows = [
        {
            "time": NOW - HOUR + index,
            "value": value,
            "datastream_id": site.ids["dune-1/mast/rain"],
            "quality": 9 if value is None else 1,
        }
        for index, value in enumerate([1.0, None, None, 2.0])
    ]
    with writing(site.engine) as connection:
        connection.execute(insert(t.observation), rows)

    plot = site.get(f"/plots/{site.ids['dune-1/mast/rain']}")

    assert plot["sentence"] == "2 readings, 3.0 mm in all, at most 2.0 mm; 2 missing."
    assert plot["value"] == [1.0, None, 2.0]


def test_values_that_are_all_alike_are_told_once(site):
    rows = [
        {
            "time": NOW - HOUR + index,
            "value": 6.5,
            "datastream_id": site.ids["dune-1/mast/air_temperature"],
            "quality": 1,
        }
        for index in range(3)
    ]
    with writing(site.engine) as connection:
        connection.execute(insert(t.observation), rows)

    plot = site.get(f"/plots/{site.ids['dune-1/mast/air_temperature']}")

    assert plot["sentence"] == "3 readings, all 6.5 °C."


def test_an_unknown_datastream_has_no_plot(site):
    assert site.problem("/plots/4711")["status"] == 404
    assert site.problem("/plots/1", hours=0)["status"] == 422
