"""Common Alerting Protocol 1.2 (OASIS, 1 July 2010): a warning as other systems read it.

Order of elements, enumerations and formats are those of its schema, clause 3.2 and 3.4.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from xml.etree import ElementTree as ET

from server.alerts.condition import Severity
from server.alerts.kinds import CAP_SEVERITY, KINDS
from server.alerts.machine import Change
from server.words.facts import AlertFact, Occasion
from server.words.feeds.area import Position, circle, polygon
from server.words.feeds.elements import document, put
from server.words.languages import language_of
from server.words.legible import cut
from server.words.saying import saying

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
MEDIA_TYPE = "application/cap+xml"

_MOST_HEADLINE = 160  # 3.2.2: more is not shown on small displays
# Not allowed in sender and identifier (3.2.1), beside what would break `references`.
_FORBIDDEN = str.maketrans(dict.fromkeys(" ,<&\t\r\n", "-"))


class Status(StrEnum):
    """Whether it is meant (3.2.1): only `Actual` is."""

    ACTUAL = "Actual"
    EXERCISE = "Exercise"
    TEST = "Test"


class MessageType(StrEnum):
    """What it is to the messages before it."""

    ALERT = "Alert"
    UPDATE = "Update"
    CANCEL = "Cancel"


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who sends: `sender` is a name that is unique in the world, such as alerts@example.org.

    Warnings of a restoration site go to those who work there, named by `addresses`: none but a
    national service should issue for the public. `web` is the page of the warning.
    """

    sender: str
    name: str
    addresses: str
    web: str = ""
    status: Status = Status.ACTUAL


@dataclass(frozen=True, slots=True)
class Reference:
    """An earlier message of the same episode, and when it was sent (ms)."""

    identifier: str
    sent_ms: int


def identifier(issuer: Issuer, key: str) -> str:
    """Name a message: the issuer's own name and what makes the change one."""
    return f"{issuer.sender}.{key}".translate(_FORBIDDEN)


def cap(
    fact: AlertFact,
    sent_ms: int,
    issuer: Issuer,
    languages: Sequence[str],
    earlier: Sequence[Reference] = (),
    positions: Sequence[Position] = (),
) -> bytes:
    """Write a message, an info for each language. `positions` are of the stations it is of.

    A message has one identifier, so it should be written in all languages: who reads it chooses.
    """
    alert = ET.Element("alert", xmlns=NAMESPACE)
    sender = issuer.sender.translate(_FORBIDDEN)
    kind = message_type(fact, is_first=not earlier)
    put(alert, "identifier", identifier(issuer, fact.key))
    put(alert, "sender", sender)
    put(alert, "sent", instant(sent_ms))
    put(alert, "status", issuer.status.value)
    put(alert, "msgType", kind.value)
    put(alert, "scope", "Private")
    put(alert, "addresses", issuer.addresses)
    if earlier and kind is not MessageType.ALERT:
        told = (f"{sender},{one.identifier},{instant(one.sent_ms)}" for one in earlier)
        put(alert, "references", " ".join(told))
    for language in languages:
        _info(alert, fact, sent_ms, issuer, language, positions)
    return document(alert)


def message_type(fact: AlertFact, *, is_first: bool) -> MessageType:
    """Say what a change is to what was sent before; without that it is an alert (3.2.1)."""
    if is_first:
        return MessageType.ALERT
    if fact.change is Change.ENDED or fact.is_taken_back:
        return MessageType.CANCEL
    if fact.occasion is Occasion.CORRECTION and fact.level is Severity.NORMAL:
        return MessageType.CANCEL
    return MessageType.UPDATE


def instant(time_ms: int) -> str:
    """Write an instant; UTC is -00:00, for `Z` is not allowed (3.3.2)."""
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms)
    return f"{at:%Y-%m-%dT%H:%M:%S}-00:00"


def _info(
    alert: ET.Element,
    fact: AlertFact,
    sent_ms: int,
    issuer: Issuer,
    language: str,
    positions: Sequence[Position],
) -> None:
    spoken = language_of(language)
    said = saying(spoken.code, fact, sent_ms)
    kind = KINDS[fact.kind]
    terms = terms_of(fact)
    info = ET.SubElement(alert, "info")
    put(info, "language", spoken.tag)
    put(info, "category", kind.cap.category)
    put(info, "event", said.name)
    put(info, "responseType", terms.response)
    put(info, "urgency", terms.urgency)
    put(info, "severity", terms.severity)
    put(info, "certainty", terms.certainty)
    put(info, "onset", instant(fact.since_ms))
    # What is told late is no news: it ends when it would have, had it been told in time.
    put(info, "expires", instant(kind.realarm_ms + (sent_ms if is_end(fact) else fact.at_ms)))
    put(info, "senderName", issuer.name)
    put(info, "headline", cut(f"{said.title}: {said.spot}, {fact.place.site}", _MOST_HEADLINE))
    put(info, "description", " ".join([said.headline, *said.sentences, *said.details]))
    if said.advice:
        put(info, "instruction", said.advice)
    if issuer.web:
        put(info, "web", issuer.web)
    for name, value in _parameters(fact):
        parameter = ET.SubElement(info, "parameter")
        put(parameter, "valueName", name)
        put(parameter, "value", value)
    _area(info, fact, positions)


@dataclass(frozen=True, slots=True)
class Terms:
    """How CAP classes a change (3.2.2)."""

    response: str
    urgency: str
    severity: str
    certainty: str


_NOBODY_KNOWS = "Unknown"


def terms_of(fact: AlertFact) -> Terms:
    """Class a change: all clear is said of what was measured to be over, and of nothing else."""
    of, severity = KINDS[fact.kind].cap, CAP_SEVERITY[fact.level]
    if is_end(fact) and fact.change is not Change.CLEARED:
        return Terms("None", _NOBODY_KNOWS, _NOBODY_KNOWS, _NOBODY_KNOWS)
    if fact.change is Change.LOST:
        known = severity if fact.level > Severity.NORMAL else _NOBODY_KNOWS
        return Terms("Monitor", _NOBODY_KNOWS, known, _NOBODY_KNOWS)
    if fact.level is Severity.NORMAL:
        response = "AllClear" if fact.change is Change.CLEARED else "None"
        return Terms(response, "Past", severity, of.certainty)
    return Terms(of.response, of.urgency, severity, of.certainty)


def is_end(fact: AlertFact) -> bool:
    """Tell whether nothing is warned of any more: it is over, not watched, or was never so."""
    return fact.change in (Change.CLEARED, Change.ENDED) or fact.is_taken_back


def _parameters(fact: AlertFact) -> Iterable[tuple[str, str]]:
    """Give what programs may go by: exact numbers, and of what."""
    yield "kind", fact.kind
    if fact.property:
        yield "property", fact.property
    if fact.value is not None:
        yield "value", repr(fact.value)
        yield "unit", fact.unit
    if fact.threshold is not None:
        yield "threshold", repr(fact.threshold)


def _area(info: ET.Element, fact: AlertFact, positions: Sequence[Position]) -> None:
    own = positions
    if not own and fact.place.lat is not None and fact.place.lon is not None:
        own = [(fact.place.lat, fact.place.lon)]
    area = ET.SubElement(info, "area")
    where = fact.place.thing or fact.place.gateway
    put(area, "areaDesc", f"{fact.place.site}, {where}")
    drawn = polygon(own)
    around = circle(own)
    if drawn:
        put(area, "polygon", drawn)
    elif around:
        put(area, "circle", around)
