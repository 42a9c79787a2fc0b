"""/api/v1/series as a client sees it."""

import numpy as np
import pytest

from server.api.instants import parse
from server.api.series import assembly
from server.api.series.schemas import Series
from server.db.engine import writing
from server.db.tables import datastream, retention_horizon
from tests.server.api.factory import HOUR, MINUTE, NOW, fill, store
from tests.server.api.running import served
from wire.batch import MAX_TIME_MS

DAY = 24 * HOUR
VWC, RAIN = "dune-1/soil-10cm/vwc", "dune-1/mast/rain"
DIRECTION, OTHER = "dune-1/mast/wind_direction", "dune-1/soil-30cm/vwc"
START = NOW - 40 * DAY


@pytest.fixture
def site(engine):
    """Forty days of ten minutes, with a peak of one value and a hole of a day."""
    ids = fill(engine)
    with writing(engine) as connection:
        connection.execute(datastream.update().values(interval_s=600))
    times = np.arange(START, NOW, 10 * MINUTE)
    hole = (times >= START + 10 * DAY) & (times < START + 11 * DAY)
    for name, value in ((VWC, 0.2), (RAIN, 0.1), (DIRECTION, 350.0)):
        kept = times[~hole]
        values = np.full(len(kept), value)
        values[777] = 9.0 if name != DIRECTION else 10.0
        store(
            engine,
            ids[name],
            list(zip(kept.tolist(), values.tolist(), [1] * len(kept), strict=True)),
        )
    with served(engine, ids) as running:
        yield running


def ask(site, *names, **params):
    ids = [site.ids[name] for name in names]
    return site.get("/api/v1/series", datastream=ids, **{"from": START, "to": NOW} | params)


def test_the_answer_is_what_openapi_tells(site):
    answer = ask(site, VWC, DIRECTION, RAIN)

    instants = {"from": parse(answer["from"]), "to": parse(answer["to"])}
    instants["time"] = [parse(one) for one in answer["time"]]
    told = Series.model_validate(answer | instants, extra="forbid")
    assert {len(column) for one in told.series for column in (one.mean, one.n, one.n_good)} == {
        len(told.time)
    }
    assert set(answer) == set(Series.model_json_schema()["properties"])


@pytest.mark.parametrize("resolution", ["auto", "raw", "hour", "day"])
def test_a_peak_of_one_value_in_forty_days_is_the_highest(site, resolution):
    answer = ask(site, VWC, resolution=resolution, points=30)

    assert max(one for one in answer["series"][0]["max"] if one is not None) == 9.0
    assert sum(answer["series"][0]["n"]) == 39 * 144


def test_a_gap_is_a_bucket_in_which_there_is_nothing(site):
    answer = ask(site, VWC, resolution="hour")
    (gap,) = [n for n, mean in enumerate(answer["series"][0]["mean"]) if mean is None]

    assert answer["resolution"], answer["step_s"] == ("hour", 3600.0)
    assert answer["time"][gap] == "2026-10-21T07:00:00.000Z"
    assert answer["time"][gap + 1] == "2026-10-22T07:00:00.000Z"
    assert answer["series"][0]["n"][gap] == 0


def test_of_a_direction_the_mean_is_that_of_vectors_and_nothing_is_lowest(site):
    (series,) = ask(site, DIRECTION, resolution="day", points=10)["series"]

    assert all(mean is None or mean > 349 for mean in series["mean"])
    assert (series["min"], series["max"], series["sum"]) == (None, None, None)


def test_of_an_amount_there_is_the_sum(site):
    (series,) = ask(site, RAIN, resolution="day", points=10)["series"]

    assert sum(one for one in series["sum"] if one) == pytest.approx(39 * 144 * 0.1 + 8.9)


def test_series_stand_on_one_axis_and_are_null_where_they_have_nothing(site):
    store(site.engine, site.ids[OTHER], [(NOW - 90 * MINUTE, 0.3, 1)])

    answer = ask(site, VWC, OTHER, resolution="hour", **{"from": NOW - 3 * HOUR})

    one, other = answer["series"]
    assert one["mean"] == [pytest.approx(0.2)] * 3
    assert other["mean"] == [None, pytest.approx(0.3), None]


def test_completeness_is_the_share_of_what_should_have_come_until_now(site):
    """From a day before the hole: of 31 days that are over one is missing."""
    params = {"from": START + 9 * DAY, "to": NOW + 10 * DAY}
    (series,) = ask(site, VWC, resolution="hour", **params)["series"]

    assert (series["expected"], sum(series["n"])) == (31 * 144, 30 * 144)
    assert series["completeness"] == 0.9677


def test_few_observations_stand_as_they_are(site):
    answer = ask(site, VWC, **{"from": NOW - HOUR})

    assert (answer["resolution"], answer["step_s"]) == ("raw", None)
    assert answer["time"][:2] == ["2026-11-20T06:00:00.000Z", "2026-11-20T06:10:00.000Z"]
    assert answer["series"][0]["min"] == answer["series"][0]["mean"] == [0.2] * 6


def test_lttb_tells_values_that_were_measured_and_keeps_the_gap(site):
    answer = ask(site, VWC, resolution="raw", downsample="lttb", points=50)
    mean = answer["series"][0]["mean"]

    assert 40 < len(mean) <= 51
    assert mean.count(None) == 1
    assert set(mean) == {None, 0.2, 9.0}


def test_lttb_of_two_series_is_refused_with_the_remedy(site):
    problem = site.problem(
        "/api/v1/series", datastream=[site.ids[VWC], site.ids[RAIN]], downsample="lttb"
    )

    assert problem["status"] == 422
    assert "downsample=envelope" in problem["detail"]


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({}, 422),
        ({"datastream": 4711}, 404),
        ({"datastream": list(range(1, 52))}, 422),
        ({"datastream": 1, "from": NOW, "to": NOW}, 422),
        ({"datastream": 1, "points": 10_001}, 422),
        ({"datastream": 1, "resolution": "week"}, 422),
    ],
)
def test_a_wrong_question_is_a_problem(site, params, status):
    assert site.problem("/api/v1/series", **params)["status"] == status


def test_an_answer_that_the_client_has_is_not_sent_again(site):
    params = {"datastream": site.ids[VWC], "from": START, "to": NOW}
    tag = site.client.get("/api/v1/series", params=params).headers["etag"]
    has = {"If-None-Match": tag}

    again = site.client.get("/api/v1/series", params=params, headers=has)
    store(site.engine, site.ids[VWC], [(START + 10 * DAY, 0.5, 1)])
    changed = site.client.get("/api/v1/series", params=params, headers=has)

    assert (again.status_code, again.content) == (304, b"")
    assert changed.status_code == 200


def test_lttb_of_very_many_gaps_is_an_envelope_at_no_more_points(site):
    """Each stretch would keep its ends, and each gap be told."""
    lone = [(NOW - DAY + n * 4 * HOUR // 10, 0.3, 1 if n % 2 else 9) for n in range(60)]
    store(site.engine, site.ids[OTHER], lone)

    params = {"resolution": "raw", "downsample": "lttb", "from": NOW - DAY}
    few = ask(site, OTHER, points=10, **params)
    many = ask(site, OTHER, points=30, **params)

    assert (few["downsample"], len(few["time"]) <= 20) == ("envelope", True)
    assert (many["downsample"], len(many["time"])) == ("lttb", 60)


@pytest.mark.parametrize("resolution", ["auto", "raw", "hour", "day"])
def test_more_than_two_hundred_years_are_refused_before_anything_is_read(site, resolution):
    params = {"from": 0, "to": MAX_TIME_MS, "resolution": resolution}
    problem = site.problem("/api/v1/series", datastream=site.ids[VWC], **params)

    assert problem["status"] == 422
    assert "200 years: ask for a shorter range" in problem["detail"]


def test_the_last_two_hundred_years_are_answered(site):
    params = {"from": MAX_TIME_MS - 199 * 365 * DAY, "to": MAX_TIME_MS, "points": 10}

    assert ask(site, VWC, **params)["time"] == []


def test_more_hours_than_fit_into_memory_are_refused_with_the_remedy(site, monkeypatch):
    monkeypatch.setattr(assembly, "MOST_HOURS", 48)
    params = {"from": NOW - 25 * HOUR, "resolution": "hour", "to": NOW}
    one = site.ids[VWC]

    problem = site.problem("/api/v1/series", datastream=[one, site.ids[RAIN]], **params)

    assert problem["status"] == 422
    assert "resolution=day" in problem["detail"]
    assert len(site.get("/api/v1/series", datastream=one, **params)["time"]) == 25


def test_where_hours_are_too_many_days_are_told_unless_hours_are_asked_for(site, monkeypatch):
    monkeypatch.setattr(assembly, "MOST_HOURS", 48)
    with writing(site.engine) as connection:
        connection.execute(retention_horizon.insert(), {"level": "raw", "before": START + DAY})

    assert ask(site, VWC, points=2000)["resolution"] == "day"
