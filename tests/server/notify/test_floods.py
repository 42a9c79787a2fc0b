"""Many changes of one kind at one site, as when frost comes to two hundred stations."""

from collections import Counter

from sqlalchemy import insert, select

from server.db.alert_tables import alert_notice
from server.db.engine import writing
from server.db.notify_tables import message
from server.notify.expansion import MOST_A_DAY
from tests.server.alerts.timeline import HOUR_MS
from tests.server.notify.village import DRY

DAY_MS = 24 * HOUR_MS


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


def test_a_watch_that_changes_all_day_is_left_to_the_digest_after_its_share(village_on_sqlite):
    """Rows are bounded as well, however many people there are: a gateway may lie."""
    village = village_on_sqlite
    for number in range(3):
        village.add(f"person-{number}@example.org")
    village.measure(DRY)
    repeat(village, MOST_A_DAY + 300)
    village.expand()

    assert len(village.messages()) == 3 * MOST_A_DAY
    assert modes(village) == {"immediate": MOST_A_DAY, "digest": 301}
    repeat(village, 1, "tomorrow", at_ms=village.now_ms + DAY_MS + 1)
    village.now_ms += DAY_MS + 1
    village.expand()
    assert len(village.messages()) == 3 * (MOST_A_DAY + 1)


def repeat(village, times, name="again", at_ms=None):
    """Write the notice that there is so many times more."""
    with writing(village.engine) as connection:
        first = connection.execute(select(alert_notice).order_by(alert_notice.c.id)).first()
        row = {**first._asdict(), "created_at": at_ms or village.now_ms, "expanded_at": None}
        del row["id"]
        rows = [{**row, "mode": "immediate", "key": f"{name}:{n}"} for n in range(times)]
        connection.execute(insert(alert_notice), rows)


def modes(village):
    with village.engine.connect() as connection:
        return Counter(connection.execute(select(alert_notice.c.mode)).scalars())


def flood(village, more):
    """Queue as many further messages of the group; all are about the one watch there is."""
    with writing(village.engine) as connection:
        first = connection.execute(select(message)).one()._asdict()
        del first["id"]
        rows = [{**first, "key": f"further:{at}", "next_at": village.now_ms} for at in range(more)]
        connection.execute(insert(message), rows)
