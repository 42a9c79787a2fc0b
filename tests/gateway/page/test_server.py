"""The page over HTTP: who may, what is bounded, what is told."""

import pytest

from gateway.errors import BusError
from gateway.page.routes import GIVES, TAKES
from gateway.page.server import PageServer
from tests.gateway.page.conftest import JPEG, PIN

POSITION = {"thing": "dune-1", "lat": 40.6, "lon": 108.9}


def test_the_page_brings_all_it_needs_itself(page_of):
    browser = page_of()
    status, page = browser.ask("/")

    assert status == 200
    assert b"<!doctype html>" in page
    for name in (b"page.css", b"page.js", b"scan.js"):
        assert name in page
        assert browser.ask(f"/{name.decode()}")[0] == 200
    assert b"http" not in page


def test_how_things_are(page_of):
    status, view = page_of().ask("/api/view")

    assert status == 200
    assert view["gateway"] == "kubuqi-dune"
    assert view["may_leave"] is False
    assert [one["about"] for one in view["steps"]] == [
        "sensors",
        "values",
        "clock",
        "position",
        "photo",
        "outbox",
        "server",
    ]
    assert view["buses"][0]["polls"] == 3


def test_what_is_entered_is_kept(page_of, place):
    browser = page_of()

    assert browser.ask("/api/position", POSITION)[0] == 200
    assert browser.ask("/api/photo", JPEG)[0] == 200
    status, record = browser.ask("/api/installation", {"by": "Bayar", "anyway": True})
    assert (status, record["by"]) == (200, "Bayar")
    assert place.visits.newest().photos == record["photos"]


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/api/position", {"thing": "dune-1", "lat": 91, "lon": 0}, "lat"),
        ("/api/position", {"thing": "dune-1"}, "lat"),
        ("/api/position", b"no json", "JSON"),
        ("/api/photo", b"no photo", "no photo"),
        ("/api/installation", {"by": ""}, "who you are"),
        ("/api/installation", {"by": "Bayar"}, "not ready"),
        ("/api/ask", {"sensors": ["dune-9/soil"]}, "no sensor"),
        ("/api/scan", {"port": "/dev/ttyUSB99"}, "no port"),
        ("/api/scan", {"port": "/dev/null"}, "interrupted"),
        ("/api/scan/add", {"thing": "dune-1", "toml": "x"}, "nothing to add"),
    ],
)
def test_what_cannot_be_is_told(page_of, path, body, words):
    status, told = page_of().ask(path, body)

    assert status == 422
    assert words in told["error"]


def test_a_photo_that_is_too_large_is_answered_not_cut_off(page_of, place):
    status, told = page_of().ask("/api/photo", JPEG + bytes(9_000_000))

    assert status == 413
    assert "8,000 kB" in told["error"]
    assert place.desk.view().photos == []


def test_a_sensor_is_asked_on_request(page_of, place):
    browser = page_of()

    assert browser.ask("/api/ask", {"sensors": ["dune-1/soil-10cm"]})[0] == 200
    assert place.bus.questions.waiting() == ["dune-1/soil-10cm"]
    assert browser.ask("/api/view")[1]["sensors"][0]["asking"] is True


def test_a_scan_is_begun_and_watched(page_of, place):
    browser = page_of()
    assert browser.ask("/api/scan?thing=dune-1")[1]["phase"] == "none"
    assert browser.ask("/api/scan", {"port": "/dev/null", "pause": True})[0] == 200

    told = browser.ask("/api/scan?thing=dune-1")[1]
    assert told["port"] == "/dev/null"
    assert browser.ask("/api/scan/stop", {})[0] == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8080", 200),
        ("localhost", 200),
        ("[::1]:80", 200),
        ("10.42.0.1", 200),
        ("gateway.local", 200),
        ("evil.example", 421),
    ],
)
def test_a_name_of_somebody_else_is_not_answered(page_of, host, status):
    assert page_of().ask("/api/view", Host=host)[0] == status


def test_the_pin_opens_for_the_one_who_has_it(page_of):
    browser, stranger = page_of(PIN), page_of(PIN)

    assert browser.ask("/api/view")[0] == 401
    assert browser.ask("/")[0] == 200  # the page itself has no secrets
    assert browser.ask("/api/pin", {"pin": "0000"})[0] == 403
    assert browser.ask("/api/pin", {"pin": PIN})[0] == 200
    assert browser.ask("/api/view")[0] == 200
    assert browser.ask("/api/position", POSITION)[0] == 200
    assert stranger.ask("/api/position", POSITION)[0] == 401


def test_nothing_is_told_to_or_taken_from_who_has_no_pin(page_of):
    stranger = page_of(PIN)

    assert {path: stranger.ask(path)[0] for path in GIVES} == dict.fromkeys(GIVES, 401)
    assert {path: stranger.ask(path, {})[0] for path in TAKES} == dict.fromkeys(TAKES, 401)


def test_nothing_is_taken_from_another_page(page_of):
    """A form elsewhere that posts here lacks the header that only our page sends."""
    browser, other = page_of(), {"X-Saxaul": ""}

    assert {path: browser.ask(path, {}, **other)[0] for path in TAKES} == dict.fromkeys(TAKES, 403)


def test_a_pin_cannot_be_tried_out(page_of):
    browser = page_of(PIN)
    told = [browser.ask("/api/pin", {"pin": f"000{tried}"})[0] for tried in range(5)]
    assert told == [403, 403, 403, 403, 429]

    status, told = browser.ask("/api/pin", {"pin": PIN})
    assert status == 429
    assert "wait" in told["error"]


def test_what_is_not_there_is_not_found(page_of):
    browser = page_of()

    assert browser.ask("/api/nothing")[0] == 404
    assert browser.ask("/../page.py")[0] == 404
    assert browser.ask("/api/nothing", {})[0] == 404


def test_a_page_whose_address_is_not_up_yet_keeps_no_reading_waiting(place):
    """The address of the gateway's own wireless network, before there is one."""
    server = PageServer("10.213.77.1", 0, place.desk, PIN)
    server.close()


def test_an_address_that_is_taken_is_told(place, page_of):
    with pytest.raises(BusError, match=r"page\.listen"):
        PageServer("127.0.0.1", page_of().port, place.desk, "")


def test_a_restart_is_taken_where_the_settings_can_be_used(page_of, place):
    browser, good = page_of(), place.settings.read_text()
    place.settings.write_text(good.replace("METER TEROS 12", "METER TEROS 13"))
    status, told = browser.ask("/api/restart", {})
    assert (status, place.restart.is_set()) == (422, False)
    assert "METER TEROS 13" in told["error"]
    place.settings.write_text(good)

    assert browser.ask("/api/restart", {})[0] == 200
    assert place.restart.is_set()
