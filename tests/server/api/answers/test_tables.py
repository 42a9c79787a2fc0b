"""Observations as Arrow and Parquet."""

import io
import sys

import pyarrow.parquet
import pytest
from pyarrow import ipc

from tests.server.api.factory import MINUTE, NOW

START = NOW - 10 * MINUTE
VALUES = [0.10, 0.11, 0.12, None, 0.14, 0.15, 0.16, 0.17, 0.18, 0.19]


def read(data, kind):
    if kind == "arrow":
        return ipc.open_stream(data).read_all()
    return pyarrow.parquet.read_table(io.BytesIO(data))


@pytest.fixture(params=["arrow", "parquet"])
def kind(request):
    return request.param


@pytest.fixture
def ask(api, kind):
    def answer(**params):
        own = {"datastream": api.ids["dune-1/soil-10cm/vwc"], "from": START, "format": kind}
        return api.client.get("/api/v1/observations", params=own | params)

    return answer


def test_values_come_with_their_instants_flags_and_reasons(ask, kind):
    table = read(ask().content, kind)

    assert table.column("value").to_pylist() == VALUES
    assert [int(one.timestamp() * 1000) for one in table.column("time").to_pylist()] == [
        START + n * MINUTE for n in range(10)
    ]
    assert table.column("flag").to_pylist()[3:6] == ["missing", "pass", "suspect"]
    assert table.column("reason").to_pylist()[2:5] == ["", "timeout", ""]


def test_the_metadata_say_what_the_numbers_are(ask, kind):
    metadata = read(ask().content, kind).schema.metadata

    assert metadata[b"name"] == b"dune-1/soil-10cm/vwc"
    assert (metadata[b"unit"], metadata[b"depth_m"]) == (b"m3/m3", b"0.1")


def test_many_observations_are_written_a_part_at_a_time(ask, kind, monkeypatch):
    monkeypatch.setattr("server.api.columns.PART_ROWS", 3)
    answer = ask(limit=8)

    assert read(answer.content, kind).column("value").to_pylist() == VALUES[:8]
    assert "etag" not in answer.headers
    following = read(ask(**{"from": START + 8 * MINUTE}).content, kind)
    assert answer.links["next"]["url"]
    assert following.column("value").to_pylist() == VALUES[8:]


def test_of_no_observations_there_is_an_empty_table(ask, kind):
    assert read(ask(**{"from": NOW}).content, kind).num_rows == 0


def test_without_pyarrow_the_remedy_is_told(api, kind, monkeypatch):
    for name in ("pyarrow", "pyarrow.ipc", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, name, None)
    problem = api.problem("/api/v1/observations", datastream=1, format=kind)

    assert problem["status"] == 501
    assert "saxaul[export]" in problem["detail"]
