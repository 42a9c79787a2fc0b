"""All that a message may say of one change of a warning: plain values, joined by whoever asks."""

from dataclasses import dataclass
from enum import StrEnum

from server.alerts.condition import Severity
from server.alerts.machine import Change
from server.words.legible import legible


class Occasion(StrEnum):
    """Why people are told now; the reasons of `alert_notice`, and digests."""

    NEW = "new"
    REMINDER = "reminder"
    ESCALATION = "escalation"
    CORRECTION = "correction"
    DIGEST = "digest"


@dataclass(frozen=True, slots=True)
class Place:
    """Where it was measured; `thing` is the station's name, "" for what concerns a gateway alone.

    `zone` is the site's IANA time zone, in which people are told instants. Degrees WGS 84, metres.
    """

    site_key: str
    site: str
    zone: str = "UTC"
    thing: str = ""
    gateway: str = ""
    depth_m: float | None = None
    height_m: float | None = None
    lat: float | None = None
    lon: float | None = None

    def __post_init__(self) -> None:
        """Make the names legible, whoever gave them: they stand in everybody's messages."""
        for name in ("site", "thing", "gateway"):
            object.__setattr__(self, name, legible(getattr(self, name)))


@dataclass(frozen=True, slots=True)
class AlertFact:
    """One change: what (`kind` is a key of `server.alerts.kinds`), where, since when, how bad.

    Values are in `unit` (UCUM). `key` is what makes it one, for feeds: the transition's id.
    `share` is the part of the expected readings that were good. `soil` is a texture class.
    `is_taken_back`: late readings have shown that it was not so, whatever it was.
    """

    key: str
    kind: str
    change: Change
    level: Severity
    level_before: Severity
    place: Place
    at_ms: int
    since_ms: int
    rule: str = ""
    property: str = ""
    property_label: str = ""
    unit: str = "1"
    value: float | None = None
    threshold: float | None = None
    worst: float | None = None
    share: float | None = None
    soil: str = ""
    soil_assumed: bool = False
    watch_id: int = 0
    occasion: Occasion = Occasion.NEW
    is_taken_back: bool = False

    def __post_init__(self) -> None:
        """Make the rule's name legible, whoever gave it."""
        object.__setattr__(self, "rule", legible(self.rule))


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses that go into a message; "" leaves one out."""

    evidence: str = ""
    acknowledge: str = ""
    snooze: str = ""
    pause: str = ""
    unsubscribe: str = ""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message in one language: `short` is for SMS, without links but one."""

    language: str
    subject: str
    text: str
    html: str
    short: str
