"""Rules over HTTP: kept, refused with the remedy, switched off, tried out."""

import pytest

from tests.server.api.alerts.world import REW

PLAIN = {
    "kind": "dry_soil",
    "scope": {"site": "kubuqi-north"},
    "level": [{"severity": "warning", "below": "0.4", "leave": "0.5"}],
}


def put(api, key="mine", rule=PLAIN, **options):
    return api.client.put(f"/api/v1/rules/{key}", json=rule, **options)


def test_a_rule_is_kept_and_read_back(warned_api):
    answer = put(warned_api)

    assert answer.status_code == 200, answer.text
    kept = warned_api.get("/api/v1/rules/mine")
    assert kept == answer.json()
    assert (kept["enabled"], kept["by_default"], kept["revision"]) == (True, False, 1)
    assert kept["definition"]["level"] == [{"severity": "warning", "below": "0.4", "leave": "0.5"}]
    assert "mine" in [one["key"] for one in warned_api.get("/api/v1/rules")["items"]]


def test_the_rules_of_new_sites_are_listed(warned_api):
    rules = {one["key"]: one for one in warned_api.get("/api/v1/rules")["items"]}

    assert rules["kubuqi-north-dry-soil"]["by_default"] is True
    assert rules["dry"]["by_default"] is False


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (PLAIN | {"unit": "Cel"}, "'Cel' is a temperature"),
        (PLAIN | {"kind": "dry_soll"}, "did you mean 'dry_soil'?"),
        (PLAIN | {"scope": {"site": "gobi"}}, "known are: kubuqi-north, ulan-buh"),
        (PLAIN | {"colour": "red"}, "colour"),
        (PLAIN | {"key": "other"}, "make them the same"),
        ([], "one JSON object"),
        (PLAIN | {"level": [{"severity": "warning", "below": "0.4", "leave": "0.3"}]}, "leave"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_with_the_remedy(warned_api, rule, said):
    answer = put(warned_api, rule=rule)

    assert answer.status_code == 422
    assert said in answer.json()["detail"]
    assert warned_api.problem("/api/v1/rules/mine")["status"] == 404


def test_what_is_no_json_is_refused(warned_api):
    for body in (b"{", b"\xff", b"[" * 50_000, b" " * 70_000):
        assert warned_api.client.put("/api/v1/rules/mine", content=body).status_code == 422


def test_a_rule_is_switched_off_and_stays(warned_api):
    answer = warned_api.client.delete("/api/v1/rules/dry")

    assert answer.json()["enabled"] is False
    assert warned_api.get("/api/v1/rules/dry")["enabled"] is False
    assert warned_api.client.delete("/api/v1/rules/none").status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/api/v1/rules/mine"),
        ("DELETE", "/api/v1/rules/dry"),
        ("POST", "/api/v1/rules/trial"),
    ],
)
def test_a_page_from_elsewhere_changes_no_rule(warned_api, method, path):
    headers = {"Origin": "http://elsewhere.example"}

    answer = warned_api.client.request(method, path, json=PLAIN, headers=headers)

    assert answer.status_code == 403
    assert warned_api.get("/api/v1/rules/dry")["enabled"] is True


def test_a_dry_run_tells_of_what_it_would_have_warned_and_keeps_nothing(warned_api):
    before = warned_api.get("/api/v1/rules")

    answer = warned_api.client.post("/api/v1/rules/trial?days=30", json=PLAIN)

    tried = answer.json()
    assert tried["sentence"] == "It would have warned 2 times in the last 30 days."
    assert tried["series_tried"] == 3
    assert [(one["subject"], one["until"]) for one in tried["episodes"]] == [
        (f"dune-1/probe-30cm/{REW}", None),
        (f"dune-1/probe-60cm/{REW}", None),
    ]
    assert warned_api.get("/api/v1/rules") == before


def test_what_the_clock_judges_cannot_be_tried(warned_api):
    answer = warned_api.client.post("/api/v1/rules/trial", json={"kind": "gateway_offline"})

    assert answer.status_code == 422
    assert "judged by the clock" in answer.json()["detail"]
