"""Which channels there are, who may choose them, and what an address of each looks like. Pure.

What anybody may choose costs nothing and leads to the person alone. Where else a message might go
(programs of ours, addresses in our own network, SMS that are paid for) an administrator decides.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from server.notify.channels.apprise.addresses import require_apprise
from server.notify.channels.mqtt import require_topic
from server.notify.channels.numbers import require_number
from server.notify.channels.post import require_sound
from server.notify.channels.web_push.browser import read_browser
from wire.errors import ConfigError

_MOST_LETTERS = 254  # RFC 5321, 4.5.3.1.3, less the brackets
_MOST_LOCAL = 64
# Dot-atoms (RFC 5322, 3.2.3) at a name of two labels or more (RFC 1035, 2.3.1).
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_MAIL = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@((?:{_LABEL}\.)+{_LABEL})")
# A person or a group by number, or a public channel by name.
_CHAT = re.compile(r"-?[1-9][0-9]{0,18}|@[A-Za-z][A-Za-z0-9_]{4,31}")


@dataclass(frozen=True, slots=True)
class Policy:
    """What an administrator allows: SMS for all, and push services in a network of our own."""

    sms_for_all: bool = False
    push_hosts: Collection[str] = frozenset()


def self_service(policy: Policy) -> list[str]:
    """Name the channels that anybody may choose."""
    return [name for name, one in _OFFERS.items() if _is_for_all(name, one, policy)]


def require_address(channel: str, address: str, policy: Policy, *, by_administrator: bool) -> str:
    """Give an address as it is kept: the same one is always written the same.

    Raises ConfigError for a channel that there is not, or not for everybody, and for a bad address.
    """
    offer = _OFFERS.get(channel)
    if offer is None:
        raise ConfigError(f"channel '{channel[:40]}'", f"there is none; choose {_names(_OFFERS)}")
    if not by_administrator and not _is_for_all(channel, offer, policy):
        raise ConfigError(
            f"channel '{channel}'",
            f"is set up by an administrator only; choose {_names(self_service(policy))}, or ask "
            "whoever runs this server",
        )
    return offer.check(address.strip(), policy)


def masked(channel: str, address: str) -> str:
    """Write an address so that its owner knows it and nobody else learns it."""
    offer = _OFFERS.get(channel)
    return offer.mask(address) if offer else "…"


@dataclass(frozen=True, slots=True)
class _Offer:
    check: Callable[[str, Policy], str]
    mask: Callable[[str], str]
    is_for_all: bool = False


def _is_for_all(name: str, offer: _Offer, policy: Policy) -> bool:
    return offer.is_for_all or (name == "sms" and policy.sms_for_all)


def _mail(address: str, _: Policy) -> str:
    found = _MAIL.fullmatch(address) if len(address) <= _MOST_LETTERS else None
    if found is None or len(found[1]) > _MOST_LOCAL:
        raise ConfigError(
            f"mail address '{address[:60]}'",
            "is none that mail can be sent to; write it like name@example.org, in plain letters",
        )
    return f"{found[1]}@{found[2].lower()}"  # capitals before the @ may matter: RFC 5321, 2.4


def _number(address: str, _: Policy) -> str:
    return require_number(address)


def _chat(address: str, _: Policy) -> str:
    if not _CHAT.fullmatch(address):
        raise ConfigError(
            f"Telegram chat '{address[:60]}'",
            "is none; write to the bot first, then give the number by which it knows the chat",
        )
    return address


def _browser(address: str, policy: Policy) -> str:
    return read_browser(address, policy.push_hosts).to_json()


def _web(address: str, _: Policy) -> str:
    return require_sound(address, "the address to post to")


def _topic(address: str, _: Policy) -> str:
    return require_topic(address)


def _apprise(address: str, _: Policy) -> str:
    return require_apprise(address)


def _masked_mail(address: str) -> str:
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}"


def _masked_number(address: str) -> str:
    return f"{address[:3]}…{address[-2:]}"


def _masked_browser(address: str) -> str:
    """Name the push service: the rest is known to nobody, its owner included."""
    try:
        return read_browser(address).host
    except ConfigError:
        return "…"


def _masked_service(address: str) -> str:
    """Name the kind of service: the rest of such an address may be a password."""
    return f"{address.partition('://')[0]}://…"


def _shown(address: str) -> str:
    return address


_OFFERS: Mapping[str, _Offer] = {
    "email": _Offer(_mail, _masked_mail, is_for_all=True),
    "sms": _Offer(_number, _masked_number),
    "telegram": _Offer(_chat, _masked_number, is_for_all=True),
    "web_push": _Offer(_browser, _masked_browser, is_for_all=True),
    "webhook": _Offer(_web, _masked_service),
    "alertmanager": _Offer(_web, _masked_service),
    "mqtt": _Offer(_topic, _shown),
    "apprise": _Offer(_apprise, _masked_service),
}

CHANNELS = tuple(_OFFERS)


def _names(names: Collection[str]) -> str:
    return ", ".join(names)
