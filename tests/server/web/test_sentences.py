"""What the page says in words."""

import pytest

from server.api.schemas import Certificate, Gateway, GatewayStatus, Remark
from server.completeness.shares import Share, Window
from server.web import sentences
from server.web.board import Board, Instrument, Reading, SiteBoard, State, Station
from server.web.display import display_for


def station(name, *states):
    readings = [Reading(None, display_for("mood", "1"), state) for state in states]
    return Station(1, name, [Instrument("s", "", "", readings)], [])


def board(*stations):
    return Board(0, [SiteBoard("north", "North", [], stations)])


GOOD = station("A", State.FINE)
QUIET = station("B", State.STALE)
NEVER = station("C", State.NEVER, State.NEVER)


@pytest.mark.parametrize(
    ("stations", "sentence"),
    [
        ([], "No station has reported yet"),
        ([GOOD], "1 station, reporting"),
        ([GOOD, GOOD], "2 stations, all reporting"),
        ([GOOD, QUIET], "2 stations; silent: B"),
        ([GOOD, QUIET, NEVER], "3 stations; silent: B and C"),
        ([GOOD, QUIET, QUIET, QUIET, NEVER], "5 stations; silent: B, B and 2 more"),
        ([QUIET], "1 station, silent"),
        ([QUIET, NEVER], "2 stations, all silent"),
    ],
)
def test_the_overview_counts_stations_and_names_the_silent(stations, sentence):
    assert sentences.overview(board(*stations)) == sentence


@pytest.mark.parametrize(
    ("states", "sentence"),
    [
        ([State.FINE], "1 value, fine"),
        ([State.FINE] * 3, "3 values, all fine"),
        ([State.FINE, State.MISSING, State.FINE], "3 values: 2 fine, 1 missing"),
        ([State.FINE, State.STALE, State.NEVER], "3 values: 1 fine, 1 stale, 1 no reading yet"),
        ([State.STALE, State.STALE], "Silent"),
        ([State.STALE, State.NEVER], "Silent"),
        ([State.NEVER], "No reading yet"),
    ],
)
def test_a_station_counts_its_values_by_state(states, sentence):
    assert sentences.station(station("A", *states)) == sentence


def test_a_gateway_that_rests_says_why_and_until_when():
    until = 1_795_158_000_000  # 2026-11-20T07:00:00Z
    status = {"resting": "outside the hours for sending", "rests_until": until}
    row = {"id": "g1", "state": "offline", "status_at": until - 3_600_000, "status": status}
    rest = {"inventory_rev": 1, "inventory_at": None, "first_seen_at": 0, "sites": []}

    said = sentences.gateway(Gateway.model_validate(row | rest), until - 60_000)

    assert said == "Gateway g1 rests until 07:00 UTC (outside the hours for sending)"


DAY = Window(0, 24 * 3_600_000)


@pytest.mark.parametrize(
    ("share", "sentence", "brief"),
    [
        (
            Share(144, 144, DAY),
            "All readings of the last 24 hours are here",
            "100\N{NO-BREAK SPACE}% of 24\N{NO-BREAK SPACE}h here",
        ),
        (
            Share(143, 144, DAY),
            "99\N{NO-BREAK SPACE}% of the readings of the last 24 hours are here",
            "99\N{NO-BREAK SPACE}% of 24\N{NO-BREAK SPACE}h here",
        ),
        (
            Share(1, 144, DAY),
            "Less than 1\N{NO-BREAK SPACE}% of the readings of the last 24 hours are here",
            "Less than 1\N{NO-BREAK SPACE}% of 24\N{NO-BREAK SPACE}h here",
        ),
        (
            Share(0, 6, Window(0, 3_600_000)),
            "No reading of the last 1 hour is here",
            "0\N{NO-BREAK SPACE}% of 1\N{NO-BREAK SPACE}h here",
        ),
    ],
)
def test_how_much_is_here_is_told_in_words(share, sentence, brief):
    assert (sentences.there(share), sentences.there_briefly(share)) == (sentence, brief)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("not_read", "g1 does not read a/b: so it is"),
        ("left_out", "Readings of a/b are kept in the journal, but not shown: so it is"),
        ("unknown", "a/b is stored as it comes: so it is"),
        ("noted", "a/b: so it is"),
    ],
)
def test_what_cannot_be_as_it_is_told_is_said(kind, sentence):
    assert sentences.remark(Remark(about="a/b", kind=kind, reason="so it is"), "g1") == sentence


@pytest.mark.parametrize(
    ("ends", "sentence"),
    [
        ([("broker", 31 * 86_400_000)], ""),
        ([], ""),
        (
            [("broker", 29.5 * 86_400_000), ("authority", 5.1 * 86_400_000)],
            (
                "The authority's certificate that g1 depends on ends on 1970-01-06, in 5 days: "
                "renew it"
            ),
        ),
        (
            [("broker", 86_400_000)],
            "The broker's certificate that g1 depends on ends on 1970-01-02, in 1 day: renew it",
        ),
        (
            [("broker", 1000)],
            (
                "The broker's certificate that g1 depends on ends on 1970-01-01, in less than a "
                "day: renew it"
            ),
        ),
        (
            [("broker", 0)],
            "The broker's certificate that g1 depends on ended on 1970-01-01: renew it",
        ),
    ],
)
def test_a_certificate_that_soon_ends_is_said(ends, sentence):
    told = [Certificate(of=of, ends=int(at)) for of, at in ends]
    gateway = Gateway(
        id="g1",
        state="online",
        status_at=0,
        status=GatewayStatus(certificates=told),
        inventory_rev=1,
        inventory_at=0,
        first_seen_at=0,
        sites=[],
    )

    assert sentences.certificate(gateway, 0) == sentence
