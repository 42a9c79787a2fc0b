"""Web Push against a push service on this machine, read by a browser that is not ours."""

import json
import socket
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from py_vapid import Vapid02

from server.notify.channels.port import Envelope, Later, Never, Sent, UnsureError
from server.notify.channels.web_push.channel import WebPush, WebPushSettings
from server.notify.channels.web_push.vapid import VapidKey
from server.words.facts import Links, Rendered
from tests.server.notify.channels.letter import envelope
from wire.errors import ConfigError

NOW = 1_795_200_000_000
KEY = VapidKey(ec.generate_private_key(ec.SECP256R1()))
LINKS = Links(evidence="https://s.example/alerts/7", acknowledge="https://s.example/a/ack",
              snooze="https://s.example/a/snooze")  # fmt: skip
SAID = Rendered("ar", "تربة جافة", "…", "<p>", "التربة جافة. https://s.example/alerts/7")


def push(own_hosts=("127.0.0.1",)):
    return WebPush(WebPushSettings("mailto:a@b.example", own_hosts), KEY, lambda: NOW)


def about(address, level=2, key="notice-7:3", watches=(7,)):
    alerts = [{"level": level, "watch_id": one} for one in watches]
    return envelope(address, key, alerts=alerts)


def test_the_browser_reads_what_was_said_and_what_a_touch_opens(other, phone):
    other.status = 201
    letter = Envelope("k:1", phone.subscription(other.address + "/up?x=1"), SAID, LINKS)

    assert push().send(letter) == Sent()

    (asked,) = other.asked
    said = json.loads(phone.read(asked.body))
    assert asked.path == "/up?x=1"
    assert said["title"] == "تربة جافة"
    assert said["body"] == "التربة جافة."
    assert (said["language"], said["direction"]) == ("ar", "rtl")
    assert said["url"] == "https://s.example/alerts/7"
    assert [one["url"] for one in said["actions"]] == [LINKS.acknowledge, LINKS.snooze]
    assert said["actions"][0]["title"] != "I take care of it"


def test_the_push_service_is_told_who_we_are(other, phone):
    push().send(about(phone.subscription(other.address)))

    headers = other.asked[0].headers
    assert Vapid02.verify(headers["Authorization"])
    assert headers["Authorization"].endswith(f"k={KEY.public}")
    assert headers["Content-Encoding"] == "aes128gcm"


@pytest.mark.parametrize(
    ("level", "urgency", "days"),
    [(3, "high", 3), (2, "normal", 2), (1, "low", 1), (0, "normal", 1)],
)
def test_how_bad_it_is_says_how_urgent_it_is_and_how_long_it_is_kept(
    other, phone, level, urgency, days
):
    push().send(about(phone.subscription(other.address), level))

    headers = other.asked[0].headers
    assert (headers["Urgency"], headers["TTL"]) == (urgency, str(days * 86_400))


def test_what_is_newer_about_a_warning_takes_the_place_of_what_is_older(other, phone):
    address = phone.subscription(other.address)
    push().send(about(address, 2, "notice-7:3"))
    push().send(about(address, 0, "notice-9:3"))
    push().send(about(address, 2, "notice-11:3", watches=(8,)))
    push().send(about(address, 2, "notice-12:3", watches=(7, 8)))

    topics = [one.headers["Topic"] for one in other.asked]
    tags = [json.loads(phone.read(one.body))["tag"] for one in other.asked]
    assert topics[0] == topics[1]
    assert len(set(topics)) == 3
    assert tags == topics
    assert all(len(one) == 32 and one.isalnum() for one in topics)


def test_no_two_messages_are_encrypted_alike(other, phone):
    for _ in range(2):
        push().send(about(phone.subscription(other.address)))

    first, second = (one.body for one in other.asked)
    assert first[:16] != second[:16]
    assert first[21:86] != second[21:86]


@pytest.mark.parametrize("status", [404, 410])
def test_a_browser_that_withdrew_is_not_asked_again(other, phone, status):
    other.status = status

    told = push().send(about(phone.subscription(other.address)))

    assert isinstance(told, Never)
    assert told.is_address
    assert "on that device" in told.reason


@pytest.mark.parametrize("status", [429, 503])
def test_a_push_service_that_is_busy_says_for_how_long(other, phone, status):
    other.status, other.headers = status, {"Retry-After": "120"}

    told = push().send(about(phone.subscription(other.address)))

    assert isinstance(told, Later)
    assert told.after_s == 120


@pytest.mark.parametrize("status", [401, 403])
def test_a_signature_that_is_not_accepted_is_no_fault_of_the_address(other, phone, status):
    other.status, other.text = status, "BadJwtToken"

    told = push().send(about(phone.subscription(other.address)))

    assert isinstance(told, Never)
    assert not told.is_address
    assert "BadJwtToken" in told.reason
    assert "clock" in told.reason


def test_no_answer_is_not_taken_for_a_failure(other, phone):
    other.hangs_up = True
    with pytest.raises(UnsureError):
        push().send(about(phone.subscription(other.address)))


def test_nobody_there_is_tried_again(phone):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
    assert isinstance(push().send(about(phone.subscription(address))), Later)


def test_this_machine_is_not_asked_for_a_stranger(other, phone):
    """By its address, and by a name that leads here."""
    with pytest.raises(ConfigError, match="not to a push service"):
        push(()).send(about(phone.subscription(other.address.replace("http", "https"))))

    told = push(()).send(about(phone.subscription("https://0x7f.1/x")))

    assert isinstance(told, Never)
    assert told.is_address
    assert other.asked == []


def test_long_words_are_cut_to_what_fits(other, phone):
    letter = about(phone.subscription(other.address))
    said = replace(letter.said, subject="长" * 4000, short="长" * 4000)

    assert push().send(replace(letter, said=said)) == Sent()
    assert len(other.asked[0].body) <= 4096


def test_what_does_not_fit_is_said_so(other, phone):
    links = Links(evidence="https://s.example/" + "x" * 4000)
    told = push().send(replace(about(phone.subscription(other.address)), links=links))

    assert isinstance(told, Never)
    assert "too much for a push message" in told.reason
