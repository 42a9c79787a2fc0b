"""Prometheus Alertmanager: warnings for those who have one already (its API v2, POST /alerts).

Alertmanager forgets an alert that is not repeated; it is told when one ends, and until then that it
lasts.
"""

import json
from datetime import UTC, datetime, timedelta

from server.notify.channels.port import Answer, Envelope
from server.notify.channels.post import answer_of, post, require_sound, unreachable

_LABELS = ("kind", "site", "thing", "gateway", "property", "depth_m", "severity", "rule")
_LASTS = timedelta(days=7)


class Alertmanager:
    """Posts to the address of an Alertmanager; the same labels are the same alert to it."""

    def close(self) -> None:
        """Nothing is kept between messages."""

    def send(self, envelope: Envelope) -> Answer:
        """Post it."""
        base = require_sound(envelope.address, "Alertmanager's address").rstrip("/")
        address = f"{base}/api/v2/alerts"
        headers = {"Content-Type": "application/json", "User-Agent": "Saxaul"}
        try:
            return answer_of(post(address, json.dumps([_alert(envelope)]).encode(), headers))
        except OSError as error:
            return unreachable(address, error)


def _alert(envelope: Envelope) -> dict[str, object]:
    facts = envelope.facts
    labels = {"alertname": str(facts.get("kind", "saxaul"))}
    labels |= {key: str(facts[key]) for key in _LABELS if facts.get(key) not in (None, "")}
    at = _instant(facts.get("at_ms"))
    is_over = facts.get("level") == 0
    alert: dict[str, object] = {
        "labels": labels,
        "annotations": {"summary": envelope.said.subject, "description": envelope.said.text},
        "startsAt": _instant(facts.get("since_ms")).isoformat(),
        "endsAt": (at if is_over else at + _LASTS).isoformat(),
    }
    if envelope.links.evidence:
        alert["generatorURL"] = envelope.links.evidence
    return alert


def _instant(time_ms: object) -> datetime:
    ms = time_ms if isinstance(time_ms, int) else 0
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
