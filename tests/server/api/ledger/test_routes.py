"""The ledger over HTTP."""

import pytest

LEDGER = "/api/v1/gateways/kubuqi-dune/ledger"


def test_a_gateway_tells_how_complete_its_series_are(api):
    found = api.get(LEDGER)

    assert (found["gateway"], found["from"], found["to"]) == (
        "kubuqi-dune",
        "2026-10-21T07:00:00.000Z",
        "2026-11-20T07:00:00.000Z",
    )
    (soil,) = [one for one in found["series"] if one["name"] == "dune-1/soil-10cm/soil_ec"]
    assert soil["gaps"][0] == {
        "from": "2026-11-20T06:59:00.000Z",
        "to": "2026-11-20T06:59:10.000Z",
        "absent": 1,
        "cause": "sensor_missing",
        "reason": '=1+1, "quoted"',
    }


def test_outboxes_are_counted_in_batches(api):
    (outbox,) = api.get(LEDGER)["outboxes"]

    counts = {key: outbox[key] for key in ("sealed", "stored", "holes", "refused", "lost")}
    assert counts == {"sealed": 5, "stored": 3, "holes": 1, "refused": 1, "lost": 0}
    assert (outbox["summary"], outbox["completeness"]) == ("60.00 %, 1 hole, 1 refused", 60.0)
    assert (outbox["closed"], outbox["carried"], outbox["set_aside"]) == (False, 0, 0)
    assert [(one["first"], one["last"], one["cause"]) for one in outbox["lacks"]] == [
        (5, 5, "not_yet_received"),
        (4, 4, "refused"),
    ]


def test_an_unknown_gateway_is_not_found(api):
    problem = api.problem("/api/v1/gateways/nobody/ledger")

    assert (problem["status"], problem["detail"]) == (404, "There is no gateway 'nobody'.")


@pytest.mark.parametrize(
    "span",
    [
        {"from": "2026-11-20T07:00:00Z", "to": "2026-11-20T07:00:00Z"},
        {"from": "2026-11-21T07:00:00Z"},
        {"from": "2020-01-01T00:00:00Z"},
        {"to": "yesterday"},
    ],
)
def test_a_span_that_cannot_be_is_refused(api, span):
    assert api.problem(LEDGER, **span)["status"] == 422
