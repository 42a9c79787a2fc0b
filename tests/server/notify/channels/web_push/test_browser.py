"""What a page sends as a browser's subscription: kept in one form, refused with the remedy."""

import json

import pytest

from server.notify.channels.web_push.browser import MOST_LETTERS, read_browser
from tests.server.notify.channels.phone import text_of
from wire.errors import ConfigError

FCM = "https://fcm.googleapis.com/fcm/send/abc:def"


def test_a_subscription_is_read_and_always_kept_in_the_same_words(phone):
    said = phone.subscription(FCM)
    padded = json.loads(said)
    padded["keys"]["auth"] += "=="

    browser = read_browser(said)

    assert (browser.endpoint, browser.point, browser.auth) == (FCM, phone.point, phone.auth)
    assert browser.host == "fcm.googleapis.com"
    assert read_browser(json.dumps(padded)).to_json() == browser.to_json()
    assert read_browser(browser.to_json()) == browser


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://127.0.0.1/x",
        "https://10.1.2.3/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/x",
        "https://[::ffff:10.0.0.1]/x",
        "https://[64:ff9b::a00:1]/x",
        "https://[2002:a00:1::]/x",
        "https://localhost/x",
        "https://printer/x",
        "https://printer.local/x",
        "https://metadata.google.internal/x",
        "https://.example.org/x",
        "https://push.example.org:8443/x",
        "https://me:secret@push.example.org/x",
        "https://0.0.0.0/x",
        "https://224.0.0.1/x",
    ],
)
def test_what_leads_elsewhere_than_to_the_public_internet_is_refused(phone, endpoint):
    with pytest.raises(ConfigError, match="not to a push service"):
        read_browser(phone.subscription(endpoint))


@pytest.mark.parametrize("endpoint", ["http://push.example.org/x", "ftp://push.example.org/x", ""])
def test_what_is_not_encrypted_is_refused(phone, endpoint):
    with pytest.raises(ConfigError, match="https://"):
        read_browser(phone.subscription(endpoint))


@pytest.mark.parametrize("endpoint", ["https://8.8.8.8/x", "https://[2606:4700::1]/x", FCM])
def test_what_is_public_is_taken(phone, endpoint):
    assert read_browser(phone.subscription(endpoint)).endpoint == endpoint


def test_a_push_service_of_our_own_may_be_anywhere(phone):
    said = phone.subscription("https://ntfy.village.local:8443/up")

    assert read_browser(said, {"ntfy.village.local"}).host == "ntfy.village.local"


@pytest.mark.parametrize(
    "said",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"endpoint": 7}',
        json.dumps({"endpoint": FCM, "keys": {"p256dh": "x", "auth": "x"}}),
        json.dumps({"endpoint": FCM, "keys": {"p256dh": text_of(b"\4" * 65), "auth": "AAAA"}}),
        "\udcff",
    ],
)
def test_what_browsers_do_not_write_is_refused_with_the_remedy(said):
    with pytest.raises(ConfigError, match="ask for it anew"):
        read_browser(said)


def test_a_secret_of_another_length_is_refused(phone):
    phone.auth = b"short"
    with pytest.raises(ConfigError, match="5 bytes, not 16"):
        read_browser(phone.subscription(FCM))


def test_letters_that_would_end_a_line_are_refused(phone):
    with pytest.raises(ConfigError):
        read_browser(phone.subscription("https://push.example.org/x\r\nHost: y"))


def test_more_than_a_browser_writes_is_not_read(phone):
    with pytest.raises(ConfigError, match="longer than 4096"):
        read_browser(phone.subscription(FCM) + " " * MOST_LETTERS)
