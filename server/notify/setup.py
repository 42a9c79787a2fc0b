"""Makes the notifier that server.toml describes."""

import os
import secrets
import socket
import time
from collections.abc import Callable

from sqlalchemy import Engine

from server.notify.channels.email import EmailChannel, Smtp
from server.notify.notifier import Notifier, Way
from server.settings import NotifySection

EMAIL = "email"


def make_notifier(
    engine: Engine, told: NotifySection, password: str, clock: Callable[[], int]
) -> Notifier:
    """Make it; opens nothing. `clock` gives milliseconds UTC."""
    by = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    return Notifier(engine, ways_of(told, password, clock), told.base_url, by, clock)


def ways_of(told: NotifySection, password: str, clock: Callable[[], int]) -> dict[str, Way]:
    """Make the channels that are set up, by name."""
    if not told.smtp_host:
        return {}
    channel = EmailChannel(smtp_of(told, password), clock, time.monotonic)
    return {EMAIL: Way(channel, told.mails_per_minute)}


def offered(told: NotifySection) -> tuple[str, ...]:
    """Name the channels that anybody may choose: set up, and links can be made to confirm it."""
    return (EMAIL,) if told.base_url and told.smtp_host else ()


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
    )
