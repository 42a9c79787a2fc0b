"""Feeds: Atom and CAP as other programs read them."""

from xml.etree import ElementTree as ET

from sqlalchemy import insert, select, update

from server.db.alert_tables import alert_rule, alert_transition, alert_watch
from server.db.engine import writing
from tests.server.api.alerts.world import REW, STEP, judge
from tests.server.api.factory import HOUR, NOW, store
from tests.server.api.running import served

ATOM = "{http://www.w3.org/2005/Atom}"
CAP = "{urn:oasis:names:tc:emergency:cap:1.2}"


def rain(api):
    """Dune 1 is moist again at 30 cm; the program judges what came."""
    stream = api.ids[f"dune-1/probe-30cm/{REW}"]
    store(api.engine, stream, [(NOW + at, 0.8, 1) for at in range(0, 8 * HOUR, STEP)])
    api.now = NOW + 8 * HOUR
    # As ingest does for what it has not judged itself.
    with writing(api.engine) as connection:
        rule = alert_watch.c.datastream_id == stream
        connection.execute(update(alert_watch).where(rule).values(refold_from=NOW))
    judge(api.engine, api.now)


def read(api, path, **params):
    answer = api.client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer, ET.fromstring(answer.content)


def test_each_site_has_a_feed_in_each_language(warned_api):
    feeds = warned_api.get("/feeds")["items"]

    assert {(one["site"], one["language"]) for one in feeds} >= {
        ("kubuqi-north", "en"),
        ("ulan-buh", "ar"),
    }
    for one in feeds[:2]:
        assert warned_api.client.get(one["atom"]).status_code == 200


def test_a_feed_tells_the_changes_of_its_site(warned_api):
    answer, feed = read(warned_api, "/feeds/kubuqi-north.atom", language="fr")

    assert answer.headers["content-type"].startswith("application/atom+xml")
    entries = feed.findall(f"{ATOM}entry")
    titles = [one.findtext(f"{ATOM}title") for one in entries]
    assert min(titles).startswith("Sol sec")
    assert not any("Edge 1" in one for one in titles)
    links = [one.get("href") for one in entries[0].findall(f"{ATOM}link")]
    for link in links:
        assert warned_api.client.get(link).status_code == 200, link


def test_a_change_is_a_cap_message_and_its_end_refers_to_it(warned_api):
    rain(warned_api)
    history = warned_api.get("/api/v1/alerts/2")["history"]
    cleared, raised = [one for one in history if one["change"] in ("cleared", "raised")]

    answer, first = read(warned_api, f"/feeds/kubuqi-north/cap/{raised['id']}.xml")
    _, last = read(warned_api, f"/feeds/kubuqi-north/cap/{cleared['id']}.xml", language="ru")

    assert answer.headers["content-type"].startswith("application/cap+xml")
    assert first.findtext(f"{CAP}msgType") == "Alert"
    assert first.find(f"{CAP}references") is None
    assert last.findtext(f"{CAP}msgType") == "Update"
    told = (first.findtext(f"{CAP}{name}") for name in ("sender", "identifier", "sent"))
    assert ",".join(told) in last.findtext(f"{CAP}references").split()
    assert last.findtext(f"{CAP}info/{CAP}language") == "ru-RU"
    spoken = [one.findtext(f"{CAP}language") for one in first.findall(f"{CAP}info")]
    assert spoken == ["en-GB", "zh-CN", "mn-MN", "ru-RU", "fr-FR", "ar-EG"]
    assert first.findtext(f"{CAP}info/{CAP}web").endswith("/alerts/2")


def test_who_has_the_newest_feed_is_sent_nothing(warned_api):
    path = "/feeds/kubuqi-north.atom"
    tag = warned_api.client.get(path).headers["etag"]

    again = warned_api.client.get(path, headers={"If-None-Match": f'W/"x", {tag}'})
    other = warned_api.client.get(path, headers={"If-None-Match": '"x"'})

    assert (again.status_code, again.content) == (304, b"")
    assert other.status_code == 200


def test_what_late_data_took_back_is_cancelled(warned_api):
    """Who has read the warning must be told: a message that is merely gone stays believed."""
    (raised,) = warned_api.get("/api/v1/alerts/2")["history"]
    with writing(warned_api.engine) as connection:
        gone = update(alert_transition).where(alert_transition.c.id == raised["id"])
        connection.execute(gone.values(superseded_at=NOW + HOUR))

    _, feed = read(warned_api, "/feeds/kubuqi-north.atom")
    newest = feed.find(f"{ATOM}entry")
    address = newest.find(f"{ATOM}link[@type='application/cap+xml']").get("href")
    _, cancel = read(warned_api, address)
    problem = warned_api.problem(f"/feeds/kubuqi-north/cap/{raised['id']}.xml")

    assert newest.findtext(f"{ATOM}title").startswith("Corrected: Dry soil")
    assert "this was not so" in newest.findtext(f"{ATOM}summary")
    assert cancel.findtext(f"{CAP}msgType") == "Cancel"
    sender, identifier, _ = cancel.findtext(f"{CAP}references").split(",")
    assert identifier == f"{sender}.{raised['id']}"
    assert (problem["status"], "taken-back.xml" in problem["detail"]) == (404, True)


def test_a_site_hears_of_its_gateways_but_not_of_silence_where_all_was_well(warned_api):
    of = alert_watch.c
    with writing(warned_api.engine) as connection:
        offline = select(alert_rule.c.id).where(alert_rule.c.kind == "gateway_offline")
        gateway = select(of.id).where(of.rule_id.in_(offline), of.gateway_id == "kubuqi-dune")
        raised = connection.execute(gateway).scalar_one()
        for watch, kind, level in ((1, "lost", 0), (raised, "raised", 2)):
            values = {"watch_id": watch, "kind": kind, "level_from": 0, "level_to": level,
                      "at": NOW, "since": NOW, "recorded_at": NOW, "corrected": False, "rule_rev": 1,
                      "machine": {}, "evidence": {}}  # fmt: skip
            connection.execute(insert(alert_transition).values(values))

    _, feed = read(warned_api, "/feeds/kubuqi-north.atom")

    titles = [one.text for one in feed.findall(f"{ATOM}entry/{ATOM}title")]
    assert "Gateway offline: gateway kubuqi-dune" in titles
    assert not any(one.startswith("Cannot be seen") for one in titles)


def test_the_address_people_know_goes_into_feeds(warned_file, warned_api):
    with served(warned_api.engine, {}, base_url="https://saxaul.example.org/") as api:
        _, feed = read(api, "/feeds/kubuqi-north.atom")
        _, cap = read(api, "/feeds/kubuqi-north/cap/1.xml")

    assert feed.findtext(f"{ATOM}id").startswith("https://saxaul.example.org/feeds/kubuqi-north")
    assert cap.findtext(f"{CAP}sender") == "kubuqi-north@saxaul.example.org"


def test_what_is_not_there_is_not_found(warned_api):
    unknown = warned_api.problem("/feeds/gobi.atom")
    assert (unknown["status"], "kubuqi-north" in unknown["detail"]) == (404, True)
    assert warned_api.problem("/feeds/kubuqi-north/cap/4711.xml")["status"] == 404
    assert warned_api.problem("/feeds/ulan-buh/cap/1.xml")["status"] == 404
    assert warned_api.problem("/feeds/kubuqi-north.atom", language="xx")["status"] == 422
