"""Subscribing, confirming, pausing and leaving; nobody is told before having agreed."""

import re

import pytest
from sqlalchemy import select, update

from server.db.engine import writing
from server.db.notify_tables import consent_event, message, subscriber, subscription
from server.notify import people
from server.notify.links import Grant, Purpose, read_token, token_of
from server.notify.listing import check_list, read_list
from server.notify.reading import read_person, read_wish
from server.notify.wishes import Wish
from tests.server.notify.mailbox import text_of
from tests.server.notify.village import DRY, WET
from wire.errors import ConfigError

DAY_MS = 86_400_000
AYGUL = Wish(address="aygul@example.org", language="fr")


def ask(village, wish=AYGUL):
    with writing(village.engine) as connection:
        return people.ask(connection, wish, village.now_ms)


def grant_in(village, mail, purpose):
    """Follow the link of a mail, as a person does."""
    (token,) = set(re.findall(rf"/a/({purpose.value}[\w.-]+)", text_of(mail)))
    with village.engine.connect() as connection:
        grant = read_token(connection, token)
    assert grant is not None
    assert grant.purpose is purpose
    return grant


def told(village):
    return [mail["To"] for mail in village.mails.mails]


def events(village):
    with village.engine.connect() as connection:
        query = select(consent_event.c.what).order_by(consent_event.c.id)
        return list(connection.execute(query).scalars())


def test_who_asks_is_told_after_confirming_by_a_link_in_the_mail(village):
    ask(village)
    village.measure(DRY)
    village.tell()
    (question,) = village.mails.mails
    assert question["Content-Language"] == "fr"
    assert question["List-Unsubscribe"] is None

    grant = grant_in(village, question, Purpose.CONFIRM)
    with writing(village.engine) as connection:
        assert people.confirm(connection, grant, village.now_ms)
        assert people.confirm(connection, grant, village.now_ms)
    village.measure(WET)
    village.measure(DRY)
    village.tell()

    assert len(village.mails.mails) == 3  # the welcome, and what is so now
    assert events(village) == ["asked", "confirmed"]


def test_leaving_by_the_link_of_a_message_ends_all_of_that_channel(village):
    village.add("aygul@example.org")
    village.measure(DRY)
    village.tell()
    grant = grant_in(village, village.mails.mails[0], Purpose.UNSUBSCRIBE)

    with writing(village.engine) as connection:
        assert people.unsubscribe(connection, grant, village.now_ms, "one-click") == 1
        assert people.unsubscribe(connection, grant, village.now_ms, "one-click") == 0
    village.measure(WET)
    village.tell()

    assert told(village) == ["aygul@example.org"]
    assert events(village) == ["ended"]


def test_pausing_by_the_link_holds_until_then(village):
    village.add("aygul@example.org")
    village.measure(DRY)
    village.tell()
    grant = grant_in(village, village.mails.mails[0], Purpose.PAUSE)
    with writing(village.engine) as connection:
        people.pause(connection, grant, village.now_ms, village.now_ms + 7 * DAY_MS)
    village.measure(WET)
    village.tell()
    assert len(village.mails.mails) == 1

    village.measure(DRY, after_ms=8 * DAY_MS)
    village.tell()
    assert len(village.mails.mails) == 2


def test_nobody_fills_the_mailbox_of_another(village):
    for _ in range(10):
        ask(village)
    village.tell()

    assert len(village.mails.mails) == 3


def test_what_is_asked_twice_is_entered_once(village):
    assert ask(village) == ask(village, Wish(address=" aygul@EXAMPLE.org "))
    other = ask(village, Wish(address="aygul@example.org", kind="frost"))
    with village.engine.connect() as connection:
        rows = connection.execute(select(subscription.c.id, subscription.c.subscriber_id)).all()

    assert len(rows) == 2
    assert len({row.subscriber_id for row in rows}) == 1
    assert other in {row.id for row in rows}


def test_who_is_deleted_leaves_nothing_but_that_there_was_an_agreement(village):
    wish = village.add("aygul@example.org", {"name": "Aygul", "secret": "s"})
    village.measure(DRY)
    village.tell()
    token = token_of(Grant(Purpose.MANAGE, 1, wish), "s")
    with writing(village.engine) as connection:
        assert read_token(connection, token) is not None
        people.forget(connection, 1, village.now_ms, "command")
    village.measure(WET)
    village.tell()

    with village.engine.connect() as connection:
        assert read_token(connection, token) is None
        assert read_person(connection, 1) is None
        kept = [
            str(row)
            for table in (subscriber, subscription, message, consent_event)
            for row in connection.execute(select(table))
        ]
    assert not [row for row in kept if "aygul" in row.lower()]
    assert events(village) == ["deleted"]
    assert len(village.mails.mails) == 1


def test_who_never_confirmed_or_left_long_ago_is_forgotten(village):
    ask(village)
    village.add("stays@example.org")
    village.add("left@example.org", ended_at=village.now_ms)
    day = village.now_ms + 8 * DAY_MS
    with writing(village.engine) as connection:
        assert people.forget_those_who_left(connection, village.now_ms) == 0
        assert people.forget_those_who_left(connection, day) == 1
        assert people.forget_those_who_left(connection, day + 30 * DAY_MS) == 1
        assert people.forget_those_who_left(connection, day + 300 * DAY_MS) == 0


def test_a_link_that_was_changed_is_worth_nothing(village):
    first, second = village.add("a@example.org"), village.add("b@example.org")
    token = token_of(Grant(Purpose.ACKNOWLEDGE, 1, first, 5), "secret of a@example.org")
    with village.engine.connect() as connection:
        assert read_token(connection, token) == Grant(Purpose.ACKNOWLEDGE, 1, first, 5)
        for changed in (
            token.replace("a1-", "u1-"),
            token.replace("-5.", "-6."),
            token.replace("a1-", "a2-"),
            token_of(Grant(Purpose.ACKNOWLEDGE, 1, second, 5), "secret of a@example.org"),
            token[:-1],
            token + "=",
            "",
            "x" * 5000,
        ):
            assert read_token(connection, changed) is None


def test_a_person_sees_a_masked_address(village):
    wish = village.add("aygul@example.org")
    with village.engine.connect() as connection:
        held = read_wish(connection, Grant(Purpose.MANAGE, 1, wish))

    assert held.masked == "a…@example.org"


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"address": "aygul"}, "write it like name@example.org"),
        ({"address": "https://10.0.0.1/x", "channel": "webhook"}, "by an administrator only"),
        ({"address": "a" * 300 + "@example.org"}, "write it like"),
        ({"address": "x@y.org\r\nBcc: z@q.org"}, "write it like"),
        ({"address": "+8613912345678", "channel": "sms"}, "by an administrator only"),
        ({"channel": "emial"}, "did you mean 'email'?"),
        ({"language": "kl"}, "choose one of"),
        ({"kind": "dry_soli"}, "did you mean 'dry_soil'?"),
        ({"time_zone": "Asia/Nowhere"}, "Asia/Shanghai"),
        ({"time_zone": "../etc/passwd"}, "Asia/Shanghai"),
        ({"quiet_from": 60}, "both ends"),
        ({"quiet_from": 60, "quiet_until": 9999}, "both ends"),
        ({"limit_per_day": 0}, "write 1 to"),
        ({"min_level": 0}, "choose notice"),
        ({"turn": 99}, "write 0"),
        ({"site_key": "nowhere"}, "known are kubuqi-north"),
        ({"thing_id": 999}, "none of that number"),
        ({"mode": "hourly"}, "choose one of"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_write(village_on_sqlite, changes, remedy):
    wish = Wish(**{"address": "aygul@example.org", **changes})

    with pytest.raises(ConfigError, match=re.escape(remedy)):
        ask(village_on_sqlite, wish)


LIST = """address,name,channel,language,time_zone,quiet_from,quiet_until,site,min_level,turn
aygul@example.org,Aygul,,mn,Asia/Ulaanbaatar,21:00,06:30,kubuqi-north,critical,
+86 139-1234-5678,Bataa,sms,zh,Asia/Shanghai,,,,,1
"""


def test_a_list_is_entered_by_whoever_has_the_consent(village_on_sqlite):
    village = village_on_sqlite
    listed = read_list(LIST, "people.csv")
    with writing(village.engine) as connection:
        check_list(connection, listed, "people.csv", people.ADMINISTRATOR)
        for one in listed:
            people.enlist(connection, one.wish, village.now_ms, "admin")
    with village.engine.connect() as connection:
        rows = connection.execute(select(subscription).order_by(subscription.c.id)).all()
        persons = connection.execute(select(subscriber).order_by(subscriber.c.id)).all()

    assert [(row.address, row.min_level, row.turn) for row in rows] == [
        ("aygul@example.org", 3, 0),
        ("+8613912345678", 2, 1),
    ]
    assert all(row.confirmed_at == village.now_ms for row in rows)
    assert [(one.language, one.quiet_from) for one in persons] == [("mn", 1260), ("zh", None)]
    assert events(village) == ["confirmed", "confirmed"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name\nAygul\n", "no column 'address'"),
        ("address,colour\na@b.org,red\n", "column 'colour' is unknown"),
        ("address\n", "nobody in it"),
        ("address,quiet_from\na@b.org,9pm\n", "line 2: time '9pm'"),
        ("address,min_level\na@b.org,bad\n", "line 2: severity 'bad'"),
        ("address,turn\n\na@b.org,x\n", "line 3: turn 'x'"),
    ],
)
def test_a_list_that_cannot_be_read_says_where(text, told):
    with pytest.raises(ConfigError, match=re.escape(told)):
        read_list(text, "people.csv")


def test_who_is_removed_is_told_so_and_then_forgotten(village_on_sqlite):
    village = village_on_sqlite
    village.add("aygul@example.org")
    village.measure(DRY)
    village.expand()
    with writing(village.engine) as connection:
        assert people.dismiss(connection, 1, village.now_ms, "command")
        assert people.forget_those_who_left(connection, village.now_ms) == 0
    village.tell()
    (goodbye,) = village.mails.mails
    assert goodbye["Subject"] == "No more warnings of kubuqi-north"
    assert sorted(village.states()) == ["sent", "withdrawn"]

    with writing(village.engine) as connection:
        assert people.forget_those_who_left(connection, village.now_ms) == 1
        assert connection.execute(select(subscription.c.address)).scalar_one() == ""
    assert events(village) == ["ended", "deleted"]


def test_who_cannot_be_told_for_a_day_is_forgotten_all_the_same(village_on_sqlite):
    village = village_on_sqlite
    village.add("aygul@example.org")
    village.add("gone@example.org", bounced_at=0)
    with writing(village.engine) as connection:
        assert people.dismiss(connection, 1, village.now_ms, "command")
        assert not people.dismiss(connection, 2, village.now_ms, "command")
        assert people.forget_those_who_left(connection, village.now_ms + DAY_MS - 1) == 0
        assert people.forget_those_who_left(connection, village.now_ms + DAY_MS) == 1
    village.tell(after_ms=DAY_MS)
    assert village.mails.mails == []


def test_who_was_removed_and_comes_back_is_not_forgotten(village_on_sqlite):
    village = village_on_sqlite
    village.add("aygul@example.org")
    with writing(village.engine) as connection:
        people.dismiss(connection, 1, village.now_ms, "command")
    ask(village)
    village.tell()
    with writing(village.engine) as connection:
        assert people.forget_those_who_left(connection, village.now_ms) == 0
    assert told(village) == ["aygul@example.org"] * 2  # goodbye, and the question


def test_what_was_stopped_because_mail_came_back_holds_again_once_it_is_confirmed(
    village_on_sqlite,
):
    village = village_on_sqlite
    village.add("aygul@example.org", bounced_at=0, bounce="no such user")
    village.add("aygul@example.org", bounced_at=0, kind="frost")
    with writing(village.engine) as connection:
        connection.execute(update(subscription).values(subscriber_id=1))
    ask(village)
    village.tell()
    grant = grant_in(village, village.mails.mails[0], Purpose.CONFIRM)
    with writing(village.engine) as connection:
        people.confirm(connection, grant, village.now_ms)
    with village.engine.connect() as connection:
        of = subscription.c
        query = select(of.kind, of.bounced_at).where(of.ended_at.is_(None)).order_by(of.id)
        assert connection.execute(query).all() == [("frost", None), (None, None)]
