"""What a long plot draws and says: buckets with lowest and highest, gaps, and how complete it is."""

import numpy as np
import pytest

from server.db.engine import writing
from server.db.tables import datastream, retention_horizon
from tests.server.api.factory import HOUR, MINUTE, NOW, store

DAY = 24 * HOUR
YEAR_H = 365 * 24
VWC, RAIN, WIND = "dune-1/soil-10cm/vwc", "dune-1/mast/rain", "dune-1/mast/wind_direction"


@pytest.fixture
def year(site):
    """A year of thirty minutes of three series: one peak, a hole of ten days, ten that failed."""
    with writing(site.engine) as connection:
        connection.execute(datastream.update().values(interval_s=60))
    times = np.arange(NOW - 365 * DAY, NOW, 30 * MINUTE)
    times = times[(times < NOW - 100 * DAY) | (times >= NOW - 90 * DAY)]
    for name, value in ((VWC, 0.1), (RAIN, 0.2), (WIND, 355.0)):
        values = np.full(len(times), value)
        values[1000] = 0.4 if name == VWC else value
        quality = [4 if 20 <= n < 30 else 1 for n in range(len(times))]
        store(site.engine, site.ids[name], list(zip(times.tolist(), values.tolist(), quality)))  # noqa: B905
    return site


def plot(site, name, hours=YEAR_H):
    return site.get(f"/plots/{site.ids[name]}", hours=hours)


def present(column):
    return [one for one in column if one is not None]


def test_a_year_is_drawn_with_lowest_and_highest_and_no_peak_is_lost(year):
    found = plot(year, VWC)

    assert len(found["time"]) <= 367
    assert max(present(found["high"])) == pytest.approx(40)
    assert min(present(found["low"])) == pytest.approx(10)
    assert max(present(found["value"])) < 40
    assert found["value"].count(None) == 1
    assert [found["low"][n] for n, one in enumerate(found["value"]) if one is None] == [None]


def test_its_sentence_says_what_is_seen_and_how_complete_it_is(year):
    assert plot(year, VWC)["sentence"] == (
        "17,040 readings by the day, from 10.0 % vol to 40.0 % vol; 1 gap; 10 failed; "
        "3.2% complete."
    )


def test_of_amounts_each_bar_is_the_sum_of_its_bucket(year):
    found = plot(year, RAIN)

    assert (found["style"], found["low"]) == ("bars", None)
    assert sum(present(found["value"])) == pytest.approx(0.2 * 17_030)
    assert "3406.0 mm in all, at most 9.6 mm" in found["sentence"]


def test_of_directions_there_is_no_band(year):
    found = plot(year, WIND)

    assert (found["style"], found["low"], found["high"]) == ("points", None, None)
    assert present(found["value"]) == pytest.approx([355.0] * len(present(found["value"])))


def test_a_day_is_drawn_from_its_observations(year):
    found = plot(year, VWC, hours=24)

    assert (found["low"], len(present(found["value"]))) == (None, 48)


def test_nothing_in_a_year_says_so(site):
    assert plot(site, VWC)["sentence"] == "No reading in this time."


@pytest.mark.parametrize(("level", "by"), [("raw", "hour"), ("hour", "day")])
def test_where_observations_are_gone_hours_are_drawn_and_where_they_are_gone_days(year, level, by):
    rows = [{"level": one, "before": NOW - 12 * HOUR} for one in {"raw", level}]
    with writing(year.engine) as connection:
        connection.execute(retention_horizon.insert(), rows)

    assert f" by the {by}," in plot(year, VWC, hours=24)["sentence"]
