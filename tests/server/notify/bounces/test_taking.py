"""What a report does: it ends an address that is none, and nobody can end another's with one."""

import pytest
from sqlalchemy import select, update

from server.db.engine import writing
from server.db.notify_tables import consent_event, message, subscriber, subscription
from server.notify import people
from server.notify.bounces.reports import read_report
from server.notify.bounces.taking import take
from server.notify.bounces.tokens import HOLDS_MS, token_of
from server.notify.reading import read_person
from server.notify.wishes import Wish
from tests.server.notify.bounces.report_text import complaint, report
from tests.server.notify.village import DRY, MINUTE_MS, WET

AYGUL, BATAA = "aygul@example.org", "bataa@example.org"


@pytest.fixture
def told(village_on_sqlite):
    """Two people who were told of dry soil by mail."""
    village = village_on_sqlite
    village.add(AYGUL)
    village.add(BATAA)
    village.measure(DRY)
    village.tell()
    return village


def token(village, address):
    (mail,) = [one for one in village.mails.mails if one["To"] == address][-1:]
    return mail["Message-ID"].removeprefix("<").partition("@")[0]


def come_back(village, mail):
    with writing(village.engine) as connection:
        return take(connection, read_report(mail), village.now_ms)


def stopped(village):
    with village.engine.connect() as connection:
        query = select(subscription.c.address).where(subscription.c.bounced_at.is_not(None))
        return list(connection.execute(query).scalars())


def remark(village, address):
    with village.engine.connect() as connection:
        query = select(subscription.c.bounce).where(subscription.c.address == address)
        return connection.execute(query).scalar_one()


def shown(village):
    """Give what the page of Aygul's own subscriptions says of the address."""
    with village.engine.connect() as connection:
        return read_person(connection, 1).wishes[0].bounce


def test_an_address_that_is_none_gets_no_more_and_the_others_do(told):
    said = come_back(told, report(token(told, AYGUL)))

    assert said.startswith(f"{AYGUL} gets no more messages: mail came back: 5.1.1 smtp; 550")
    assert stopped(told) == [AYGUL]
    assert shown(told) == remark(told, AYGUL)
    assert "no such user [x]; ask for the right one and add it anew" in remark(told, AYGUL)
    assert sorted(told.states()) == ["dead", "sent"]
    told.measure(WET, after_ms=20 * MINUTE_MS)
    told.tell()
    assert [mail["To"] for mail in told.mails.mails] == [AYGUL, BATAA, BATAA]


def test_what_may_pass_or_blames_us_ends_no_address(told):
    late = report(token(told, AYGUL), action="delayed", status="4.4.1")
    assert "it is written to all the same" in come_back(told, late)
    assert "mail is late: 4.4.1" in remark(told, AYGUL)
    assert told.states() == ["sent", "sent"]
    assert shown(told) == ""

    full = report(token(told, AYGUL), status="5.2.2")
    assert "if it goes on, ask whoever runs the mail server there" in come_back(told, full)
    assert stopped(told) == []
    assert sorted(told.states()) == ["dead", "sent"]


def test_a_mailbox_further_on_is_not_the_address_we_write_to(told):
    said = come_back(told, report(token(told, AYGUL), recipient="old@elsewhere.example"))

    assert "mail came back from old@elsewhere.example" in said
    assert stopped(told) == []
    assert told.states() == ["sent", "sent"]


def test_nobody_can_end_anothers_address(told):
    own = token(told, BATAA)
    number = token(told, AYGUL).partition("-")[0]
    forged = f"{number}-{own.partition('-')[2]}"
    for mail in (report(forged), report(f"{number}-{'0' * 20}"), complaint(forged)):
        assert come_back(told, mail).startswith("Left alone")
    come_back(told, report(own))  # names Aygul as the one who does not get it
    assert stopped(told) == []
    assert told.states() == ["sent", "sent"]


def test_a_number_is_good_for_two_weeks_and_a_mail(told):
    old = report(token(told, AYGUL))
    told.now_ms += HOLDS_MS + 1
    assert come_back(told, old).startswith("Left alone")
    told.now_ms -= HOLDS_MS
    with writing(told.engine) as connection:
        connection.execute(update(message).values(channel="sms"))
    assert come_back(told, old).startswith("Left alone")
    with writing(told.engine) as connection:
        connection.execute(update(message).values(channel="email"))
        people.forget(connection, 1, told.now_ms, "page")
        assert connection.execute(select(subscriber.c.secret)).scalars().first() == ""
    assert come_back(told, report(token_of(1, ""))).startswith("Left alone")


def test_who_calls_it_spam_is_unsubscribed_and_that_is_on_record(told):
    assert "1 subscriptions ended" in come_back(told, complaint(token(told, AYGUL)))
    assert "0 subscriptions ended" in come_back(told, complaint(token(told, AYGUL)))
    with told.engine.connect() as connection:
        events = connection.execute(select(consent_event.c.what, consent_event.c.how)).all()
    assert events == [("ended", "complaint")]
    told.measure(WET, after_ms=20 * MINUTE_MS)
    told.tell()
    assert [mail["To"] for mail in told.mails.mails] == [AYGUL, BATAA, BATAA]


def test_a_report_that_comes_before_the_sender_has_noted_it_is_not_overwritten(told):
    with writing(told.engine) as connection:
        connection.execute(update(message).where(message.c.id == 1).values(state="claimed"))
    come_back(told, report(token(told, AYGUL)))
    assert sorted(told.states()) == ["dead", "sent"]


def test_an_address_that_was_mended_is_added_anew(told):
    come_back(told, report(token(told, AYGUL)))
    with writing(told.engine) as connection:
        people.enlist(connection, Wish(address=AYGUL), told.now_ms, "admin")
    assert stopped(told) == [AYGUL]  # the one that has ended
    told.measure(WET, after_ms=20 * MINUTE_MS)
    told.measure(DRY, after_ms=20 * MINUTE_MS)
    told.tell()
    to_aygul = [mail["Subject"] for mail in told.mails.mails if mail["To"] == AYGUL]
    assert [subject.split(":")[0] for subject in to_aygul] == [
        *("Dry soil", "You will be warned", "Dry soil"),
    ]
