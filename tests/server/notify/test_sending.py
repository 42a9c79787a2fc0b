"""What a sender makes of what channels say, and of two channels of one person at a time."""

import pytest
from sqlalchemy import insert, select

from server.db.engine import writing
from server.db.notify_tables import subscription
from server.notify import people
from server.notify.channels.mqtt import Mqtt
from server.notify.channels.sms import Sms, SmsSettings
from server.notify.channels.web_push.channel import WebPush, WebPushSettings, content_of
from server.notify.channels.webhook import Webhook, WebhookSettings
from server.notify.links import Purpose, read_token
from server.notify.sending.claiming import claim
from server.notify.sending.composing import compose
from server.notify.sending.rate import Rate
from server.notify.sending.sender import Means, Sender
from server.notify.wishes import Wish
from tests.server.notify.village import BASE_URL, DRY


def channels(tmp_path):
    """One of each kind that checks addresses itself; none of them gets so far as to send."""
    return {
        "sms": Sms(SmsSettings("https://sms.invalid/?to={to}&text={text}", {})),
        "webhook": Webhook(WebhookSettings("secret"), lambda: 0),
        "mqtt": Mqtt(lambda *_, **__: pytest.fail("was published")),
        "web_push": WebPush(WebPushSettings("mailto:a@b.org"), None, lambda: 0),
    }


@pytest.mark.parametrize("name", ["sms", "webhook", "mqtt", "web_push"])
def test_an_address_that_is_none_is_given_up_and_gets_no_more(village_on_sqlite, tmp_path, name):
    village = village_on_sqlite
    village.add("nonsense/#", channel=name)
    village.measure(DRY)
    village.expand()
    means = Means(name, channels(tmp_path)[name], Rate(60_000), BASE_URL, "test:1")
    Sender(village.engine, means, village.clock).step()

    assert village.states() == ["dead"]
    with village.engine.connect() as connection:
        found = connection.execute(select(subscription)).one()
    assert found.bounced_at == village.now_ms
    assert found.bounce == village.messages()[0].error != ""


def test_the_limit_of_a_day_holds_over_two_channels_at_the_same_instant(village_on_timescale):
    village = village_on_timescale
    village.add("aygul@example.org", {"limit_per_day": 1})
    with writing(village.engine) as connection:
        row = connection.execute(select(subscription)).one()._asdict()
        del row["id"]
        connection.execute(insert(subscription).values({**row, "channel": "telegram"}))
    village.measure(DRY)
    village.expand()
    with writing(village.engine) as by_mail:
        assert claim(by_mail, "email", "test:1", village.now_ms) is not None
        with writing(village.engine) as by_telegram:
            assert claim(by_telegram, "telegram", "test:2", village.now_ms) is None
    with writing(village.engine) as by_telegram:
        assert claim(by_telegram, "telegram", "test:2", village.now_ms) is None

    assert sorted(village.states()) == ["claimed", "digest"]


def test_a_welcome_on_a_phone_opens_the_page_of_ones_own_subscriptions(village_on_sqlite):
    village = village_on_sqlite
    with writing(village.engine) as connection:
        people.enlist(connection, Wish(address="aygul@example.org"), village.now_ms, "admin")
        claimed = claim(connection, "email", "test:1", village.now_ms)
        envelope = compose(connection, claimed, BASE_URL, village.now_ms)
        opens = content_of(envelope)["url"]
        assert opens.startswith(f"{BASE_URL}/a/")
        assert read_token(connection, opens.rpartition("/")[2]).purpose is Purpose.MANAGE
    assert opens not in content_of(envelope)["body"]
    assert envelope.links.unsubscribe
