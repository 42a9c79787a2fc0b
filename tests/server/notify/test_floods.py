"""Many changes of one kind at one site, as when frost comes to two hundred stations."""

from sqlalchemy import insert, select

from server.db.engine import writing
from server.db.notify_tables import message
from tests.server.alerts.timeline import HOUR_MS
from tests.server.notify.village import DRY


def test_more_than_go_together_wait_for_the_morning_and_go_then(village):
    """More than a hundred are told by more than one message; none holds the sender for ever."""
    village.add("sleeps@example.org", {"quiet_from": 22 * 60, "quiet_until": 6 * 60})
    village.measure(DRY)
    village.tell()
    flood(village, 149)

    village.tell()
    asleep = list(village.mails.mails)
    waiting = {one.next_at for one in village.messages()}
    village.tell(after_ms=6 * HOUR_MS)
    village.tell(after_ms=HOUR_MS)

    assert asleep == []
    assert waiting == {village.now_ms - 2 * HOUR_MS}
    assert len(village.mails.mails) == 2
    assert set(village.states()) == {"sent"}


def flood(village, more):
    """Queue as many further messages of the group; all are about the one watch there is."""
    with writing(village.engine) as connection:
        first = connection.execute(select(message)).one()._asdict()
        del first["id"]
        rows = [{**first, "key": f"further:{at}", "next_at": village.now_ms} for at in range(more)]
        connection.execute(insert(message), rows)
