"""From a sample to a mail: one a transition and person, in their language, and none that lies."""

from sqlalchemy import func, insert, select, update

from server.db.alert_tables import alert_notice, alert_watch
from server.db.engine import writing
from server.db.notify_tables import subscriber, subscription
from server.notify.digest import queue_digests
from server.notify.expansion import TURN_MS, escalate
from server.notify.links import Grant, Purpose
from server.notify.snoozing import snooze
from server.watch.acting import acknowledge
from tests.server.alerts.timeline import HOUR_MS, START_MS, Row
from tests.server.notify.mailbox import text_of
from tests.server.notify.village import DRY, MINUTE_MS, PARCHED, WET
from wire.quality import Flag, pack


def test_dry_soil_is_told_once_and_its_end_once(village):
    village.add("aygul@example.org")
    village.measure(DRY)
    village.tell()
    village.tell()
    (mail,) = village.mails.mails
    assert mail["To"] == "aygul@example.org"
    assert mail["Subject"].startswith("Dry soil")

    village.measure(WET)
    village.tell()
    village.tell()

    assert len(village.mails.mails) == 2
    assert village.states() == ["sent", "sent"]


def test_what_became_of_a_warning_stands_below_it_and_the_next_one_begins_anew(village):
    """RFC 5322, 3.6.4: mailboxes put together what refers to each other."""
    village.add("aygul@example.org")
    for value in (DRY, PARCHED, WET, DRY):
        village.measure(value)
        village.tell()

    dry, worse, over, again = village.mails.mails
    assert (dry["In-Reply-To"], dry["References"]) == (None, None)
    assert worse["In-Reply-To"] == dry["Message-ID"]
    assert over["In-Reply-To"] == worse["Message-ID"]
    assert over["References"] == f"{dry['Message-ID']} {worse['Message-ID']}"
    assert again["References"] is None
    assert "/alerts/1?language=en" in text_of(over)


def test_everybody_is_told_in_their_language(village):
    for code in ("en", "zh", "mn", "ru", "fr", "ar"):
        village.add(f"{code}@example.org", {"language": code})
    village.measure(DRY)

    village.tell()

    said = {mail["To"]: (mail["Content-Language"], mail["Subject"]) for mail in village.mails.mails}
    assert {one: language for one, (language, _) in said.items()} == {
        f"{code}@example.org": code for code in ("en", "zh", "mn", "ru", "fr", "ar")
    }
    assert len({subject for _, subject in said.values()}) == 6


def test_who_has_two_subscriptions_that_match_is_told_once(village):
    first = village.add("aygul@example.org")
    person = next(one.subscriber_id for one in _wishes(village) if one.id == first)
    _add_wish(village, person, kind="dry_soil")
    village.measure(DRY)

    village.tell()

    assert len(village.mails.mails) == 1


def test_what_has_passed_before_it_could_be_sent_is_not_told(village):
    village.add("aygul@example.org")
    village.mails.stop()
    village.measure(DRY)
    assert "cannot be used" in village.tell().error
    village.measure(WET)
    village.mails.start()

    village.tell(after_ms=MINUTE_MS)

    assert village.mails.mails == []
    assert village.states() == ["withdrawn", "withdrawn"]


def test_a_mail_server_that_was_away_gets_the_mail_when_it_is_back(village):
    village.add("aygul@example.org")
    village.mails.stop()
    village.measure(DRY)
    sender = village.tell()
    assert "check notify.smtp_host" in sender.error
    assert village.states() == ["queued"]
    village.mails.start()

    village.tell(after_ms=MINUTE_MS)

    assert len(village.mails.mails) == 1


def test_worse_soon_after_is_held_and_told_when_the_window_ends(village):
    village.add("aygul@example.org")
    village.measure(DRY)
    village.tell()
    village.measure(PARCHED, after_ms=MINUTE_MS)
    village.tell()
    assert len(village.mails.mails) == 1

    village.tell(after_ms=9 * MINUTE_MS)

    assert len(village.mails.mails) == 2
    assert "worse" in text_of(village.mails.mails[1]).lower()


def test_quiet_hours_hold_it_and_what_passed_in_the_night_is_not_told(village):
    """The village's clock begins at midnight UTC."""
    night = {"quiet_from": 22 * 60, "quiet_until": 6 * 60}
    village.add("sleeps@example.org", night)
    village.add("wakes@example.org", {**night, "wake_for_critical": True})
    village.measure(PARCHED)
    village.tell()
    assert [mail["To"] for mail in village.mails.mails] == ["wakes@example.org"]
    village.measure(WET)
    village.tell()

    village.tell(after_ms=5 * HOUR_MS)

    assert [mail["To"] for mail in village.mails.mails] == ["wakes@example.org"] * 2


def test_what_is_still_so_in_the_morning_is_told_then(village):
    village.add("sleeps@example.org", {"quiet_from": 22 * 60, "quiet_until": 6 * 60})
    village.measure(DRY)
    village.tell()
    assert village.mails.mails == []

    village.tell(after_ms=6 * HOUR_MS)

    assert len(village.mails.mails) == 1


def test_what_is_too_much_for_a_day_comes_with_the_next_morning(village):
    village.add("aygul@example.org", {"limit_per_day": 1})
    village.measure(DRY)
    village.tell()
    village.measure(WET)
    village.tell()
    assert village.states() == ["sent", "digest"]

    village.now_ms += 31 * HOUR_MS
    assert queue_digests(village.engine, village.now_ms) == 1
    assert queue_digests(village.engine, village.now_ms) == 0
    village.tell()

    assert len(village.mails.mails) == 2
    assert village.mails.mails[1]["Subject"].startswith("Summary")


def test_a_digest_tells_how_it_stands_and_only_those_who_want_it(village):
    village.add("daily@example.org", mode="daily")
    village.add("weekly@example.org", mode="weekly")
    village.add("now@example.org")
    village.measure(DRY)
    village.tell()
    assert [mail["To"] for mail in village.mails.mails] == ["now@example.org"]

    village.now_ms += 30 * HOUR_MS
    assert queue_digests(village.engine, village.now_ms) == 2
    village.tell()

    # 1 June 2026 is a Monday: both mornings have come by the second.
    told = {mail["To"] for mail in village.mails.mails[1:]}
    assert told == {"daily@example.org", "weekly@example.org"}
    village.now_ms += 24 * HOUR_MS
    assert queue_digests(village.engine, village.now_ms) == 0


def test_a_backlog_is_told_in_a_digest_and_not_at_once(village):
    village.add("aygul@example.org")
    village.now_ms += 3 * 24 * HOUR_MS
    village.watch.arrive([Row(START_MS + HOUR_MS, DRY, pack(Flag.PASS))], village.now_ms)
    village.tell()
    assert village.mails.mails == []
    assert _count(village, alert_notice) == 1

    village.now_ms += 24 * HOUR_MS
    assert queue_digests(village.engine, village.now_ms) == 1


def test_the_next_in_turn_is_told_when_nobody_acknowledges(village):
    village.add("first@example.org")
    village.add("second@example.org", turn=1)
    village.measure(DRY)
    village.tell()
    assert escalate(village.engine, village.now_ms + TURN_MS - 1) == 0

    village.now_ms += TURN_MS
    assert escalate(village.engine, village.now_ms) == 1
    assert escalate(village.engine, village.now_ms) == 0
    village.tell()
    assert [mail["To"] for mail in village.mails.mails] == [
        "first@example.org",
        "second@example.org",
    ]
    assert "acknowledged" in text_of(village.mails.mails[1])

    village.measure(WET)
    village.tell()
    assert len(village.mails.mails) == 4  # who was told that it began hears that it is over


def test_nobody_else_is_troubled_when_somebody_sees_to_it(village):
    village.add("first@example.org")
    village.add("second@example.org", turn=1)
    village.measure(DRY)
    village.tell()
    with village.engine.connect() as connection:
        watch_id = connection.execute(select(alert_watch.c.id)).scalar_one()
    assert acknowledge(village.engine, watch_id, "Aygul", village.now_ms)

    assert escalate(village.engine, village.now_ms + TURN_MS) == 0
    village.measure(WET)
    village.tell()
    assert [mail["To"] for mail in village.mails.mails] == ["first@example.org"] * 2


def test_who_snoozes_is_reminded_a_day_later_if_it_still_holds(village):
    wish = village.add("aygul@example.org")
    village.measure(DRY)
    village.tell()
    (person,) = {one.subscriber_id for one in _wishes(village)}
    with village.engine.connect() as connection:
        watch_id = connection.execute(select(alert_watch.c.id)).scalar_one()
    grant = Grant(Purpose.SNOOZE, person, wish, watch_id)
    with writing(village.engine) as connection:
        assert snooze(connection, grant, village.now_ms)
        assert snooze(connection, grant, village.now_ms)
    village.tell(after_ms=23 * HOUR_MS)
    assert len(village.mails.mails) == 1

    village.tell(after_ms=2 * HOUR_MS)

    assert len(village.mails.mails) == 2
    assert "still" in text_of(village.mails.mails[1]).lower()
    village.measure(WET)
    village.tell()
    assert len(village.mails.mails) == 3


def test_only_what_was_asked_for_is_told(village):
    with writing(village.engine) as connection:
        site = connection.execute(select(alert_watch.c.site_id)).scalar_one()
    village.add("here@example.org", site_id=site, kind="dry_soil")
    village.add("frost@example.org", kind="frost")
    village.add("critical@example.org", min_level=3)
    village.add("unconfirmed@example.org", confirmed_at=None)
    village.add("ended@example.org", ended_at=0)
    village.add("bounced@example.org", bounced_at=0)
    village.add("paused@example.org", {"paused_until": village.now_ms * 2})
    village.measure(DRY)

    village.tell()

    assert [mail["To"] for mail in village.mails.mails] == ["here@example.org"]
    assert village.states() == ["sent"]


def test_who_pauses_or_leaves_while_it_waits_is_not_told(village):
    village.add("pauses@example.org")
    village.add("leaves@example.org")
    village.mails.stop()
    village.measure(DRY)
    village.tell()
    with writing(village.engine) as connection:
        of = subscription.c
        leaving = update(subscription).where(of.address == "leaves@example.org")
        connection.execute(leaving.values(ended_at=village.now_ms))
        connection.execute(update(subscriber).values(paused_until=village.now_ms * 2))
    village.mails.start()

    village.tell(after_ms=MINUTE_MS)

    assert village.mails.mails == []
    assert village.states() == ["withdrawn", "withdrawn"]


def _count(village, table):
    with village.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def _wishes(village):
    with village.engine.connect() as connection:
        return connection.execute(select(subscription)).all()


def _add_wish(village, person, **values):
    row = {"channel": "email", "address": "aygul@example.org", "created_at": 0, "confirmed_at": 0}
    with writing(village.engine) as connection:
        connection.execute(insert(subscription).values(**row, subscriber_id=person, **values))
