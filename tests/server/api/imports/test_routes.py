"""The upload of carried files: what is answered, what is refused, and from whom."""

import http.client
import socket
import threading
import time

import httpx
import pytest
from sqlalchemy import func, select, text

from server.api.imports import routes
from server.db.engine import writing
from server.db.tables import journal, observation
from tests.server.api.running import served
from tests.server.carry.factory import batch, inventory, of

ZIP = {"Content-Type": "application/zip"}
ADDRESS = "/api/v1/imports"


@pytest.fixture
def site(sqlite_engine):
    with served(sqlite_engine, {}) as running:
        yield running


@pytest.fixture
def post(site):
    def send(body, **headers):
        own = {name.replace("_", "-"): value for name, value in headers.items()}
        return site.client.post(ADDRESS, content=body, headers=ZIP | own)

    return send


def count(site, table):
    with site.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def test_a_file_is_stored_and_what_became_of_it_is_told(post, site):
    answer = post(of([1, 2, 3]).written())

    assert answer.status_code == 200
    told = answer.json()
    assert told == {
        "gateway": "kubuqi-dune",
        "epoch": "00c0ffee",
        "summary": ["3 batches of kubuqi-dune: 3 stored."],
        "named": 3,
        "stored": 3,
        "already_stored": 0,
        "refused": 0,
        "waiting": 0,
        "released": 0,
        "missing": 0,
        "observations": 9,
        "inventory": "applied",
        "reasons": [],
        "damage": [],
    }
    assert count(site, observation) == 9


def test_the_same_file_again_does_no_harm(post, site):
    raw = of([1, 2, 3]).written()
    post(raw)

    assert post(raw).json()["already_stored"] == 3
    assert count(site, observation) == 9


def test_a_large_body_comes_in_pieces_and_is_not_held_in_memory(post, monkeypatch):
    monkeypatch.setattr(routes, "MAX_BYTES", 100_000_000)
    raw = of(range(1, 300)).written()

    def pieces():
        for at in range(0, len(raw), 1000):
            yield raw[at : at + 1000]

    assert post(pieces()).json()["stored"] == 299


def test_of_a_damaged_file_what_is_whole_is_stored_and_the_rest_is_told(post):
    carried = of(range(1, 11))
    carried.batches[3] = b"poison"
    raw = carried.written()

    told = post(raw[: raw.index(b"/00c0ffee/9")]).json()

    assert (told["stored"], told["refused"], told["missing"]) == (7, 1, 2)
    assert told["reasons"][0]["count"] == 1
    assert told["summary"][0] == "10 batches of kubuqi-dune: 7 stored, 1 refused, 2 missing."
    assert "The file is damaged (the file was cut short" in told["summary"][1]


def problem(answer, status):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    return answer.json()["detail"]


def test_what_is_no_carried_file_is_a_problem_and_leaves_nothing(post, site):
    assert "no file of saxaul-gateway export" in problem(post(b"holiday" * 100), 422)
    assert "no file of saxaul-gateway export" in problem(post(b""), 422)
    assert count(site, journal) == 0


@pytest.mark.parametrize(
    "kind",
    ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", ""],
)
def test_what_a_plain_form_of_a_page_can_send_is_refused(post, site, kind):
    answer = post(of([1]).written(), Content_Type=kind)

    assert "Content-Type: application/zip" in problem(answer, 415)
    assert count(site, journal) == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://evil.example", "Sec_Fetch_Site": "same-origin"},
    ],
    ids=str,
)
def test_a_page_from_elsewhere_is_refused_before_its_file_is_read(post, site, headers):
    answer = post(of([1]).written(), **headers)

    assert "from elsewhere" in problem(answer, 403)
    assert count(site, journal) == 0


def test_our_own_page_and_a_program_are_let_in(post, site):
    own = {"Origin": site.url, "Sec_Fetch_Site": "same-origin"}

    assert post(of([1]).written(), **own).status_code == 200
    assert post(of([2]).written()).status_code == 200


def test_no_page_from_elsewhere_gets_leave_to_send_the_type(site):
    """A browser asks first (CORS preflight); nothing here says yes."""
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = site.client.options(ADDRESS, headers=asked)

    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_body_that_says_it_is_too_large_is_refused_unread(site):
    with socket.create_connection(site.client.base_url.netloc.decode().split(":")) as line:
        line.sendall(
            f"POST {ADDRESS} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/zip\r\n"
            "Content-Length: 3000000000\r\n\r\n".encode()
        )
        answer = http.client.HTTPResponse(line)
        answer.begin()
        assert (answer.status, b"over 2 GB" in answer.read()) == (413, True)


def test_a_body_that_turns_out_too_large_is_refused(post, site, monkeypatch):
    monkeypatch.setattr(routes, "MAX_BYTES", 1000)

    def pieces():
        yield from [b"x" * 600] * 3

    problem(post(pieces()), 413)


def test_an_upload_that_breaks_off_is_no_bug_and_the_next_may_come(site, post, caplog):
    with socket.create_connection(site.client.base_url.netloc.decode().split(":")) as line:
        line.sendall(
            f"POST {ADDRESS} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/zip\r\n"
            "Content-Length: 3000\r\n\r\nbegun".encode()
        )

    raw = of([1]).written()
    for _ in range(100):
        answer = post(raw)
        if answer.status_code != 409:
            break
    assert answer.status_code == 200
    assert caplog.records == []


def test_one_file_at_a_time(site, post):
    begun, go_on = threading.Event(), threading.Event()

    def pieces():
        raw = of([1]).written()
        yield raw[:10]
        begun.set()
        assert go_on.wait(20)
        yield raw[10:]

    answers = []
    with httpx.Client(base_url=site.url, timeout=20) as other:
        thread = threading.Thread(
            target=lambda: answers.append(other.post(ADDRESS, content=pieces(), headers=ZIP))
        )
        thread.start()
        assert begun.wait(20)
        while (second := post(of([2]).written())).status_code == 200:
            pass  # the first has not quite arrived
        go_on.set()
        thread.join(20)

    assert "Another file" in problem(second, 409)
    assert answers[0].status_code == 200


def test_the_live_page_hears_of_it(post, site, monkeypatch):
    told = []
    monkeypatch.setattr(site.hub, "publish", told.extend)

    post(of([1]).written())

    assert 2001.0 in [row.value for row in told]


def test_a_database_that_is_away_is_a_problem_with_a_time_to_come_back(post, site):
    with writing(site.engine) as connection:
        connection.execute(text("ALTER TABLE journal RENAME TO taken_away"))

    answer = post(of([1]).written())

    problem(answer, 503)
    assert answer.headers["retry-after"] == "5"


def test_batches_wait_when_no_inventory_names_their_series(post):
    carried = of([], inventory=inventory("soil-10cm"))
    carried.batches[1] = batch(1, "soil-99cm")

    told = post(carried.written()).json()

    assert told["waiting"] == 1
    assert told["summary"][1].startswith("Waiting: 1 batch of series that no inventory")


def test_a_server_that_stops_does_not_wait_for_an_import(sqlite_engine):
    """Who sent the file is told; what was committed stays."""
    answers, begun = [], threading.Event()
    with served(sqlite_engine, {}) as site:
        site.hub.publish = lambda _rows: begun.set()
        raw = of(range(1, 10_001)).written()
        send = lambda: answers.append(  # noqa: E731
            httpx.post(site.url + ADDRESS, content=raw, headers=ZIP, timeout=20)
        )
        thread = threading.Thread(target=send)
        thread.start()
        assert begun.wait(20)
        begun_s = time.monotonic()
    took_s = time.monotonic() - begun_s
    thread.join(20)
    await_imports()

    assert took_s < 4
    assert "The server stops" in problem(answers[0], 503)
    assert 100 <= count_of(sqlite_engine) < 10_000


def await_imports():
    """A stopping server leaves an import to itself; here the database must not be closed before."""
    for one in threading.enumerate():
        if one.name == "import":
            one.join(20)
            assert not one.is_alive()


def count_of(engine):
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(journal)).scalar_one()


def test_an_upload_that_falls_silent_keeps_nobody_out(site, post, monkeypatch):
    """Of a computer that was put to sleep the connection never ends."""
    monkeypatch.setattr(routes, "_SILENCE_S", 0.2)
    address = (site.client.base_url.host, site.client.base_url.port)
    head = f"POST {ADDRESS} HTTP/1.1\r\nHost: {address[0]}\r\nContent-Type: application/zip\r\n"
    with socket.create_connection(address, timeout=10) as sleeper:
        sleeper.sendall(f"{head}Content-Length: 1000\r\n\r\nPK".encode())
        answer = sleeper.recv(4096)

        assert answer.startswith(b"HTTP/1.1 408")
        assert b"application/problem+json" in answer
        assert post(of([1]).written()).status_code == 200
