"""The record of what went out."""

import tracemalloc
from decimal import Decimal

import msgspec
import pytest

from firmware_sim.devices.base import Answer
from firmware_sim.truth import TruthLine, TruthRecorder, read_truth
from wire.errors import ConfigError

ANSWER = Answer(
    "dune-1/soil-10cm",
    "answer",
    {"vwc_raw": Decimal("2493.4"), "soil_temperature": Decimal("16.10")},
    {"soil_ec": "measurement compromised"},
)
LINE = (
    b'{"at_ms":1767225600123,"device":"dune-1/soil-10cm","kind":"answer",'
    b'"values":{"vwc_raw":"2493.4","soil_temperature":"16.10"},'
    b'"reasons":{"soil_ec":"measurement compromised"}}\n'
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "truth.jsonl"


def test_an_answer_is_one_json_line(path):
    with TruthRecorder(path) as truth:
        truth.write(ANSWER, 1_767_225_600_123)
        assert path.read_bytes() == LINE  # before it is closed


def test_what_is_written_can_be_read(path):
    with TruthRecorder(path) as truth:
        truth.write(ANSWER, 1)
        truth.write(Answer("dune-1/mast", "line", {"MWV.speed": Decimal("0.00")}), 2)
    assert read_truth(path) == [
        TruthLine(
            1,
            "dune-1/soil-10cm",
            "answer",
            {"vwc_raw": "2493.4", "soil_temperature": "16.10"},
            {"soil_ec": "measurement compromised"},
        ),
        TruthLine(2, "dune-1/mast", "line", {"MWV.speed": "0.00"}),
    ]


def test_numbers_are_never_written_with_an_exponent(path):
    with TruthRecorder(path) as truth:
        truth.write(Answer("a/b", "answer", {"x": Decimal("1E+3"), "y": Decimal("1E-9")}), 1)
    assert read_truth(path)[0].values == {"x": "1000", "y": "0.000000001"}


def test_a_torn_last_line_is_left_out(path):
    path.parent.mkdir()
    path.write_bytes(LINE + LINE[:40])
    assert len(read_truth(path)) == 1


def test_a_new_run_continues_after_a_torn_line(path):
    path.parent.mkdir()
    path.write_bytes(LINE + LINE[:40])
    with TruthRecorder(path) as truth:
        truth.write(ANSWER, 1_767_225_600_123)
    assert path.read_bytes() == LINE + LINE


@pytest.mark.parametrize("torn", [LINE[:40], LINE[:40] * 10_000])
def test_a_huge_file_is_continued_without_reading_all_of_it(path, torn):
    path.parent.mkdir()
    path.write_bytes(LINE * 200_000 + torn)
    tracemalloc.start()
    with TruthRecorder(path) as truth:
        used = tracemalloc.get_traced_memory()[1]
        truth.write(ANSWER, 1_767_225_600_123)
    tracemalloc.stop()
    assert path.stat().st_size == len(LINE) * 200_001
    assert used < 1_000_000


def test_a_file_with_no_whole_line_starts_anew(path):
    path.parent.mkdir()
    path.write_bytes(LINE[:40])
    TruthRecorder(path).close()
    assert path.read_bytes() == b""


def test_a_broken_line_in_the_middle_is_not_passed_over(path):
    path.parent.mkdir()
    path.write_bytes(b"{broken}\n" + LINE)
    with pytest.raises(msgspec.DecodeError):
        read_truth(path)


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="truth cannot be written"):
        TruthRecorder(tmp_path / "file" / "truth.jsonl")
