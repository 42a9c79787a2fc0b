"""Batches in one set of arrays come out as batch by batch; `judge` is the specification."""

from collections import defaultdict
from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from server.catalog.resolve import DerivedRef, SeriesRef
from server.ingest.arrays import judge, resolve
from server.ingest.bulk.merged import Decoded, judge_all
from server.ingest.bulk.names import Directory
from server.quality.sentinels import NoValue
from wire.batch import Sample, decode, encode
from wire.derive.formula import read
from wire.derive.transforms import Transform, teros12_mineral
from wire.messages import ClockSource
from wire.quality import Flag

NOW_MS = 1_767_225_600_000
NAMES = ("dune-1/a/vwc_raw", "dune-1/b/rain", "dune-1/c/plain")


def root(values):
    """Gives no number for some."""
    with np.errstate(invalid="ignore"):
        return np.sqrt(values)


def minus(first, second, third):
    return first - second - third


def sonic(first, second):
    return first * second


def in_soil(field_capacity, wilting_point):
    """Of one kind, with parameters of its own."""
    given = f"field_capacity={field_capacity}, wilting_point={wilting_point}"
    return read(f"teros12-mineral/1 | relative-water/1(; {given})").bound()


REFS = {
    NAMES[0]: SeriesRef(
        1,
        False,
        (0.0, 5000.0),
        (DerivedRef(11, Transform(teros12_mineral)), DerivedRef(15, in_soil(0.12, 0.05))),
    ),
    NAMES[1]: SeriesRef(
        2,
        False,
        None,
        (DerivedRef(12, Transform(minus), (3, 1)), DerivedRef(14, Transform(sonic), (99,))),
        (NoValue(-9999.0, "no answer"), NoValue(65535.0, "unplugged")),
    ),
    NAMES[2]: SeriesRef(
        3,
        False,
        (-40.0, 60.0),
        (DerivedRef(13, Transform(root)), DerivedRef(16, in_soil(0.3, 0.1))),
        # 0 is what others measure.
        (NoValue(-9999.0, "broken"), NoValue(0.0, "frozen in")),
    ),
}

numbers = st.one_of(
    st.sampled_from(["-9999", "65535", "0", "-0.5", "61", "2493.4", "1E+12", "0.000000000001"]),
    st.decimals(-(10**6), 10**6, places=3).map(str),
)
flags = st.sampled_from([Flag.PASS, Flag.SUSPECT, Flag.FAIL, Flag.MISSING])
samples = st.lists(
    st.tuples(st.integers(-5, 20), st.none() | numbers, flags, st.sampled_from(["", "time\0out"])),
    min_size=1,
    max_size=6,
)
contents = st.tuples(
    st.sampled_from(ClockSource),
    st.dictionaries(st.sampled_from(NAMES), samples, min_size=1),
    st.integers(0, 10),
)


def sample(minute, value, flag, reason):
    at_ms = NOW_MS + minute * 60_000
    if value is None:
        return Sample(at_ms, None, reason=reason)
    return Sample(at_ms, Decimal(value), flag)


def decoded(clock, series, minute):
    rows = {name: [sample(*one) for one in values] for name, values in series.items()}
    batch = decode(encode(clock, rows))
    received_at = NOW_MS + minute * 60_000
    return Decoded(batch, Directory(REFS).resolve(batch.names), received_at)


def by_series(columns):
    """What is said of each datastream, in order."""
    told = defaultdict(list)
    for index, (series, at, value, quality) in enumerate(
        zip(columns.datastream_id, columns.time_ms, columns.value, columns.quality, strict=True)
    ):
        what = None if np.isnan(value) else float(value)
        told[int(series)].append((int(at), what, int(quality), columns.reasons.get(index, "")))
    return dict(told)


@given(st.lists(contents, min_size=1, max_size=6))
def test_together_they_come_out_as_one_by_one(drawn):
    batches = [decoded(*one) for one in drawn]
    expected = defaultdict(list)
    for one in batches:
        measured, columns = judge(resolve(one.batch, REFS), one.batch.clock, one.received_at)
        assert len(one.batch) == len(measured)  # what the journal says of it
        for series, rows in by_series(columns).items():
            expected[series] += rows

    merged = judge_all(batches)

    assert by_series(merged.columns) == expected
    assert merged.columns.time_ms.dtype == np.int64
    assert merged.columns.datastream_id.dtype == merged.columns.quality.dtype == np.int32


def test_each_row_knows_when_its_batch_came():
    first = decoded(ClockSource.NTP, {NAMES[0]: [(0, "2000", Flag.PASS, "")]}, 1)
    second = decoded(ClockSource.NTP, {NAMES[1]: [(0, "1", Flag.PASS, "")]}, 2)

    merged = judge_all([first, second])

    assert merged.columns.datastream_id.tolist() == [1, 2, 11, 15, 12, 14]
    assert ((merged.received_at - NOW_MS) // 60_000).tolist() == [1, 2, 1, 1, 2, 2]
