"""Atom (RFC 4287): the warnings of a site for whoever prefers to look rather than to be called."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

from server.words.facts import AlertFact
from server.words.feeds.cap import MEDIA_TYPE as CAP_MEDIA_TYPE
from server.words.feeds.elements import document, put
from server.words.languages import language_of, say
from server.words.phrases import N_
from server.words.saying import saying

NAMESPACE = "http://www.w3.org/2005/Atom"
MEDIA_TYPE = "application/atom+xml"

_TITLE = N_("Warnings of %(site)s")


@dataclass(frozen=True, slots=True)
class Entry:
    """A change as it stands in a feed: when it was recorded (ms), its page, and its CAP message."""

    fact: AlertFact
    recorded_ms: int
    page: str
    cap: str


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed: `address` is where it is read, `id` its name, the same in every language.

    `updated_ms` is for one without entries.
    """

    id: str
    address: str
    site: str
    author: str
    updated_ms: int


def atom(feed: Feed, entries: Sequence[Entry], language: str) -> bytes:
    """Write a feed, newest first as given; the ids stay the same in every language."""
    spoken = language_of(language)
    root = ET.Element("feed", {"xmlns": NAMESPACE, "xml:lang": spoken.tag})
    put(root, "id", feed.id)
    put(root, "title", say(spoken.code, _TITLE, site=feed.site))
    newest = max((one.recorded_ms for one in entries), default=feed.updated_ms)
    put(root, "updated", _instant(newest))
    ET.SubElement(root, "link", {"rel": "self", "type": MEDIA_TYPE, "href": feed.address})
    author = ET.SubElement(root, "author")
    put(author, "name", feed.author)
    for one in entries:
        _entry(root, feed, one, spoken.code)
    return document(root)


def _entry(root: ET.Element, feed: Feed, one: Entry, language: str) -> None:
    said = saying(language, one.fact, one.recorded_ms)
    entry = ET.SubElement(root, "entry")
    put(entry, "id", f"{feed.id}#{one.fact.key}")
    put(entry, "title", f"{said.title}: {said.spot}")
    put(entry, "updated", _instant(one.recorded_ms))
    put(entry, "published", _instant(one.recorded_ms))
    for kind, address in (("text/html", one.page), (CAP_MEDIA_TYPE, one.cap)):
        ET.SubElement(entry, "link", {"rel": "alternate", "type": kind, "href": address})
    told = [said.headline, *said.sentences, *said.details, said.advice]
    put(entry, "summary", " ".join(one for one in told if one))


def _instant(time_ms: int) -> str:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms)
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
