"""Makes the notifier that server.toml describes."""

import os
import secrets
import socket
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from sqlalchemy import Engine

from server.ingest.consumer import BrokerAddress
from server.notify.channels.alertmanager import Alertmanager
from server.notify.channels.apprise.channel import Apprise
from server.notify.channels.email import EmailChannel, Smtp
from server.notify.channels.gsm import GsmModem, GsmSettings
from server.notify.channels.mqtt import BrokerLine, Mqtt
from server.notify.channels.offer import Policy, self_service
from server.notify.channels.sms import Sms, SmsSettings
from server.notify.channels.telegram import Telegram, TelegramSettings
from server.notify.channels.web_push.channel import WebPush, WebPushSettings
from server.notify.channels.web_push.vapid import read_or_make
from server.notify.channels.webhook import Webhook, WebhookSettings
from server.notify.notifier import Notifier, Way
from server.settings import NotifySecrets, NotifySection, is_loopback

# Providers take more; a modem needs some seconds for each.
_PER_MINUTE, _PUSHES_PER_MINUTE, _MODEM_PER_MINUTE = 60, 600, 12
_NO_KEYS = NotifySecrets()


def make_notifier(
    engine: Engine,
    told: NotifySection,
    keys: NotifySecrets,
    clock: Callable[[], int],
    broker: BrokerAddress | None = None,
) -> Notifier:
    """Make it; the database must be migrated. `clock` gives milliseconds UTC.

    Without a `broker` nothing goes by MQTT.

    Raises ConfigError for a channel that cannot be set up as it is written.
    """
    by = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    ways = ways_of(engine, told, keys, clock)
    if broker is not None:
        ways["mqtt"] = Way(Mqtt(BrokerLine(broker)), _PER_MINUTE)
    return Notifier(engine, ways, told.base_url, by, clock)


def ways_of(
    engine: Engine, told: NotifySection, keys: NotifySecrets, clock: Callable[[], int]
) -> dict[str, Way]:
    """Make the channels that are set up, by name; raises ConfigError."""
    found: dict[str, Way] = {}
    if told.smtp_host:
        channel = EmailChannel(smtp_of(told, keys.smtp_password), clock, time.monotonic)
        found["email"] = Way(channel, told.mails_per_minute)
    if told.gsm_port:
        found["sms"] = Way(GsmModem(GsmSettings(told.gsm_port)), _MODEM_PER_MINUTE)
    elif told.sms_url:
        asked = SmsSettings(told.sms_url, told.sms_fields, is_json=True, token=keys.sms_token)
        found["sms"] = Way(Sms(asked), _PER_MINUTE)
    if keys.telegram_token:
        found["telegram"] = Way(Telegram(TelegramSettings(keys.telegram_token)), _PER_MINUTE)
    if keys.webhook_secret:
        found["webhook"] = Way(Webhook(WebhookSettings(keys.webhook_secret), clock), _PER_MINUTE)
        found["alertmanager"] = Way(Alertmanager(), _PER_MINUTE)
    if told.apprise:
        found["apprise"] = Way(Apprise(), _PER_MINUTE)
    if has_push(told):
        key = read_or_make(engine, clock())
        pushed = WebPushSettings(_contact(told), frozenset(told.push_hosts))
        found["web_push"] = Way(WebPush(pushed, key, clock), _PUSHES_PER_MINUTE)
    return found


def offered(told: NotifySection, keys: NotifySecrets = _NO_KEYS) -> tuple[str, ...]:
    """Name the channels that anybody may choose: set up, and links can be made to confirm it."""
    if not told.base_url:
        return ()
    has = {
        "email": bool(told.smtp_host),
        "sms": bool(told.sms_url or told.gsm_port),
        "telegram": bool(keys.telegram_token),
        "web_push": has_push(told),
    }
    return tuple(name for name in self_service(policy_of(told)) if has.get(name))


def has_push(told: NotifySection) -> bool:
    """Tell whether phones can be told: browsers allow it to pages that are safe only."""
    host = urlsplit(told.base_url).hostname or ""
    return told.base_url.startswith("https:") or is_loopback(host)


def policy_of(told: NotifySection) -> Policy:
    """Say what of channels is left to anybody."""
    return Policy(told.sms_for_all, frozenset(told.push_hosts))


def _contact(told: NotifySection) -> str:
    return f"mailto:{told.sender}" if told.sender else told.base_url


def smtp_of(told: NotifySection, password: str) -> Smtp:
    """Say by which mail server mail goes."""
    return Smtp(
        host=told.smtp_host,
        port=told.smtp_port,
        tls=told.smtp_tls,
        user=told.smtp_user,
        password=password,
        sender=told.sender,
        sender_name=told.sender_name,
        ca_file=told.smtp_ca_file,
        returns=told.bounce_address,
    )
