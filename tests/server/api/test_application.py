"""The OpenAPI document, and that every error is a problem."""

import httpx
import psycopg
import pytest
import structlog
from openapi_spec_validator import validate

from server.db.engine import open_engine
from tests.server.api.running import served

JSON = "application/json"
PROBLEM = "application/problem+json"
STREAMED = {
    "follow_live": "text/event-stream",
    "read_journal_payload": "application/octet-stream",
    "read_feed": "application/atom+xml",
    "read_cap": "application/cap+xml",
    "read_cancel": "application/cap+xml",
}


@pytest.fixture(scope="module")
def document(api):
    return api.get("/api/v1/openapi.json")


def operations(document):
    return [one for path in document["paths"].values() for one in path.values()]


def test_the_document_is_valid(document):
    validate(document)


def test_every_operation_is_there(document):
    found = {one["operationId"] for one in operations(document)}

    assert found == {
        "list_sites",
        "list_things",
        "list_datastreams",
        "list_soils",
        "read_datastream",
        "list_latest",
        "read_observations",
        "read_series",
        "list_gateways",
        "list_alerts",
        "read_alert",
        "acknowledge_alert",
        "comment_alert",
        "shelve_alert",
        "unshelve_alert",
        "list_rules",
        "read_rule",
        "put_rule",
        "switch_rule_off",
        "try_rule",
        "list_feeds",
        "read_feed",
        "read_cap",
        "read_cancel",
        "list_journal",
        "read_journal_payload",
        "read_ledger",
        "import_file",
        "follow_live",
        "read_health",
        "read_readiness",
    }


def test_every_operation_says_what_it_is_and_answers(document):
    known = {tag["name"] for tag in document["tags"]}
    found = operations(document)
    assert len({one["operationId"] for one in found}) == len(found)
    for one in found:
        kind = STREAMED.get(one["operationId"], JSON)

        assert one["summary"]
        assert set(one["tags"]) <= known
        assert one["responses"]["200"]["content"][kind]["schema"], one["operationId"]


def test_every_operation_documents_its_problems(document):
    for one in operations(document):
        statuses = {status for status in one["responses"] if status != "200"}
        expected = set() if one["operationId"] == "read_health" else {"503"}
        if one.get("parameters"):
            expected.add("422")
        if "{" in next(p for p, o in document["paths"].items() if one in o.values()):
            expected.add("404")

        assert statuses >= expected, one["operationId"]
        for status in statuses:
            schema = one["responses"][status]["content"][PROBLEM]["schema"]
            assert schema["$ref"].rpartition("/")[2] in document["components"]["schemas"]


def test_every_property_of_the_answers_is_typed(document):
    """No answer hides behind an untyped object, but for what gateways and operators write."""
    free = {("Thing", "properties")}
    for name, schema in document["components"]["schemas"].items():
        for key, value in schema.get("properties", {}).items():
            typed = {"type", "$ref", "anyOf", "enum"} & set(value)
            assert typed or (name, key) in free, (name, key)


def test_an_unknown_address_is_a_problem(api):
    problem = api.problem("/api/v1/nothing")

    assert (problem["status"], problem["title"]) == (404, "Not Found")


def test_a_wrong_method_is_a_problem_that_says_what_is_allowed(api):
    answer = api.client.post("/api/v1/sites")

    assert answer.status_code == 405
    assert answer.headers["content-type"] == PROBLEM
    assert answer.headers["allow"] == "GET"


def test_an_unknown_parameter_is_refused_by_name(api):
    problem = api.problem("/api/v1/things", siet="kubuqi-north")

    assert problem["status"] == 422
    assert problem["errors"] == [
        {"parameter": "query.siet", "detail": "Extra inputs are not permitted"}
    ]


@pytest.mark.parametrize(
    "address",
    [
        "/api/v1/datastreams/0",
        "/api/v1/datastreams/99999999999",
        "/api/v1/things?limit=0",
        "/api/v1/things?after=99999999999",
        "/api/v1/datastreams?thing=99999999999",
        "/api/v1/things?site=%00",
        "/api/v1/latest?site=%00",
        "/api/v1/journal?gateway=%00",
        "/api/v1/journal?before=99999999999999999999",
        "/api/v1/journal?status=lost",
        "/api/v1/observations",
        "/api/v1/observations?datastream=1&limit=200001",
    ],
)
def test_a_parameter_out_of_its_range_is_refused_before_the_database_sees_it(api, address):
    api.statements.clear()

    assert api.problem(address)["status"] == 422
    assert api.statements == []


def test_a_database_that_fails_is_a_problem_with_a_time_to_come_back(tmp_path):
    """Here it has no tables; what a client sees is the same when it is away."""
    engine = open_engine(f"sqlite:///{tmp_path}/empty.db")
    with served(engine, {}) as api:
        answer = api.client.get("/api/v1/sites")
    engine.dispose()

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert "/readyz" in answer.json()["detail"]


@pytest.mark.parametrize("kind", [psycopg.OperationalError, psycopg.InterfaceError])
def test_a_driver_that_fails_by_itself_is_the_same_problem(api, monkeypatch, kind):
    """Large answers are read by the driver alone, whose errors nothing translates."""

    def lost(_):
        raise kind("the connection is lost")

    monkeypatch.setattr("server.api.queries.sites", lost)

    answer = api.client.get("/api/v1/sites")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def test_a_database_that_fails_is_logged_in_one_line(tmp_path):
    """While it is away every open page asks again and again."""
    engine = open_engine(f"sqlite:///{tmp_path}/empty.db")
    with served(engine, {}) as api, structlog.testing.capture_logs() as logs:
        api.client.get("/api/v1/sites")
    engine.dispose()

    assert [(one["event"], one["error"]) for one in logs] == [
        ("database_failed", "no such table: site")
    ]
    assert "exc_info" not in logs[0]


def test_a_bug_is_a_problem_that_tells_nothing_of_the_inside(api, monkeypatch):
    monkeypatch.setattr("server.api.queries.sites", lambda _: 1 / 0)

    problem = api.problem("/api/v1/sites")

    assert problem["status"] == 500
    assert "division" not in str(problem)


def test_a_bug_is_logged_once_with_its_traceback(api, monkeypatch, caplog):
    """By us, with the path; uvicorn would log it again."""
    monkeypatch.setattr("server.api.queries.sites", lambda _: 1 / 0)

    with structlog.testing.capture_logs() as logs:
        headers = api.client.get("/api/v1/sites").headers

    assert [(one["event"], one["path"], one["exc_info"]) for one in logs] == [
        ("request_failed", "/api/v1/sites", True)
    ]
    assert caplog.records == []
    assert headers["x-content-type-options"] == "nosniff"


def test_an_answer_that_breaks_off_is_not_taken_for_whole(api, monkeypatch, caplog):
    def broken(*_):
        yield b"time,value"
        raise ZeroDivisionError

    monkeypatch.setattr("server.api.columns.PART_ROWS", 1)  # more than that is sent as it is read

    monkeypatch.setattr("server.api.observations.csv_lines", broken)
    monkeypatch.setattr("server.api.problems.log", None)  # uvicorn alone logs it

    stream = api.ids["dune-1/soil-10cm/vwc"]
    with pytest.raises(httpx.RemoteProtocolError):
        api.client.get(f"/api/v1/observations?datastream={stream}&format=csv")

    assert len(caplog.records) == 1


@pytest.mark.parametrize("path", ["/", "/api/v1/sites", "/static/live.js", "/api/v1/nothing"])
def test_every_answer_carries_the_security_headers(api, path):
    headers = httpx.get(api.url + path, timeout=30).headers

    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers


@pytest.mark.parametrize(
    ("path", "told"), [("/", "no-store"), ("/static/live.js", "no-cache"), ("/healthz", "no-cache")]
)
def test_no_browser_keeps_an_answer_without_asking_again(api, path, told):
    assert httpx.get(api.url + path, timeout=30).headers["cache-control"] == told


def test_a_page_is_compressed_and_an_event_stream_is_not(api):
    """A stream that is held back for compression is not live."""
    assert api.client.get("/").headers["content-encoding"] == "gzip"
    with api.client.stream("GET", "/api/v1/live", headers={"Accept-Encoding": "gzip"}) as live:
        assert "content-encoding" not in live.headers
        assert next(live.iter_raw()) == b"retry: 3000\n\n"


def test_every_answer_says_how_long_the_server_worked(api):
    assert api.client.get("/api/v1/sites").headers["server-timing"].startswith("total;dur=")
