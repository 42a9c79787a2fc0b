"""CAP 1.2 and Atom, checked against what their standards say, and CAP by the schema of OASIS."""

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from server.alerts.condition import Severity
from server.alerts.kinds import KINDS
from server.alerts.machine import Change
from server.words.facts import Occasion
from server.words.feeds.area import circle, polygon
from server.words.feeds.atom import Entry, Feed, atom
from server.words.feeds.cap import Issuer, Reference, Status, cap
from server.words.languages import LANGUAGES
from server.words.preview import preview

NOW = 1_795_200_000_000
ISSUER = Issuer("alerts@saxaul.example", "Kubuqi programme", "subscribers")
CAP = "{urn:oasis:names:tc:emergency:cap:1.2}"
ATOM = "{http://www.w3.org/2005/Atom}"

# 3.4: see oasis/NOTICE. It knows no references, names and positions: these are looked at below.
SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).parent / "oasis" / "CAP-v1.2.xsd"))
# CAP 1.2, clause 3.4: elements in their order, and which must be there.
ALERT = ["identifier", "sender", "sent", "status", "msgType", "source", "scope", "restriction",
         "addresses", "code", "note", "references", "incidents", "info"]  # fmt: skip
INFO = ["language", "category", "event", "responseType", "urgency", "severity", "certainty",
        "audience", "eventCode", "effective", "onset", "expires", "senderName", "headline",
        "description", "instruction", "web", "contact", "parameter", "resource",
        "area"]  # fmt: skip
AREA = ["areaDesc", "polygon", "circle", "geocode", "altitude", "ceiling"]
WORDS = {
    "status": {"Actual", "Exercise", "System", "Test", "Draft"},
    "msgType": {"Alert", "Update", "Cancel", "Ack", "Error"},
    "scope": {"Public", "Restricted", "Private"},
    "category": {"Geo", "Met", "Safety", "Security", "Rescue", "Fire", "Health", "Env",
                 "Transport", "Infra", "CBRNE", "Other"},
    "responseType": {"Shelter", "Evacuate", "Prepare", "Execute", "Avoid", "Monitor", "Assess",
                     "AllClear", "None"},
    "urgency": {"Immediate", "Expected", "Future", "Past", "Unknown"},
    "severity": {"Extreme", "Severe", "Moderate", "Minor", "Unknown"},
    "certainty": {"Observed", "Likely", "Possible", "Unlikely", "Unknown"},
}  # fmt: skip
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[-+]\d\d:\d\d")
NAME = re.compile(r"[^\s<&,]+")


def faults(document: bytes) -> list[str]:
    """Say what of a message is not as CAP 1.2 has it."""
    alert = ET.fromstring(document)
    found = [] if alert.tag == f"{CAP}alert" else ["root"]
    if not SCHEMA.validate(etree.fromstring(document)):
        found += [one.message for one in SCHEMA.error_log]
    found += _order(alert, ALERT, {"identifier", "sender", "sent", "status", "msgType", "scope"})
    found += _written(alert) + _told(alert)
    for info in alert.findall(f"{CAP}info"):
        found += _order(info, INFO, {"category", "event", "urgency", "severity", "certainty"})
        for area in info.findall(f"{CAP}area"):
            found += _order(area, AREA, {"areaDesc"}) + _drawn(area)
    return found


def _written(alert):
    found = []
    for one in alert.iter():
        name, text = one.tag.removeprefix(CAP), one.text or ""
        if name in WORDS and text not in WORDS[name]:
            found.append(f"{name} {text}")
        if name in ("sent", "onset", "effective", "expires") and not TIME.fullmatch(text):
            found.append(f"{name} {text}")
        if name in ("identifier", "sender") and not NAME.fullmatch(text):
            found.append(f"{name} {text}")
    return found


def _told(alert):
    found = []
    kind, references = alert.findtext(f"{CAP}msgType"), alert.findtext(f"{CAP}references")
    if kind in ("Update", "Cancel") and not references:
        found.append("references")
    if alert.findtext(f"{CAP}scope") == "Private" and not alert.findtext(f"{CAP}addresses"):
        found.append("addresses")
    for one in (references or "").split():
        parts = one.split(",")
        if len(parts) != 3 or not TIME.fullmatch(parts[2]):
            found.append(f"references {one}")
    return found


def _order(parent, order, needed):
    names = [one.tag.removeprefix(CAP) for one in parent]
    places = [order.index(one) if one in order else -1 for one in names]
    found = [f"missing {one}" for one in sorted(needed - set(names))]
    return found if places == sorted(places) and -1 not in places else [*found, f"order {names}"]


def _drawn(area):
    found = []
    for one in area.findall(f"{CAP}polygon"):
        pairs = [tuple(map(float, pair.split(","))) for pair in one.text.split()]
        if len(pairs) < 4 or pairs[0] != pairs[-1]:
            found.append(f"polygon {one.text}")
        if not all(-90 <= lat <= 90 and -180 <= lon <= 180 for lat, lon in pairs):
            found.append(f"polygon {one.text}")
    circles = [one.text for one in area.findall(f"{CAP}circle")]
    wrong = [one for one in circles if not re.fullmatch(r"-?[\d.]+,-?[\d.]+ [\d.]+", one)]
    return found + [f"circle {one}" for one in wrong]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_and_change_is_valid(kind):
    for change in Change:
        for occasion in Occasion:
            for earlier in ((), (Reference("alerts@saxaul.example.6", NOW - 3_600_000),)):
                fact = preview(kind, change, occasion, NOW)
                assert faults(cap(fact, NOW, ISSUER, ["en", "zh", "ar"], earlier)) == []


def test_the_check_finds_what_is_wrong():
    """The validator of this file is worth something."""
    document = cap(preview("frost", Change.RAISED, Occasion.NEW, NOW), NOW, ISSUER, ["en"])
    for good, bad in ((b"-00:00", b"Z"), (b"<scope>Private", b"<scope>private"),
                      (b"<msgType>Alert", b"<msgType>Update"), (b"<event>Frost</event>", b""),
                      (b"<sender>alerts", b"<sender>al erts")):  # fmt: skip
        assert good in document
        assert faults(document.replace(good, bad)) != []


ODD_NAMES = [
    "<b>&]]>\"'",
    "سد \u202e الرمل",
    "𠀀" + "长" * 300,
    "a\x01b\x0bc\x00d\ufffe",
    "\r\nBcc: x",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_whatever_things_are_called_feeds_can_be_read(name):
    fact = preview("frost", Change.RAISED, Occasion.NEW, NOW)
    fact = replace(fact, place=replace(fact.place, thing=name, site=name, gateway=name), rule=name)
    issuer = replace(ISSUER, name=name)
    assert faults(cap(fact, NOW, issuer, list(LANGUAGES))) == []
    feed = Feed("urn:x", "https://saxaul.example/feeds/x.atom", name, name, NOW)
    read = ET.fromstring(atom(feed, [Entry(fact, NOW, "https://a.example", "urn:c")], "ar"))
    assert "\u202e" not in "".join(read.itertext())


def told(change, level=Severity.WARNING, **how):
    """Say by which words of CAP a change is classed."""
    fact = replace(preview("frost", change, Occasion.NEW, NOW), level=level, **how)
    info = ET.fromstring(cap(fact, NOW, ISSUER, ["en"])).find(f"{CAP}info")
    names = ("responseType", "urgency", "severity", "certainty")
    return [info.findtext(f"{CAP}{name}") for name in names]


def test_all_clear_is_said_of_what_was_measured_to_be_over_and_of_nothing_else():
    over = told(Change.CLEARED, Severity.NORMAL)
    assert (over[0], over[1]) == ("AllClear", "Past")
    unknown = ["None", "Unknown", "Unknown", "Unknown"]
    assert told(Change.ENDED, Severity.NORMAL) == unknown
    assert told(Change.RAISED, is_taken_back=True) == unknown
    assert told(Change.LOST) == ["Monitor", "Unknown", "Moderate", "Unknown"]
    assert told(Change.LOST, Severity.NORMAL) == ["Monitor", "Unknown", "Unknown", "Unknown"]
    assert told(Change.FOUND, Severity.NORMAL)[0] == "None"


def test_what_is_told_late_does_not_hold_for_longer():
    fact = replace(preview("frost", Change.RAISED, Occasion.NEW, NOW), at_ms=NOW - 86_400_000)
    ends = {
        ET.fromstring(cap(fact, sent, ISSUER, ["en"])).findtext(f".//{CAP}expires")
        for sent in (NOW, NOW + 3_600_000)
    }
    assert len(ends) == 1


def test_latitude_comes_first_and_the_polygon_is_closed():
    positions = [(40.6, 108.9), (40.7, 108.9), (40.6, 109.0), (40.62, 108.93)]
    document = cap(
        preview("frost", Change.RAISED, Occasion.NEW, NOW), NOW, ISSUER, ["en"], (), positions
    )
    drawn = ET.fromstring(document).findtext(f".//{CAP}polygon")
    assert drawn == "40.60000,108.90000 40.60000,109.00000 40.70000,108.90000 40.60000,108.90000"


def test_one_station_has_a_circle():
    assert circle([(40.6, 108.9)]) == "40.60000,108.90000 1"
    assert polygon([(40.6, 108.9)]) is None
    assert polygon([(40.6, 108.9), (40.7, 108.9), (40.8, 108.9)]) is None


_POSITIONS = st.lists(
    st.tuples(st.integers(-80, 80), st.integers(-170, 170)), min_size=3, max_size=12
)


@given(_POSITIONS)
def test_a_hull_holds_every_position(positions):
    drawn = polygon(positions)
    if drawn is None:
        return
    corners = [tuple(map(float, pair.split(","))) for pair in drawn.split()]
    for lat, lon in positions:
        for (lat_a, lon_a), (lat_b, lon_b) in pairwise(corners):
            turn = (lon_b - lon_a) * (lat - lat_a) - (lat_b - lat_a) * (lon - lon_a)
            assert turn >= -1e-9


def test_what_ended_without_recovery_is_cancelled_and_names_what_it_cancels():
    earlier = (Reference("alerts@saxaul.example.6", NOW - 3_600_000),)
    document = cap(preview("frost", Change.ENDED, Occasion.NEW, NOW), NOW, ISSUER, ["en"], earlier)
    alert = ET.fromstring(document)
    assert alert.findtext(f"{CAP}msgType") == "Cancel"
    assert alert.findtext(f"{CAP}references") == (
        "alerts@saxaul.example,alerts@saxaul.example.6,2026-11-20T17:40:00-00:00"
    )


def test_a_trial_is_no_actual_warning():
    issuer = replace(ISSUER, status=Status.TEST)
    document = cap(preview("frost", Change.RAISED, Occasion.NEW, NOW), NOW, issuer, ["en"])
    assert ET.fromstring(document).findtext(f"{CAP}status") == "Test"


def test_critical_is_severe():
    fact = replace(preview("frost", Change.RISEN, Occasion.NEW, NOW), level=Severity.CRITICAL)
    document = cap(fact, NOW, ISSUER, ["en"])
    assert ET.fromstring(document).findtext(f".//{CAP}severity") == "Severe"


def test_atom_has_what_a_reader_needs():
    """RFC 4287, 4.1.1 and 4.1.2: id, title, updated of the feed and of each entry; an author."""
    address = "https://saxaul.example/feeds/kubuqi-north.atom"
    feed = Feed(address, f"{address}?language=ru", "Kubuqi north", "Kubuqi programme", NOW)
    fact = preview("dry_soil", Change.RAISED, Occasion.NEW, NOW)
    entry = Entry(fact, NOW, "https://saxaul.example/w/7", "https://saxaul.example/cap/7.xml")
    root = ET.fromstring(atom(feed, [entry], "ru"))
    assert root.findtext(f"{ATOM}id") == address
    assert root.findtext(f"{ATOM}title") == "Предупреждения: Kubuqi north"
    assert root.findtext(f"{ATOM}updated") == "2026-11-20T18:40:00Z"
    assert root.findtext(f"{ATOM}author/{ATOM}name") == "Kubuqi programme"
    (one,) = root.findall(f"{ATOM}entry")
    assert one.findtext(f"{ATOM}id") == f"{address}#preview"
    assert one.findtext(f"{ATOM}title") == "Сухая почва: Dune 1, глубина 30 см"
    assert one.findtext(f"{ATOM}updated") == "2026-11-20T18:40:00Z"
    links = {link.get("type"): link.get("href") for link in one.findall(f"{ATOM}link")}
    assert links["application/cap+xml"] == "https://saxaul.example/cap/7.xml"


def test_an_empty_feed_is_still_a_feed():
    feed = Feed("urn:x", "https://saxaul.example/feeds/x.atom", "X", "Saxaul", NOW)
    assert ET.fromstring(atom(feed, [], "en")).findtext(f"{ATOM}updated") == "2026-11-20T18:40:00Z"
