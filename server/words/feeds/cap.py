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
from server.words.languages import language_of
from server.words.saying import saying

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
MEDIA_TYPE = "application/cap+xml"

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
    national service should issue for the public.
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
    """Write a message, an info for each language. `positions` are of the stations it is of."""
    alert = ET.Element("alert", xmlns=NAMESPACE)
    sender = issuer.sender.translate(_FORBIDDEN)
    kind = message_type(fact, is_first=not earlier)
    _put(alert, "identifier", identifier(issuer, fact.key))
    _put(alert, "sender", sender)
    _put(alert, "sent", instant(sent_ms))
    _put(alert, "status", issuer.status.value)
    _put(alert, "msgType", kind.value)
    _put(alert, "scope", "Private")
    _put(alert, "addresses", issuer.addresses)
    if earlier and kind is not MessageType.ALERT:
        told = (f"{sender},{one.identifier},{instant(one.sent_ms)}" for one in earlier)
        _put(alert, "references", " ".join(told))
    for language in languages:
        _info(alert, fact, sent_ms, issuer, language, positions)
    ET.indent(alert)
    written: bytes = ET.tostring(alert, encoding="utf-8", xml_declaration=True)
    return written


def message_type(fact: AlertFact, *, is_first: bool) -> MessageType:
    """Say what a change is to what was sent before; without that it is an alert (3.2.1)."""
    if is_first:
        return MessageType.ALERT
    if fact.change is Change.ENDED:
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
    is_over = fact.level is Severity.NORMAL
    info = ET.SubElement(alert, "info")
    _put(info, "language", spoken.tag)
    _put(info, "category", kind.cap.category)
    _put(info, "event", said.name)
    _put(info, "responseType", "AllClear" if is_over else kind.cap.response)
    _put(info, "urgency", "Past" if is_over else kind.cap.urgency)
    _put(info, "severity", CAP_SEVERITY[fact.level])
    _put(info, "certainty", kind.cap.certainty)
    _put(info, "onset", instant(fact.since_ms))
    _put(info, "expires", instant(sent_ms + kind.realarm_ms))
    _put(info, "senderName", issuer.name)
    _put(info, "headline", f"{said.title}: {said.spot}, {fact.place.site}"[:160])
    _put(info, "description", " ".join([said.headline, *said.sentences, *said.details]))
    if said.advice:
        _put(info, "instruction", said.advice)
    if issuer.web:
        _put(info, "web", issuer.web)
    for name, value in _parameters(fact):
        parameter = ET.SubElement(info, "parameter")
        _put(parameter, "valueName", name)
        _put(parameter, "value", value)
    _area(info, fact, positions)


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
    _put(area, "areaDesc", f"{fact.place.site}, {where}")
    drawn = polygon(own)
    around = circle(own)
    if drawn:
        _put(area, "polygon", drawn)
    elif around:
        _put(area, "circle", around)


def _put(parent: ET.Element, name: str, value: str) -> None:
    ET.SubElement(parent, name).text = value
