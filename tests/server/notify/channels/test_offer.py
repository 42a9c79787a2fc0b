"""Who may choose which channel, and what an address of each looks like."""

import pytest

from server.notify.channels.offer import Policy, masked, require_address, self_service
from tests.server.notify.channels.phone import text_of
from wire.errors import ConfigError

FREE = Policy()
GOOD = {
    "email": "herder@example.org",
    "sms": "+86 138-0013 8000",
    "telegram": "-1001234567890",
    "webhook": "https://example.org/in",
    "alertmanager": "http://127.0.0.1:9093",
    "mqtt": "village/siren",
    "apprise": "ntfy://ntfy.example.org/dry",
}
FOR_ALL = {"email", "telegram", "web_push"}


def pushed(phone, endpoint="https://push.example.org/x"):
    return phone.subscription(endpoint)


def test_what_anybody_may_choose():
    assert set(self_service(FREE)) == FOR_ALL
    assert set(self_service(Policy(sms_for_all=True))) == FOR_ALL | {"sms"}


@pytest.mark.parametrize("channel", sorted(set(GOOD) - FOR_ALL))
def test_what_costs_or_leads_into_our_network_is_for_administrators(channel):
    with pytest.raises(ConfigError, match="administrator only; choose email") as refused:
        require_address(channel, GOOD[channel], FREE, by_administrator=False)
    assert GOOD[channel] not in str(refused.value)

    assert require_address(channel, GOOD[channel], FREE, by_administrator=True)


def test_sms_for_all_where_it_is_allowed():
    policy = Policy(sms_for_all=True)
    given = require_address("sms", GOOD["sms"], policy, by_administrator=False)
    assert given == "+8613800138000"


def test_a_channel_that_there_is_not_is_refused_by_the_names_that_there_are():
    with pytest.raises(ConfigError, match="choose email, sms, telegram"):
        require_address("pigeon", "x", FREE, by_administrator=True)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (" Herder@Example.ORG \n", "Herder@example.org"),
        ("a.b+c@sub.example.org", "a.b+c@sub.example.org"),
        ("x@xn--bcher-kva.example", "x@xn--bcher-kva.example"),
    ],
)
def test_mail_addresses_are_kept_in_one_form(written, kept):
    assert require_address("email", written, FREE, by_administrator=False) == kept


@pytest.mark.parametrize(
    "written",
    [
        "",
        "herder",
        "herder@",
        "@example.org",
        "herder@example",
        "a@b@example.org",
        ".a@example.org",
        "a..b@example.org",
        "a b@example.org",
        "a@-x.org",
        "a@example.org, b@example.org",
        "a@example.org\nBcc: b@example.org",
        "Herder <a@example.org>",
        "пастух@example.org",
        "a@bücher.example",
        f"{'a' * 65}@example.org",
        f"a@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.{'f' * 60}.org",
    ],
)
def test_what_is_no_mail_address_is_refused_with_the_remedy(written):
    with pytest.raises(ConfigError, match=r"name@example\.org"):
        require_address("email", written, FREE, by_administrator=False)


@pytest.mark.parametrize("written", ["123456789", "-1001234567890", "@our_group"])
def test_chats_of_telegram(written):
    assert require_address("telegram", written, FREE, by_administrator=False) == written


@pytest.mark.parametrize("written", ["", "0", "12a", "@ab", "@1abcd", "+8613800138000", "1" * 20])
def test_what_is_no_chat_is_refused_with_the_remedy(written):
    with pytest.raises(ConfigError, match="write to the bot first"):
        require_address("telegram", written, FREE, by_administrator=False)


def test_a_browser_is_kept_in_one_form_and_must_lead_out(phone):
    kept = require_address("web_push", pushed(phone), FREE, by_administrator=False)
    assert require_address("web_push", kept, FREE, by_administrator=False) == kept
    assert "expirationTime" not in kept
    inside = pushed(phone, "https://10.0.0.7/x")
    for by_administrator in (False, True):
        with pytest.raises(ConfigError, match=r"notify\.push_hosts"):
            require_address("web_push", inside, FREE, by_administrator=by_administrator)
    own = Policy(push_hosts={"10.0.0.7"})
    assert require_address("web_push", inside, own, by_administrator=False)


@pytest.mark.parametrize(
    ("channel", "address"),
    [("webhook", "http://example.org/"), ("alertmanager", "x"), ("mqtt", "saxaul/v1/x"),
     ("apprise", "x"), ("sms", "138")],
)  # fmt: skip
def test_an_administrator_is_told_of_mistakes_too(channel, address):
    with pytest.raises(ConfigError):
        require_address(channel, address, FREE, by_administrator=True)


def test_an_address_is_shown_to_its_owner_only(phone):
    assert masked("email", "herder@example.org") == "h…@example.org"
    assert masked("sms", "+8613800138000") == "+86…00"
    assert masked("webhook", "https://me:secret@example.org") == "https://…"
    assert masked("apprise", "tgram://token/chat") == "tgram://…"
    assert masked("web_push", pushed(phone)) == "push.example.org"
    assert text_of(phone.auth) not in masked("web_push", pushed(phone))
    assert masked("web_push", "x") == "…"
    assert masked("pigeon", "x") == "…"
