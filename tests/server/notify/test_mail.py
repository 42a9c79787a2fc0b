"""What a mail is made of, and what becomes of it where the mail server says no."""

import re
from email import message_from_bytes
from email.policy import default

import pytest
from sqlalchemy import select

from server.db.notify_tables import subscription
from server.notify.channels.email import EmailChannel, write_mail
from server.notify.channels.port import Envelope, Later, Never, Sent, UnsureError
from server.words.facts import Links, Rendered
from tests.server.notify.village import DRY, MINUTE_MS, smtp

NOW_MS = 1_795_000_000_000
SAID = Rendered(
    "zh",
    "土壤干旱:库布齐",
    "现在。\r\n.一行以点开头\r\n" + "长" * 600 + "\r\n",
    "<p>现在</p>",
    "短",
)
LINKS = Links(unsubscribe="https://saxaul.example/a/u1-2-0.AAAAAAAAAAAAAAAA")


def envelope(address="aygul@example.org", key="7:1:email", links=LINKS):
    return Envelope(key, address, SAID, links)


@pytest.fixture
def channel(mails):
    made = EmailChannel(smtp(mails.port), lambda: NOW_MS, lambda: 0.0)
    yield made
    made.close()


def test_a_mail_has_all_that_mailboxes_ask_for(channel, mails):
    assert isinstance(channel.send(envelope()), Sent)

    (mail,) = mails.mails
    assert mail["Date"].datetime.timestamp() == NOW_MS / 1000
    assert re.fullmatch(r"<[0-9a-f]{32}@saxaul\.example>", mail["Message-ID"])
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe"] == f"<{LINKS.unsubscribe}>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["Subject"] == SAID.subject
    assert mail["From"].addresses[0].display_name == "Saxaul 治沙"
    assert mail["From"].addresses[0].addr_spec == "warnings@saxaul.example"
    assert mail.get_content_type() == "multipart/alternative"
    parts = [(part.get_content_type(), part.get_content_charset()) for part in mail.iter_parts()]
    assert parts == [("text/plain", "utf-8"), ("text/html", "utf-8")]
    assert mail.get_body(("plain",)).get_content().splitlines() == SAID.text.splitlines()


def test_all_lines_are_plain_letters_and_not_too_long():
    """RFC 5321, 4.5.3.1.6: a line has 998 letters at most; not every server takes 8 bits."""
    written = write_mail(envelope(), smtp(25), NOW_MS).as_bytes()

    assert written.isascii()
    assert max(len(line) for line in written.split(b"\r\n")) <= 998
    assert b"\n" not in written.replace(b"\r\n", b"")
    assert message_from_bytes(written, policy=default)["Subject"] == SAID.subject


def test_the_same_message_has_the_same_number_each_time():
    first, again, other = (
        write_mail(envelope(key=key), smtp(25), NOW_MS)["Message-ID"] for key in ("a", "a", "b")
    )
    assert first == again != other


def test_one_click_is_offered_where_it_is_safe_only():
    plain = Links(unsubscribe="http://10.0.0.2:8000/a/token")
    mail = write_mail(envelope(links=plain), smtp(25), NOW_MS)

    assert mail["List-Unsubscribe"] == "<http://10.0.0.2:8000/a/token>"
    assert mail["List-Unsubscribe-Post"] is None


@pytest.mark.parametrize(
    ("reply", "is_address"),
    [
        ("550 5.1.1 no such user", True),
        ("550 no such user", True),
        ("553 mailbox name not allowed", True),
        ("554 5.7.1 relay access denied", False),
        ("550 5.7.1 we do not take mail from you", False),
    ],
)
def test_only_a_bad_address_counts_against_it(channel, mails, reply, is_address):
    mails.refuses["aygul@example.org"] = reply

    answer = channel.send(envelope())

    assert isinstance(answer, Never)
    assert answer.is_address is is_address
    assert isinstance(channel.send(envelope("bataa@example.org")), Sent)


def test_what_is_refused_for_now_is_tried_later(channel, mails):
    mails.refuses["aygul@example.org"] = "450 4.2.0 greylisted"
    answer = channel.send(envelope())
    assert isinstance(answer, Later)
    assert not answer.is_channel

    mails.answers.append("451 4.3.0 no room")
    assert isinstance(channel.send(envelope("bataa@example.org")), Later)


def test_an_address_that_is_none_costs_only_itself(channel):
    for nonsense in ("", "aygul", "айгуль@example.org", "a b@example.org", "x@y\r\nBcc: z@q.org"):
        answer = channel.send(envelope(nonsense))
        assert isinstance(answer, Never)
        assert answer.is_address


def test_an_unreachable_server_is_named_with_what_to_check(mails):
    mails.stop()
    channel = EmailChannel(smtp(mails.port), lambda: NOW_MS, lambda: 0.0)

    answer = channel.send(envelope())

    assert isinstance(answer, Later)
    assert answer.is_channel
    assert f"127.0.0.1:{mails.port}" in answer.reason
    assert "check notify.smtp_host" in answer.reason


def test_a_server_without_tls_is_not_spoken_to_in_the_clear(mails):
    channel = EmailChannel(smtp(mails.port, tls="starttls"), lambda: NOW_MS, lambda: 0.0)

    answer = channel.send(envelope())

    assert isinstance(answer, Later)
    assert "check notify.smtp_tls" in answer.reason
    assert mails.mails == []


def test_a_line_that_breaks_after_the_text_leaves_it_open(mails):
    channel = EmailChannel(smtp(mails.port), lambda: NOW_MS, lambda: 0.0)
    mails.hangs_up = True

    with pytest.raises(UnsureError):
        channel.send(envelope())


def test_a_server_that_restarted_meanwhile_gets_the_next_mail(channel, mails):
    assert isinstance(channel.send(envelope(key="a")), Sent)
    mails.stop()
    mails.start()

    assert isinstance(channel.send(envelope(key="b")), Sent)
    assert len(mails.mails) == 2


def test_an_address_that_bounces_is_left_alone_until_somebody_mends_it(village_on_sqlite):
    village = village_on_sqlite
    village.add("gone@example.org")
    village.add("aygul@example.org")
    village.mails.refuses["gone@example.org"] = "550 5.1.1 no such user"
    village.measure(DRY)
    village.tell()
    village.measure(0.8, after_ms=20 * MINUTE_MS)
    village.tell()

    assert [mail["To"] for mail in village.mails.mails] == ["aygul@example.org"] * 2
    assert sorted(village.states()) == ["dead", "sent", "sent"]
    with village.engine.connect() as connection:
        query = select(subscription.c.address, subscription.c.bounce)
        bounces = {row.address: row.bounce for row in connection.execute(query)}
    assert "add it anew" in bounces["gone@example.org"]
    assert bounces["aygul@example.org"] == ""
