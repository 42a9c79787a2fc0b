"""A CSV of past values takes the same way as fresh readings."""

import io
from decimal import Decimal

import pytest

from gateway import backfill
from wire.batch import Sample, decode
from wire.errors import ConfigError
from wire.messages import ClockSource
from wire.quality import Flag

NAME = "dune-1/soil-10cm/vwc_raw"
HEAD = "time_ms,datastream,value,reason\n"


def test_rows_become_samples():
    text = HEAD + f"1767225600000,{NAME},2493.40,\n1767226200000,{NAME},,timeout\n"
    assert list(backfill.read_rows(io.StringIO(text), {NAME}, "h.csv")) == [
        (NAME, Sample(1767225600000, Decimal("2493.40"))),
        (NAME, Sample(1767226200000, None, Flag.MISSING, "timeout")),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "h.csv:1: the first line must be 'time_ms,datastream,value,reason'"),
        ("time,name\n", "h.csv:1: the first line must be"),
        (HEAD + "1,a/b/c\n", "h.csv:2: 2 columns, expected 4"),
        (HEAD + "\n", "h.csv:2: 0 columns, expected 4"),
        (HEAD + "1,dune-9/x/vwc,1,\n", "h.csv:2: datastream 'dune-9/x/vwc' is none of this gat"),
        (HEAD + f"-1,{NAME},1,\n", "h.csv:2: time_ms '-1' is no time in ms since 1970"),
        (HEAD + f"1e3,{NAME},1,\n", "h.csv:2: time_ms '1e3' is no time"),
        (HEAD + f"999999999999999,{NAME},1,\n", "h.csv:2: time_ms '999999999999999' is no time"),
        (HEAD + f"1,{NAME},1,\n2,{NAME},one,\n", "h.csv:3: value 'one' is no decimal number"),
        (HEAD + f"{'9' * 5000},{NAME},1,\n", "h.csv:2: time_ms '99999"),
        (HEAD + f"1,{NAME},1.{'0' * 5000},\n", "h.csv:2: value '1.0000"),
        (HEAD + f"1,{NAME},NaN,\n", "h.csv:2: value 'NaN' is no decimal number"),
        (HEAD + f"1,{NAME},1E-30,\n", "h.csv:2: value '1E-30' is no decimal number"),
        (HEAD + f"1,{NAME},,\n", "h.csv:2: a missing value needs its reason"),
        (HEAD + '1,"' + "x" * 140_000, "h.csv:2: not valid CSV: field larger"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text, message):
    with pytest.raises(ConfigError) as caught:
        list(backfill.read_rows(io.StringIO(text), {NAME}, "h.csv"))
    assert str(caught.value).startswith(message)


def test_a_file_is_appended_and_sealed(config_of, hand, outbox_of, tmp_path, monkeypatch):
    monkeypatch.setattr(backfill, "CHUNK", 4)
    monkeypatch.setattr(backfill, "SEAL_LIMIT", 8)
    path, outbox, seen = tmp_path / "h.csv", outbox_of(hand), []
    path.write_text(HEAD + "".join(f"{n * 1000},{NAME},{n}.5,\n" for n in range(21)))
    assert backfill.backfill(config_of(), path, outbox, seen.append) == 21
    batches = [decode(outbox.payload(seq)) for seq in (1, 2, 3)]
    assert [len(one) for one in batches] == [8, 8, 5]
    assert {one.clock for one in batches} == {ClockSource.NTP}
    assert seen[-1] == path.stat().st_size
    assert outbox.figures().sealed == 3


def test_a_wrong_line_keeps_nothing_of_its_chunk(config_of, hand, outbox_of, tmp_path):
    path, outbox = tmp_path / "h.csv", outbox_of(hand)
    path.write_text(HEAD + f"1000,{NAME},1,\n2000,{NAME},x,\n")
    with pytest.raises(ConfigError, match="value 'x'"):
        backfill.backfill(config_of(), path, outbox, lambda _: None)
    assert outbox.seal() == 0


@pytest.mark.parametrize("content", [None, b"\xff\xfe" + HEAD.encode()])
def test_a_file_that_cannot_be_read_is_named(config_of, hand, outbox_of, tmp_path, content):
    path = tmp_path / "h.csv"
    if content:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"h\.csv: cannot be read"):
        backfill.backfill(config_of(), path, outbox_of(hand), lambda _: None)
