"""Web Push (RFC 8030): a message is left with the push service of a browser's maker.

The unavoidable case: the push service's answer is lost. Then nobody knows whether it keeps the
message, and it is not sent again by itself. A message about a warning takes the place of the one
before it about the same warning, while the device is away (`Topic`) and on its screen (`tag`): who
comes back after a week finds what holds now.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from os import urandom

from cryptography.hazmat.primitives.asymmetric import ec

from server.alerts.condition import Severity
from server.notify.channels.port import Answer, Envelope, Never
from server.notify.channels.post import Reply, answer_of, post, unreachable
from server.notify.channels.web_push.browser import Browser, read_browser
from server.notify.channels.web_push.encryption import MOST_BYTES, Chance, encrypt
from server.notify.channels.web_push.public import NotPublicError, post_publicly
from server.notify.channels.web_push.vapid import VapidKey
from server.words.languages import language_of, say

_MOST_TITLE, _MOST_BODY = 120, 400  # letters
_TOPIC_LETTERS = 32  # RFC 8030, 5.4
_DAY_S = 86_400
_SAID = 100  # letters of a push service's answer that are told
# Whether it may cost battery (RFC 8030, 5.3), and how long it waits for an absent device (5.2).
_URGENCY = {
    Severity.CRITICAL: ("high", 3 * _DAY_S),
    Severity.WARNING: ("normal", 2 * _DAY_S),
    Severity.NOTICE: ("low", _DAY_S),
    Severity.NORMAL: ("normal", _DAY_S),
}
_ACTIONS = (("acknowledge", "I take care of it"), ("snooze", "Remind me tomorrow"))


@dataclass(frozen=True, slots=True)
class WebPushSettings:
    """`contact` is where push services complain: a mailto: or https: address (RFC 8292, 2.1).

    `own_hosts` are push services that stand in a network of our own.
    """

    contact: str
    own_hosts: Collection[str] = frozenset()


class WebPush:
    """Leaves messages with push services."""

    def __init__(self, settings: WebPushSettings, key: VapidKey, clock: Callable[[], int]) -> None:
        """Keep the server's key; `clock` gives ms UTC."""
        self._settings = settings
        self._key = key
        self._clock = clock

    def send(self, envelope: Envelope) -> Answer:
        """Leave it; raises UnsureError, and ConfigError for an address that is none."""
        browser = read_browser(envelope.address, self._settings.own_hosts)
        text = json.dumps(content_of(envelope), ensure_ascii=False, separators=(",", ":")).encode()
        if len(text) > MOST_BYTES:
            return Never(f"{len(text)} bytes are too much for a push message of {MOST_BYTES}")
        chance = Chance(ec.generate_private_key(ec.SECP256R1()), urandom(16))
        body = encrypt(text, browser.point, browser.auth, chance)
        ask = post if browser.host in self._settings.own_hosts else post_publicly
        try:
            return _answer(ask(browser.endpoint, body, self._headers(envelope, browser)))
        except NotPublicError as error:
            return Never(str(error), is_address=True)
        except OSError as error:
            return unreachable(browser.host, error)

    def close(self) -> None:
        """Do nothing: each message has a connection of its own."""

    def _headers(self, envelope: Envelope, browser: Browser) -> Mapping[str, str]:
        urgency, keep_s = _URGENCY[_severity(envelope)]
        contact, now_ms = self._settings.contact, self._clock()
        return {
            "Authorization": self._key.authorization(browser.endpoint, contact, now_ms),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(keep_s),
            "Urgency": urgency,
            "Topic": _tag(envelope),
            "User-Agent": "Saxaul",
        }


def content_of(envelope: Envelope) -> dict[str, object]:
    """Say what push-worker.js reads: words, and the addresses that a touch opens."""
    said, links = envelope.said, envelope.links
    spoken = language_of(said.language)
    body = said.short.removesuffix(links.evidence).rstrip() if links.evidence else said.short
    actions = [
        {"action": name, "title": say(spoken.code, label), "url": address}
        for name, label in _ACTIONS
        if (address := getattr(links, name))
    ]
    return {
        "title": said.subject[:_MOST_TITLE],
        "body": body[:_MOST_BODY],
        "language": spoken.code,
        "direction": spoken.direction,
        "tag": _tag(envelope),
        "urgent": envelope.is_urgent,
        "url": links.evidence,
        "actions": actions,
    }


def _answer(reply: Reply) -> Answer:
    """Read what a push service says: RFC 8030, 5, 7.3 and 8; RFC 8292, 4.2."""
    if reply.status in (404, 410):
        return Never(
            f"the browser takes no messages any more (answered {reply.status}); ask for them anew "
            "on that device",
            is_address=True,
        )
    if reply.status in (401, 403):
        told = f"{reply.status} {' '.join(reply.text.split())[:_SAID]}".rstrip()
        return Never(
            f"the push service does not accept our signature ({told}); check this server's clock, "
            "and that the row 'web push key' of table secret is still the first one"
        )
    return answer_of(reply)


def _alerts(envelope: Envelope) -> Sequence[Mapping[str, int]]:
    found = envelope.facts.get("alerts")
    return found if isinstance(found, list) else []


def _severity(envelope: Envelope) -> Severity:
    return Severity(max((one["level"] for one in _alerts(envelope)), default=0))


def _tag(envelope: Envelope) -> str:
    """Name what a message takes the place of: those before it about the same warning."""
    watches = {one["watch_id"] for one in _alerts(envelope)} - {0}
    about = f"watch {watches.pop()}" if len(watches) == 1 else envelope.key
    return sha256(about.encode()).hexdigest()[:_TOPIC_LETTERS]
