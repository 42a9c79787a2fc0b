"""Sends by Apprise, which is installed apart: pip install 'saxaul[apprise]'.

Apprise tells whether a service took a message, not what became of one that it did not see taken.
What it writes meanwhile tells more: an answer with a status, or that nobody was there at all. All
else is unsure, and so is an address with several receivers: one of them may have it.
"""

import importlib
import logging
import re
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from server.alerts.condition import Severity
from server.notify.channels.apprise.addresses import require_apprise
from server.notify.channels.port import Answer, Envelope, Later, Never, Sent, UnsureError
from server.notify.channels.post import Reply, answer_of
from wire.errors import ConfigError

_MOST_S = 20.0
_SAID = 200
# What Apprise's services write, in so many words, as of 2.2.
_STATUS = re.compile(r"\berror=([1-5][0-9]{2})\b")
# What urllib3 calls it when nothing has gone out yet.
_NOBODY = re.compile(r"\b(NewConnectionError|NameResolutionError|ConnectTimeoutError)\b")
_TYPES = {
    Severity.NORMAL: "success",
    Severity.NOTICE: "info",
    Severity.WARNING: "warning",
    Severity.CRITICAL: "failure",
}


class Apprise:
    """Hands messages to Apprise. The unavoidable case: the service's answer is lost, as elsewhere.

    What Apprise repeats by itself (`?retry=` in an address) may come twice.
    """

    def __init__(self) -> None:
        """Load Apprise; raises ConfigError with the remedy when it is not installed."""
        self._apprise = _load("apprise")
        # All of what it writes is read here; of that nothing goes to our log, as secrets are in it.
        log = logging.getLogger("apprise")
        log.setLevel(logging.DEBUG)
        log.propagate = False
        log.addHandler(logging.NullHandler())

    def send(self, envelope: Envelope) -> Answer:
        """Send it; raises UnsureError, and ConfigError for an address that is none."""
        service = self._service(require_apprise(envelope.address))
        if service is None:
            return Never(
                "Apprise cannot use the address; look it up at https://appriseit.com/services",
                is_address=True,
            )
        sending = self._apprise.Apprise(service, asset=service.asset)
        result = sending.notify(
            title=envelope.said.subject,
            body=envelope.said.text,
            body_format=self._apprise.NotifyFormat.TEXT,
            notify_type=_TYPES[_severity(envelope.facts)],
            log_level=logging.DEBUG,
        )
        if result:
            return Sent()
        entries = list(result.logs())
        return _answer([one.message for one in entries], _told(entries), len(service))

    def close(self) -> None:
        """Do nothing: each message has a connection of its own."""

    def _service(self, address: str) -> Any:
        """Make the service of an address; None for one that Apprise does not know."""
        asset = self._apprise.AppriseAsset(
            app_id="Saxaul",
            app_desc="Saxaul",
            app_url="",
            storage_mode=self._apprise.PersistentStoreMode.MEMORY,
            service_timeout=_MOST_S,
        )
        service = self._apprise.Apprise.instantiate(address, asset=asset)
        if service is not None:
            # In one message, so that not half of it is taken.
            service.overflow_mode = self._apprise.OverflowMode.TRUNCATE
        return service


def _load(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(
            "channel apprise",
            "needs a package that is not installed; install it with pip install 'saxaul[apprise]', "
            "or end the subscriptions by it",
        ) from error


def _answer(written: list[str], told: str, receivers: int) -> Answer:
    """Say what became of a message that Apprise did not see taken; raises UnsureError."""
    statuses = [int(one) for line in written for one in _STATUS.findall(line)]
    if receivers == 1 and len(statuses) == 1:
        return answer_of(Reply(statuses[0], told))
    if receivers == 1 and not statuses and any(_NOBODY.search(line) for line in written):
        return Later(told)
    raise UnsureError(f"Apprise saw no success: {told}")


def _told(entries: list[Any]) -> str:
    """Give what Apprise says for people; what it says for programmers holds secrets."""
    lines = [one.message for one in entries if one.level in ("WARNING", "ERROR", "CRITICAL")]
    return " ".join(" ".join(lines).split())[:_SAID] or "it does not say why"


def _severity(facts: Mapping[str, object]) -> Severity:
    alerts = facts.get("alerts")
    levels = [one["level"] for one in alerts] if isinstance(alerts, list) else []
    return Severity(max(levels, default=Severity.NOTICE))
