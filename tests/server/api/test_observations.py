"""A datastream's observations over a range: JSON columns, CSV, and how to read on."""

import csv
import io

import pytest

from server.store.reading.bounded import TooSlowError
from tests.server.api.factory import MINUTE, NOW

SERIES = "dune-1/soil-10cm/vwc"
START = NOW - 10 * MINUTE


@pytest.fixture
def read(api):
    def ask(**params):
        return api.get("/api/v1/observations", datastream=api.ids[SERIES], **params)

    return ask


def test_columns_are_in_time_order_and_a_missing_value_is_null_with_its_reason(read):
    found = read(**{"from": START, "limit": 7})

    assert found["name"] == SERIES
    assert found["unit"] == "m3/m3"
    assert found["time"][:2] == ["2026-11-20T06:50:00.000Z", "2026-11-20T06:51:00.000Z"]
    assert found["value"] == [0.10, 0.11, 0.12, None, 0.14, 0.15, 0.16]
    assert found["quality"] == [1, 1, 1, 9, 1, 19, 1]
    assert found["reason"] == [{"index": 3, "reason": "timeout"}]


def test_the_range_includes_from_and_leaves_to_out(read):
    found = read(**{"from": START + MINUTE, "to": START + 3 * MINUTE})

    assert found["value"] == [0.11, 0.12]
    assert found["next"] is None


def test_reasons_keep_to_their_values_when_the_range_begins_later(read):
    found = read(**{"from": START + 3 * MINUTE, "to": START + 5 * MINUTE})

    assert found["value"] == [None, 0.14]
    assert found["reason"] == [{"index": 0, "reason": "timeout"}]


def test_without_from_the_last_day_is_told(read):
    assert len(read()["time"]) == 10
    assert len(read(to=NOW - 24 * 60 * MINUTE)["time"]) == 1


@pytest.mark.parametrize(
    "instant",
    [
        "2026-11-20T06:59:00Z",
        "2026-11-20T14:59:00+08:00",
        "2026-11-20T14:59:00 08:00",
        NOW - MINUTE,
    ],
)
def test_an_instant_may_be_written_with_any_zone_or_in_milliseconds(read, instant):
    assert read(**{"from": instant})["value"] == [0.19]


def test_a_plus_sign_that_was_not_escaped_is_understood(api):
    address = f"/api/v1/observations?datastream={api.ids[SERIES]}&from=2026-11-20T14:59:00+08:00"

    assert api.get(address)["value"] == [0.19]


def test_following_next_reads_everything_once(api, read):
    part = read(**{"from": START, "limit": 4})
    values = list(part["value"])
    while part["next"]:
        part = api.get(part["next"])
        values += part["value"]

    assert values == read(**{"from": START})["value"]
    assert len(values) == 10


def test_a_range_that_just_fits_the_limit_has_no_next(read):
    assert read(**{"from": START, "limit": 10})["next"] is None


def test_a_range_without_observations_is_empty_not_an_error(read):
    found = read(**{"from": NOW})

    assert (found["time"], found["value"], found["reason"], found["next"]) == ([], [], [], None)


def test_csv_says_the_same_line_by_line(api):
    answer = api.client.get(
        "/api/v1/observations",
        params={"datastream": api.ids[SERIES], "from": START, "limit": 6, "format": "csv"},
    )

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == (
        'attachment; filename="dune-1_soil-10cm_vwc.csv"'
    )
    assert answer.text == (
        "time,value,unit,quality,flag,reason\r\n"
        "2026-11-20T06:50:00.000Z,0.1,m3/m3,1,pass,\r\n"
        "2026-11-20T06:51:00.000Z,0.11,m3/m3,1,pass,\r\n"
        "2026-11-20T06:52:00.000Z,0.12,m3/m3,1,pass,\r\n"
        "2026-11-20T06:53:00.000Z,,m3/m3,9,missing,timeout\r\n"
        "2026-11-20T06:54:00.000Z,0.14,m3/m3,1,pass,\r\n"
        "2026-11-20T06:55:00.000Z,0.15,m3/m3,19,suspect,\r\n"
    )


def test_csv_names_what_follows_in_the_link_header(api):
    params = {"datastream": api.ids[SERIES], "from": START, "limit": 8, "format": "csv"}
    answer = api.client.get("/api/v1/observations", params=params)
    rest = api.client.get(answer.links["next"]["url"])

    assert len(answer.text.splitlines()) == 9
    assert [line.split(",")[1] for line in rest.text.splitlines()] == ["value", "0.18", "0.19"]
    assert "link" not in rest.headers


def test_a_reason_in_csv_is_quoted_and_is_no_formula(api):
    """A reason is what a gateway said: a spreadsheet must not calculate it."""
    params = {"datastream": api.ids["dune-1/soil-10cm/soil_ec"], "format": "csv"}
    text = api.client.get("/api/v1/observations", params=params).text

    assert list(csv.reader(io.StringIO(text)))[1][5] == '\'=1+1, "quoted"'


@pytest.mark.parametrize(
    ("params", "parameter", "words"),
    [
        ({"from": "2026-11-20T06:00:00"}, "query.from", "names no time zone"),
        ({"to": "tomorrow"}, "query.to", "is not an instant"),
        ({"limit": 0}, "query.limit", "greater than or equal to 1"),
        ({"format": "xml"}, "query.format", "'json', 'csv', 'arrow' or 'parquet'"),
        ({"limit": 200_001}, "query", "ask for format=csv"),
    ],
)
def test_a_wrong_parameter_is_named_with_the_remedy(api, params, parameter, words):
    problem = api.problem("/api/v1/observations", datastream=1, **params)

    assert problem["status"] == 422
    assert problem["errors"][0]["parameter"] == parameter
    assert words in problem["errors"][0]["detail"]


def test_an_end_before_its_start_is_refused(api):
    problem = api.problem("/api/v1/observations", datastream=1, **{"from": NOW, "to": NOW - 1})

    assert problem["status"] == 422
    assert "lies before" in problem["detail"]


def test_an_unknown_datastream_is_not_found(api):
    assert api.problem("/api/v1/observations", datastream=4711)["status"] == 404


@pytest.fixture
def in_parts(monkeypatch):
    """Whatever is longer than three rows is read and sent in parts."""
    monkeypatch.setattr("server.api.columns.PART_ROWS", 3)


@pytest.mark.parametrize("limit", [3, 7, 9, 10, 11])
def test_json_in_parts_says_the_same(read, in_parts, limit):
    found = read(**{"from": START, "limit": limit})

    values = [0.10, 0.11, 0.12, None, 0.14, 0.15, 0.16, 0.17, 0.18, 0.19]
    assert found["value"] == values[:limit]
    assert len(found["time"]) == len(found["quality"]) == min(limit, 10)
    assert found["reason"] == ([{"index": 3, "reason": "timeout"}] if limit > 3 else [])
    assert (found["next"] is None) is (limit >= 10)


def test_csv_in_parts_says_the_same(api, in_parts):
    params = {"datastream": api.ids[SERIES], "from": START, "limit": 8, "format": "csv"}
    answer = api.client.get("/api/v1/observations", params=params)
    rest = api.client.get(answer.links["next"]["url"])

    values = [line.split(",")[1] for line in answer.text.splitlines()]
    assert values == ["value", "0.1", "0.11", "0.12", "", "0.14", "0.15", "0.16", "0.17"]
    assert [line.split(",")[1] for line in rest.text.splitlines()] == ["value", "0.18", "0.19"]


def test_what_takes_too_long_is_a_problem_with_the_remedy(api, monkeypatch):
    def slow(*_):
        raise TooSlowError("Reading this takes longer: ask for a shorter range.")

    monkeypatch.setattr("server.api.columns.Source.begin", slow)
    problem = api.problem("/api/v1/observations", datastream=1)

    assert (problem["status"], problem["detail"]) == (
        503,
        "Reading this takes longer: ask for a shorter range.",
    )
