"""What became of each batch, and its bytes."""

import zlib
from hashlib import sha256


def test_the_newest_entry_comes_first(api):
    items = api.get("/api/v1/journal")["items"]

    assert [one["status"] for one in items] == ["waiting", "refused", "stored", "stored", "stored"]


def test_a_refused_batch_is_told_with_its_reason(api):
    (refused,) = api.get("/api/v1/journal", status="refused")["items"]

    assert refused["reason"] == "unknown unit 'furlong'"
    assert (refused["gateway"], refused["epoch"], refused["seq"]) == ("kubuqi-dune", "e0123456", 4)
    assert refused["received_at"] == "2026-11-20T07:00:00.000Z"
    assert (refused["size"], refused["digest"]) == (8, "00" * 32)


def test_a_stored_batch_says_what_it_brought(api):
    stored = api.get("/api/v1/journal", status="stored", limit=1)["items"][0]

    assert stored["observations"] == 5
    assert stored["first_time"] == stored["last_time"] == "2026-11-20T07:00:00.000Z"


def test_entries_of_a_gateway(api):
    items = api.get("/api/v1/journal", gateway="quiet")["items"]

    assert [one["status"] for one in items] == ["waiting"]


def test_a_long_journal_is_read_in_parts_that_keep_the_filter(api):
    part = api.get("/api/v1/journal", status="stored", limit=2)
    rest = api.get(part["next"])

    assert [one["seq"] for one in part["items"] + rest["items"]] == [3, 2, 1]
    assert rest["next"] is None


def test_the_list_does_not_read_payloads(api):
    """A page of the journal would otherwise move up to 25 MB."""
    api.statements.clear()
    api.get("/api/v1/journal")
    columns = next(one for one in api.statements if "journal" in one).split("FROM")[0]

    assert columns.count("payload") == columns.count("length(journal.payload)")


def test_a_payload_is_given_as_it_came_and_never_rendered(api):
    entry = api.get("/api/v1/journal", status="refused")["items"][0]
    answer = api.client.get(entry["payload"])

    assert answer.content == b"\x00payload"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"].startswith("attachment")


def test_a_packed_batch_is_given_as_it_came(api):
    """Whoever reads it need not know where it lies; its size is that of what came."""
    entry = api.get("/api/v1/journal", status="stored")["items"][-1]
    answer = api.client.get(entry["payload"])

    assert answer.content == zlib.compress(b"the first batch")
    assert entry["size"] == len(answer.content)
    assert entry["digest"] == sha256(answer.content).hexdigest()


def test_an_unknown_entry_has_no_payload(api):
    assert api.problem("/api/v1/journal/4711/payload")["status"] == 404
