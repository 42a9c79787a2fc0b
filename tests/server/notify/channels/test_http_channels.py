"""Webhook, Alertmanager, SMS by HTTP and Telegram, each against a web server."""

import base64
import hashlib
import hmac
import json
import socket
from urllib.parse import parse_qs

import pytest

from server.notify.channels.alertmanager import Alertmanager
from server.notify.channels.port import Later, Never, Sent, UnsureError
from server.notify.channels.post import require_sound
from server.notify.channels.sms import Sms, SmsSettings
from server.notify.channels.telegram import Telegram, TelegramSettings
from server.notify.channels.webhook import Webhook, WebhookSettings
from tests.server.notify.channels.letter import SAID, envelope
from wire.errors import ConfigError

NOW = 1_795_200_000_000
DRY = {"kind": "dry_soil", "site": "kubuqi-north", "thing": "Dune 1", "level": 2,
       "since_ms": NOW - 3_600_000, "at_ms": NOW, "severity": "warning"}  # fmt: skip


def _webhook():
    return Webhook(WebhookSettings("a secret"), lambda: NOW)


def _nobody():
    """Give an address at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_a_webhook_is_signed_as_standard_webhooks_has_it(other):
    assert _webhook().send(envelope(other.address + "/in?x=1", **DRY)) == Sent()
    (asked,) = other.asked
    assert asked.path == "/in?x=1"
    said = json.loads(asked.body)
    assert said["kind"] == "dry_soil"
    assert said["subject"] == SAID.subject
    signed = b"notice-7:3." + str(NOW // 1000).encode() + b"." + asked.body
    digest = hmac.new(b"a secret", signed, hashlib.sha256).digest()
    assert asked.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert asked.headers["webhook-id"] == "notice-7:3"


@pytest.mark.parametrize(
    ("status", "answer"),
    [(503, Later), (429, Later), (408, Later), (410, Never), (400, Never), (302, Never)],
)
def test_a_status_says_who_must_act(other, status, answer):
    other.status, other.text = status, "no\nroom"
    said = _webhook().send(envelope(other.address, **DRY))
    assert isinstance(said, answer)
    assert f"answered {status}: no room" in said.reason


def test_a_redirection_is_not_followed(other):
    other.status, other.headers = 302, {"Location": "http://127.0.0.1:9/"}
    _webhook().send(envelope(other.address, **DRY))
    assert len(other.asked) == 1


def test_the_other_side_says_how_long_to_rest(other):
    other.status, other.headers = 429, {"Retry-After": "17"}
    assert _webhook().send(envelope(other.address, **DRY)).after_s == 17


def test_nobody_there_is_tried_again():
    said = _webhook().send(envelope(_nobody(), **DRY))
    assert isinstance(said, Later)
    assert "cannot be reached" in said.reason


def test_no_answer_is_not_taken_for_a_failure(other):
    """It may have been taken: nobody can tell."""
    other.hangs_up = True
    with pytest.raises(UnsureError, match="no answer"):
        _webhook().send(envelope(other.address, **DRY))


@pytest.mark.parametrize("address", ["http://example.org/x", "ftp://x", "x", "https://", ""])
def test_what_is_not_encrypted_or_no_address_is_refused(address):
    with pytest.raises(ConfigError, match="https://"):
        require_sound(address, "here")


def test_alertmanager_gets_labels_and_an_end(other):
    Alertmanager().send(envelope(other.address, **DRY))
    (asked,) = other.asked
    assert asked.path == "/api/v2/alerts"
    (alert,) = json.loads(asked.body)
    assert alert["labels"] == {"alertname": "dry_soil", "kind": "dry_soil", "site": "kubuqi-north",
                               "thing": "Dune 1", "severity": "warning"}  # fmt: skip
    assert alert["startsAt"] == "2026-11-20T17:40:00+00:00"
    assert alert["endsAt"] == "2026-11-27T18:40:00+00:00"


def test_alertmanager_is_told_that_it_is_over(other):
    Alertmanager().send(envelope(other.address, **DRY | {"level": 0}))
    (alert,) = json.loads(other.asked[0].body)
    assert alert["endsAt"] == "2026-11-20T18:40:00+00:00"


def test_sms_goes_as_the_provider_wants_it(other):
    fields = {"recipient": "{to}", "message": "{text}", "from": "SAXAUL"}
    sms = Sms(SmsSettings(f"{other.address}/send", fields, token="t0ken"))
    assert sms.send(envelope("+86 138-0013 8000")) == Sent()
    (asked,) = other.asked
    assert parse_qs(asked.body.decode()) == {
        "recipient": ["+8613800138000"], "message": [SAID.short], "from": ["SAXAUL"]
    }  # fmt: skip
    assert asked.headers["Authorization"] == "Bearer t0ken"


def test_sms_as_json_under_another_header(other):
    settings = SmsSettings(other.address, {"to": "{to}", "text": "{text}"}, is_json=True,
                           token="k", token_header="X-Key")  # fmt: skip
    Sms(settings).send(envelope("+8613800138000"))
    (asked,) = other.asked
    assert json.loads(asked.body) == {"to": "+8613800138000", "text": SAID.short}
    assert asked.headers["X-Key"] == "k"


def test_sms_within_the_address_is_escaped(other):
    Sms(SmsSettings(other.address + "/s?to={to}&text={text}", {})).send(envelope("+8613800138000"))
    assert other.asked[0].path == "/s?to=%2B8613800138000&text=Dune%201%20is%20dry%20%7Bto%7D"


def test_settings_that_leave_out_the_text_are_refused():
    with pytest.raises(ConfigError, match=r"\{text\} goes"):
        Sms(SmsSettings("https://sms.example/send", {"to": "{to}"}))


@pytest.mark.parametrize("number", ["13800138000", "+0123456789", "herder", "+1234567890123456"])
def test_a_number_that_is_none_is_refused_with_the_remedy(other, number):
    sms = Sms(SmsSettings(other.address, {"to": "{to}", "text": "{text}"}))
    with pytest.raises(ConfigError, match="write it with \\+ and the country"):
        sms.send(envelope(number))
    assert not other.asked


def test_telegram_says_it_in_the_chat(other):
    bot = Telegram(TelegramSettings("12:ab", other.address))
    assert bot.send(envelope("-100123")) == Sent()
    (asked,) = other.asked
    assert asked.path == "/bot12:ab/sendMessage"
    assert json.loads(asked.body)["chat_id"] == "-100123"


@pytest.mark.parametrize(
    ("status", "text", "answer", "of_address"),
    [
        (403, '{"description":"bot was blocked"}', Never, True),
        (400, '{"description":"Bad Request: chat not found"}', Never, True),
        (401, "{}", Never, False),
        (429, '{"parameters":{"retry_after":9}}', Later, None),
        (502, "bad gateway", Later, None),
    ],
)
def test_what_telegram_says_is_understood(other, status, text, answer, of_address):
    other.status, other.text = status, text
    said = Telegram(TelegramSettings("12:ab", other.address)).send(envelope("1"))
    assert isinstance(said, answer)
    if isinstance(said, Never):
        assert said.is_address is of_address
    elif status == 429:
        assert said.after_s == 9


def test_secrets_are_not_in_what_is_printed():
    shown = repr([WebhookSettings("geheim"), TelegramSettings("geheim"),
                  SmsSettings("https://x", {}, token="geheim")])  # fmt: skip
    assert "geheim" not in shown
