"""What the page says in words."""

import pytest

from server.api.schemas import Gateway
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
