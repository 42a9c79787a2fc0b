"""The threads: from a notice to a mail by themselves, and what /readyz says of it."""

import pytest

from deploy.ports import wait_until
from server.app import NO_SECRETS
from server.notify.setup import make_notifier, offered
from server.readiness import messages_part
from server.settings import NotifySecrets, NotifySection, Overrides, load
from tests.server.notify.village import DRY
from wire.errors import ConfigError


@pytest.fixture
def notifier(village):
    """The notifier as the server makes it, started by the test."""
    made = []

    def make(**changes):
        values = {
            "smtp_host": "127.0.0.1",
            "smtp_port": village.mails.port,
            "smtp_tls": "none",
            "sender": "us@saxaul.example",
        }
        told = NotifySection(**(values | changes))
        made.append(make_notifier(village.engine, told, NO_SECRETS, village.clock))
        made[-1].start()
        return made[-1], told

    yield make
    for one in made:
        one.stop()


def test_a_notice_becomes_a_mail_by_itself(village, notifier):
    village.add("aygul@example.org")
    started, told = notifier()
    village.measure(DRY)

    village.mails.await_mails(1)
    assert wait_until(lambda: village.states() == ["sent"], 20)
    part = messages_part(started, told)
    assert part.ready
    assert part.detail == "0 wait"


def test_two_notifiers_do_the_same_no_more_often(village, notifier):
    for number in range(20):
        village.add(f"person-{number}@example.org")
    notifier(), notifier()
    village.measure(DRY)

    assert wait_until(lambda: village.states() == ["sent"] * 20, 40)
    assert len({mail["To"] for mail in village.mails.mails}) == len(village.mails.mails) == 20


def test_readyz_names_the_mail_server_that_cannot_be_reached(village, notifier):
    village.add("aygul@example.org")
    village.mails.stop()
    started, told = notifier()
    village.measure(DRY)

    assert wait_until(lambda: not messages_part(started, told).ready, 20)
    assert f"127.0.0.1:{village.mails.port}" in messages_part(started, told).detail
    village.mails.start()
    village.mails.await_mails(1)


def test_without_a_mail_server_messages_wait_and_that_is_said(village, notifier):
    village.add("aygul@example.org")
    started, told = notifier(smtp_host="")
    village.measure(DRY)

    assert wait_until(lambda: village.states() == ["queued"], 20)
    part = messages_part(started, told)
    assert part.ready
    assert "1 wait; no mail is sent: set notify.smtp_host; 1 of them" in part.detail


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ('smtp_host = "mail.example.org"', "notify.sender is empty"),
        (
            'smtp_host = "mail.example.org"\nsender = "a@b.org"\nsmtp_tls = "none"',
            "set notify.smtp_tls to starttls or tls",
        ),
        ('base_url = "saxaul.example.org"', "base_url"),
        ('sender = "nobody"', "sender"),
    ],
)
def test_settings_that_cannot_be_are_refused(tmp_path, text, remedy):
    path = tmp_path / "server.toml"
    path.write_text(f"[notify]\n{text}\n")

    with pytest.raises(ConfigError, match=remedy):
        load(path, Overrides(), {})


def test_people_may_choose_what_is_set_up_and_costs_nothing():
    https = "https://saxaul.example"
    with_mail = NotifySection(
        base_url=https, smtp_host="m", sender="a@b.c", sms_url="https://x/{to}"
    )

    assert offered(with_mail) == ("email", "web_push")
    assert offered(NotifySection(smtp_host="m", sender="a@b.c")) == ()
    plain = NotifySection(base_url="http://10.0.0.2:8000", sms_url="https://x", sms_for_all=True)
    assert offered(plain, NotifySecrets(telegram_token="t")) == ("sms", "telegram")
