"""The newest values, fast: the same as the rows say, whatever the catalog has become."""

import pytest
from sqlalchemy import insert, update

from server.api import queries
from server.api.schemas import Latest, Paged
from server.db import tables as t
from server.db.engine import writing
from tests.server.api.factory import NOW, Catalog, fill, teros
from tests.server.api.running import served


@pytest.fixture
def site(engine):
    ids = fill(engine)
    with served(engine, ids) as running:
        yield running


def latest(site, **params):
    return site.get("/api/v1/latest", **params)["items"]


def test_each_is_told_as_its_row_says(site):
    """With a quality of several tests, a missing value, and a series that never reported."""
    name = "dune-1/soil-10cm/vwc"
    with writing(site.engine) as connection:
        rule = t.latest.c.datastream_id == site.ids[name]
        connection.execute(update(t.latest).where(rule).values(quality=3 | 16 | 32, value=-1e-9))
        rule = t.latest.c.datastream_id == site.ids["dune-1/mast/rain"]
        lost = {"quality": 9, "value": None, "reason": 'no "answer", €'}
        connection.execute(update(t.latest).where(rule).values(lost))
        catalog = Catalog(connection)
        catalog.things["dune-1"] = 1
        catalog.sensor("kubuqi-dune", "dune-1", teros(90), interval_s=60)
    answer = site.get("/api/v1/latest")

    with site.engine.connect() as connection:
        wanted = queries.latest(connection)
    assert answer["items"] == [row.model_dump(mode="json") for row in wanted]
    assert set(answer) == set(Paged[Latest].model_fields)
    assert len(wanted) == len(site.ids) + 4


@pytest.mark.parametrize(
    ("table", "values", "field"),
    [
        (t.thing, {"name": "Dune 1, renamed"}, "thing_name"),
        (t.site, {"key": "moved"}, "site"),
        (t.sensor, {"model": "other"}, "model"),
        (t.deployment, {"depth_m": 0.77}, "depth_m"),
        (t.observed_property, {"label": "Other"}, "label"),
        (t.datastream, {"interval_s": 3600.0}, "interval_s"),
    ],
)
def test_a_change_of_the_catalog_is_told_at_once(site, table, values, field):
    before = {row[field] for row in latest(site)}
    with writing(site.engine) as connection:
        connection.execute(update(table).values(values))

    after = {row[field] for row in latest(site)}

    assert after == set(values.values())
    assert after != before


def test_a_datastream_that_is_gone_is_not_told(site):
    count = len(latest(site))
    gone = site.ids["dune-1/sand/saltation_count"]
    with writing(site.engine) as connection:
        connection.execute(t.latest.delete().where(t.latest.c.datastream_id == gone))
        connection.execute(t.datastream.delete().where(t.datastream.c.id == gone))

    assert len(latest(site)) == count - 1


def test_following_next_reads_each_once(site):
    part = site.get("/api/v1/latest", limit=4)
    items = list(part["items"])
    while part["next"]:
        part = site.get(part["next"])
        items += part["items"]

    assert items == latest(site)


def test_what_is_unchanged_is_not_sent_again(site):
    first = site.client.get("/api/v1/latest")
    has = {"If-None-Match": first.headers["etag"]}
    again = site.client.get("/api/v1/latest", headers=has)
    with writing(site.engine) as connection:
        connection.execute(update(t.latest).values(time=NOW + 1))

    assert again.status_code == 304
    assert site.client.get("/api/v1/latest", headers=has).status_code == 200


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (t.latest, {"value": 1.5}),
        (t.latest, {"value": None}),
        (t.latest, {"quality": 3}),
        (t.latest, {"reason": "calm"}),
        (t.latest, {"received_at": NOW + 1}),
        (t.site, {"key": "moved"}),
        (t.thing, {"name": "Dune 1, renamed"}),
    ],
)
def test_whatever_changes_of_it_gets_another_tag(site, table, values):
    """The tag is made of what is told, not of the text."""
    tag = site.client.get("/api/v1/latest").headers["etag"]
    with writing(site.engine) as connection:
        connection.execute(update(table).values(values))

    answer = site.client.get("/api/v1/latest", headers={"If-None-Match": tag})

    assert (answer.status_code, answer.headers["etag"] != tag) == (200, True)


def test_parts_have_tags_of_their_own(site):
    parts = [{}, {"limit": 4}, {"limit": 5}, {"after": 3}, {"after": 3, "limit": 4}]

    tags = [site.client.get("/api/v1/latest", params=part).headers["etag"] for part in parts]

    assert len(set(tags)) == len(parts)


def test_a_site_without_datastreams_has_no_items(site):
    with writing(site.engine) as connection:
        connection.execute(insert(t.site).values(key="empty", name="Empty"))

    assert site.get("/api/v1/latest", site="empty") == {"items": [], "next": None}
