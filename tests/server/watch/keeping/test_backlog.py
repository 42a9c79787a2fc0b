"""What a backlog costs: its hours are noted once between two rounds, and judged in the next."""

import numpy as np
import pytest
from sqlalchemy import event, select, update

from server.alerts.condition import Condition, Level, Severity, Side
from server.alerts.kinds import InputKind
from server.db.alert_tables import alert_watch
from server.watch.keeping import samples
from server.watch.keeping.hours import EVERY_S
from server.watch.keeping.samples import Asked, read_judged, read_many
from server.watch.keeping.work import catch_up
from server.watch.rows import Basis, Source
from tests.server.alerts.timeline import HOUR_MS, START_MS, Row
from tests.server.watch.field import GATEWAY, SERIES
from tests.server.watch.test_keeping import Site, at_h
from wire.quality import Flag, pack

NOW_MS = at_h(40)


def late_row(hour):
    return Row(at_h(hour), 20.0, pack(Flag.PASS))


@pytest.fixture
def site(engine):
    """Two stations whose watches by the hour have been judged up to now."""
    return _site(engine)


def _site(engine, things=("dune-1", "dune-2")):
    made = Site(engine)
    made.field.announce(things=things)
    made.say(NOW_MS)
    made.measure(NOW_MS, things=things)
    made.rounds.step(NOW_MS, 0.0)
    while made.rounds.step(NOW_MS, 0.0):
        pass
    return made


def marked(site):
    with site.engine.connect() as connection:
        query = select(alert_watch.c.id).where(alert_watch.c.refold_from.is_not(None))
        return connection.execute(query.order_by(alert_watch.c.id)).scalars().all()


def take(site, row):
    """Take a row in; gives the statements about watches, but for what tells that none changed."""
    found = []

    def note(_connection, _cursor, statement, *_more):
        if "alert_" in statement:
            found.append(statement)

    event.listen(site.engine, "before_cursor_execute", note)
    site.field.take(site.field.batch([row], NOW_MS), now_ms=NOW_MS)
    event.remove(site.engine, "before_cursor_execute", note)
    return found


def test_a_backlog_is_noted_once_and_judged_in_the_next_round(site):
    """Late data may correct the record within tens of seconds: `EVERY_S`, and not at each batch."""
    take(site, late_row(1))
    noted = marked(site)
    site.rounds.step(NOW_MS, 1.0)
    kept = marked(site)
    take(site, late_row(2))  # what was noted is read
    more = take(site, late_row(3))
    site.rounds.step(NOW_MS, EVERY_S)

    assert noted
    assert kept == noted
    assert more == []
    assert marked(site) == []


def test_what_is_noted_anew_meanwhile_holds_nobody_up(sqlite_engine):
    """Beyond those of one transaction there are others: they come next, whatever was noted."""
    things = [f"dune-{number}" for number in range(1, 23)]
    site = _site(sqlite_engine, things)
    again = update(alert_watch).where(alert_watch.c.folded_until.is_not(None))
    mark = again.values(refold_from=START_MS)
    with site.engine.begin() as connection:
        connection.execute(mark)
    due = marked(site)
    after = catch_up(site.engine, GATEWAY, NOW_MS)
    with site.engine.begin() as connection:
        connection.execute(mark)

    assert catch_up(site.engine, GATEWAY, NOW_MS, after=after) is None
    assert marked(site) == [one for one in due if one <= after]


# ---------------------------------------------------------------- reading for many


def by_the_hour(kind, *ids, window_h=6):
    levels = (Level(Severity.WARNING, 0.5, 0.4),)
    condition = Condition(Side.ABOVE, levels, HOUR_MS, 3 * HOUR_MS)
    sources = tuple(Source(one, depth_m=0.1 * one) for one in ids)
    return Basis(condition, 0, "1", kind, window_h * HOUR_MS, sources=sources)


@pytest.mark.parametrize("portion", [samples._PORTION, 10])
def test_what_is_read_for_many_is_what_each_would_read(engine, monkeypatch, portion):
    """At once, and in portions where that would be much."""
    site = _site(engine)
    for name in ("dune-1", "dune-2"):
        rows = [Row(at_h(hour), hour * 0.5, pack(Flag.PASS)) for hour in range(1, 30)]
        site.field.take(
            site.field.batch(rows, NOW_MS, f"{name}/air/air_temperature"), now_ms=NOW_MS
        )
    first, second = (site.field.datastream_id(one) for one in (SERIES, SERIES.replace("1", "2", 1)))
    asked = [
        Asked(None, by_the_hour(InputKind.MEAN, first), at_h(3)),
        Asked(first, by_the_hour(InputKind.SAMPLE), at_h(20)),
        Asked(None, by_the_hour(InputKind.SUM, second, window_h=12), at_h(10)),
        Asked(None, by_the_hour(InputKind.ROOT_ZONE_MEAN, first, second), at_h(0)),
        Asked(second, by_the_hour(InputKind.SAMPLE), at_h(5)),
    ]
    monkeypatch.setattr(samples, "_PORTION", portion)
    with engine.connect() as connection:
        each = [read_judged(connection, *_alone(one), NOW_MS) for one in asked]
        together = read_many(connection, asked, NOW_MS)

    for one, other in zip(together, each, strict=True):
        assert one.until_ms == other.until_ms
        assert len(one.samples.time_ms)
        for name in ("time_ms", "value", "good"):
            np.testing.assert_array_equal(getattr(one.samples, name), getattr(other.samples, name))


def _alone(asked):
    return asked.datastream_id, asked.basis, asked.from_ms
