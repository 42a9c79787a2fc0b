"""What is active, read by programs."""

import pytest

from server.watch import acting
from tests.server.api.alerts.world import DAY, warned
from tests.server.api.factory import HOUR, NOW
from tests.server.api.running import served

DRY, PARCHED = "/api/v1/alerts/2", "/api/v1/alerts/3"


def ids_of(answer):
    return [one["id"] for one in answer["items"]]


def test_what_is_not_normal_is_listed_with_a_sentence(warned_api):
    found = {one["id"]: one for one in warned_api.get("/api/v1/alerts")["items"]}

    dry = found[2]
    assert dry["sentence"] == (
        "The soil at Dune 1, 30 cm deep has been dry since Tue 17/11 07:00: 34% of the water that "
        "plants can use (warning at 50%)."
    )
    assert (dry["state"], dry["severity"], dry["thing"]) == ("active", "warning", "dune-1")
    assert dry["since"] == "2026-11-17T07:00:00.000Z"
    assert (dry["evidence"]["value"], dry["evidence"]["depth_m"]) == (0.34, 0.3)
    assert dry["evidence"]["soil"] == {"texture": "sand", "assumed": True}
    assert found[3]["severity"] == "critical"
    assert 1 not in found


@pytest.mark.parametrize("database", ["sqlite_engine", "timescale_engine"])
def test_what_was_active_and_is_silent_is_unknown_on_either_database(database, request):
    engine = request.getfixturevalue(database)
    with served(engine, warned(engine)) as api:
        (edge,) = [
            one
            for one in api.get("/api/v1/alerts", state="unknown", site="ulan-buh")["items"]
            if one["severity"] != "normal"
        ]

    assert (edge["kind"], edge["state"], edge["thing"]) == ("dry_soil", "unknown", "edge-1")
    assert edge["silent_since"] == "2026-11-18T06:30:00.000Z"
    assert "we cannot see it" in edge["sentence"]


def test_a_list_is_filtered(warned_api):
    acting.acknowledge(warned_api.engine, 2, "Bayar", NOW)
    acting.shelve(warned_api.engine, 3, "Bayar", NOW, NOW + HOUR)

    def listed(**params):
        return ids_of(warned_api.get("/api/v1/alerts", **params))

    assert listed(state="acknowledged") == [2]
    assert listed(state="shelved") == [3]
    assert {2, 3} <= set(listed(state="active"))
    assert {2, 3} <= set(listed(kind="dry_soil", site="kubuqi-north"))
    assert not {2, 3} & set(listed(site="ulan-buh"))
    assert listed(kind="frost") == []
    warned_api.now = NOW + 2 * HOUR
    assert listed(state="shelved") == []


def test_a_list_is_read_in_parts(warned_api):
    whole = ids_of(warned_api.get("/api/v1/alerts"))
    found, address = [], "/api/v1/alerts?limit=1"
    while address:
        part = warned_api.get(address)
        found += ids_of(part)
        address = part["next"]

    assert found == whole
    assert len(whole) > 2


def test_a_warning_has_its_record(warned_api):
    acting.comment(warned_api.engine, 2, "Bayar", NOW, "the hose leaks")

    dry = warned_api.get(DRY)

    (raised,) = dry["history"]
    assert (raised["change"], raised["severity_from"], raised["severity_to"]) == (
        "raised",
        "normal",
        "warning",
    )
    assert raised["since"] == "2026-11-17T07:00:00.000Z"
    assert raised["at"] == "2026-11-17T13:00:00.000Z"
    (act,) = dry["acts"]
    assert (act["who"], act["act"], act["note"]) == ("Bayar", "comment", "the hose leaks")


def test_what_never_happened_says_where_it_looks(warned_api):
    moist = warned_api.get("/api/v1/alerts/1")

    assert (moist["state"], moist["history"]) == ("normal", [])
    assert moist["evidence"]["depth_m"] == 0.1
    assert moist["sentence"] == "Dry soil: nothing to warn of."


def test_an_alert_that_is_not_there_is_not_found(warned_api):
    assert warned_api.problem("/api/v1/alerts/4711")["status"] == 404


# ---------------------------------------------------------------- acts


def test_somebody_takes_care_of_it(warned_api):
    answer = warned_api.client.post(f"{DRY}/acknowledge", json={"who": "Bayar", "note": "soon"})

    assert answer.status_code == 200
    assert answer.json()["acknowledged_by"] == "Bayar"
    assert warned_api.get(DRY)["acts"][0]["note"] == "soon"


def test_what_is_not_active_cannot_be_acknowledged(warned_api):
    answer = warned_api.client.post("/api/v1/alerts/1/acknowledge", json={"who": "Bayar"})

    assert answer.status_code == 409
    assert "not active" in answer.json()["detail"]


def test_a_warning_is_put_aside_and_taken_back(warned_api):
    until = "2026-11-21T07:00:00Z"
    shelved = warned_api.client.post(f"{DRY}/shelve", json={"who": "Bayar", "until": until})
    back = warned_api.client.post(f"{DRY}/unshelve", json={"who": "Bayar"})

    assert shelved.json()["shelved_until"] == "2026-11-21T07:00:00.000Z"
    assert back.json()["shelved_until"] is None


@pytest.mark.parametrize(
    ("until", "said"),
    [
        ("2026-11-19T07:00:00Z", "within the next 180 days"),
        ("2027-11-19T07:00:00Z", "within the next 180 days"),
        ("tomorrow", "write ISO 8601"),
    ],
)
def test_an_impossible_end_is_refused_with_the_remedy(warned_api, until, said):
    answer = warned_api.client.post(f"{DRY}/shelve", json={"who": "Bayar", "until": until})

    assert answer.status_code == 422
    assert said in answer.json()["detail"]
    assert warned_api.get(DRY)["acts"] == []


@pytest.mark.parametrize("act", ["acknowledge", "comment", "shelve", "unshelve"])
def test_a_page_from_elsewhere_may_do_nothing(warned_api, act):
    body = {"who": "Bayar", "note": "x"} | ({"until": str(NOW + DAY)} if act == "shelve" else {})
    for headers in ({"Origin": "http://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = warned_api.client.post(f"{DRY}/{act}", json=body, headers=headers)
        assert answer.status_code == 403

    assert warned_api.get(DRY)["acts"] == []
    assert warned_api.client.post(f"{DRY}/{act}", json=body).status_code == 200


@pytest.mark.parametrize("act", ["acknowledge", "comment", "shelve", "unshelve"])
def test_an_act_on_what_is_not_there_is_not_found(warned_api, act):
    body = {"who": "Bayar", "note": "x"} | ({"until": str(NOW + DAY)} if act == "shelve" else {})

    answer = warned_api.client.post(f"/api/v1/alerts/4711/{act}", json=body)

    assert answer.status_code == 404


def test_somebody_without_a_name_is_refused(warned_api):
    for who in ("", "  "):
        answer = warned_api.client.post(f"{DRY}/acknowledge", json={"who": who})
        assert answer.status_code == 422
