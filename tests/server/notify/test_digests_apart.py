"""Digests: two of one person at other hours of one day, and one with more than it can list."""

from types import SimpleNamespace

from sqlalchemy import select, update

from server.db.engine import writing
from server.db.notify_tables import subscription
from server.notify.digest import _message, queue_digests
from tests.server.alerts.timeline import HOUR_MS, START_MS
from tests.server.notify.test_telling_people import _add_wish
from tests.server.notify.village import DRY, PARCHED


def test_what_there_is_no_room_for_is_counted():
    rows = [SimpleNamespace(id=3, notice_id=number) for number in range(1, 58)]
    message = _message((1, "email", "7"), rows, START_MS)
    assert message["letter"] == {"digest": list(range(8, 58)), "unlisted": 7}


def test_each_is_sent_with_what_it_has_to_tell(village_on_sqlite):
    village = village_on_sqlite
    first = village.add("aygul@example.org", mode="daily", min_level=3)
    with village.engine.connect() as connection:
        of = subscription.c
        person = connection.execute(select(of.subscriber_id).where(of.id == first)).scalar_one()
    _add_wish(village, person, mode="daily")
    with writing(village.engine) as connection:
        late = START_MS - 14 * HOUR_MS - HOUR_MS // 2
        rows = update(subscription).where(of.id != first)
        connection.execute(rows.values(digest_at=late))
        connection.execute(
            update(subscription).where(of.id == first).values(digest_at=late - 2 * HOUR_MS)
        )
    village.measure(PARCHED)
    village.tell(after_ms=6 * HOUR_MS)
    assert queue_digests(village.engine, village.now_ms) == 1
    village.measure(DRY)
    village.tell(after_ms=HOUR_MS)
    assert queue_digests(village.engine, village.now_ms) == 1
