"""From a decoded batch to columns: exact values, edge flags, reasons, joining."""

from dataclasses import replace
from decimal import Decimal
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.catalog.resolve import DerivedRef, SeriesRef
from server.ingest.arrays import (
    UnannouncedError,
    check,
    join,
    name,
    refuse_scattered,
    resolve,
    with_derived,
)
from wire.batch import MAX_MANTISSA, Batch, Series
from wire.derive.transforms import Transform
from wire.errors import ContractError
from wire.messages import ClockSource
from wire.quality import FLAG_MASK, Flag, Test, pack

MONTH_MS = 30 * 86_400_000
NAME = "dune-1/soil-10cm/vwc_raw"
REF = SeriesRef(1, is_derived=False, span=None, derived=())


def batch_of(*series):
    """Put series behind each other, as they come out of a decoder."""
    flags = [flag for one in series for flag in one.flags or [Flag.PASS] * len(one.mantissas)]
    starts = accumulate((len(one.mantissas) for one in series), initial=0)
    return Batch(
        clock=ClockSource.NTP,
        names=[one.name for one in series],
        counts=[len(one.mantissas) for one in series],
        exponents=[one.exponent for one in series],
        times_ms=[one.times_ms for one in series],
        mantissas=[mantissa for one in series for mantissa in one.mantissas],
        flags=flags if any(one.flags for one in series) else None,
        reasons={
            start + index: why
            for start, one in zip(starts, series, strict=False)
            for index, why in one.reasons.items()
        },
    )


def columns(*series, ref=REF):
    refs = dict.fromkeys((one.name for one in series), ref)
    return join(resolve(batch_of(*series), refs))


@given(
    mantissas=st.lists(st.integers(-MAX_MANTISSA, MAX_MANTISSA), min_size=1, max_size=20),
    exponent=st.integers(-12, 12),
)
def test_every_value_is_the_double_nearest_to_the_decimal_sent(mantissas, exponent):
    found = columns(Series(NAME, range(len(mantissas)), exponent, mantissas))

    wanted = [float(Decimal(mantissa).scaleb(exponent)) for mantissa in mantissas]
    assert found.value.tolist() == wanted


def test_a_missing_value_is_no_number_and_keeps_its_reason():
    series = Series(
        NAME,
        [10, 20, 30],
        -1,
        [161, None, None],
        [Flag.PASS, Flag.MISSING, Flag.MISSING],
        {1: "time\0out", 2: ""},
    )

    found = columns(series)

    np.testing.assert_array_equal(found.value, [16.1, np.nan, np.nan])
    assert found.quality.tolist() == [1, 9, 9]
    assert found.reasons == {1: "timeout"}


def test_the_gateway_s_flags_are_kept_and_marked_as_its_own():
    flags = [Flag.PASS, Flag.NOT_EVALUATED, Flag.SUSPECT, Flag.FAIL, Flag.MISSING]

    found = columns(Series(NAME, range(5), 0, [1, 2, 3, 4, None], flags))

    assert found.quality.tolist() == [
        Flag.PASS,
        Flag.NOT_EVALUATED,
        pack(Flag.SUSPECT, Test.EDGE),
        pack(Flag.FAIL, Test.EDGE),
        Flag.MISSING,
    ]


def test_a_value_that_is_there_but_called_missing_is_not_trusted():
    found = columns(Series(NAME, [10], 0, [5], [Flag.MISSING]))

    assert (found.value.tolist(), found.quality.tolist()) == ([5.0], [pack(Flag.FAIL, Test.EDGE)])


def test_series_are_joined_with_their_reasons_in_place():
    first = Series(NAME, [10, 20], 0, [1, None], [Flag.PASS, Flag.MISSING], {1: "a"})
    second = Series("dune-1/soil-10cm/soil_ec", [10], 0, [None], [Flag.MISSING], {0: "b"})

    found = columns(first, second)

    assert found.time_ms.tolist() == [10, 20, 10]
    assert found.reasons == {1: "a", 2: "b"}


def test_an_empty_batch_is_no_columns():
    assert len(columns()) == 0


def test_derived_series_follow_those_they_come_from():
    ref = SeriesRef(
        1,
        is_derived=False,
        span=(0.0, 10.0),
        derived=(DerivedRef(2, Transform(lambda values: 2 * values)),),
    )
    batch = batch_of(Series(NAME, [10, 20], 0, [3, 99]))

    found = join(with_derived(check(resolve(batch, {NAME: ref}), batch.clock, received_at=0)))

    assert found.datastream_id.tolist() == [1, 1, 2, 2]
    np.testing.assert_array_equal(found.value, [3, 99, 6, np.nan])
    assert found.reasons == {3: "source failed its check"}


def test_a_history_of_a_lifetime_is_taken_and_absurd_instants_are_not():
    monthly = columns(Series(NAME, range(0, 1200 * MONTH_MS, MONTH_MS), 0, [1] * 1200))
    strewn = columns(Series(NAME, range(0, 1201 * MONTH_MS, MONTH_MS), 0, [1] * 1201))

    refuse_scattered(monthly)
    with pytest.raises(ContractError, match="strewn over 1201 months; 1200 are allowed"):
        refuse_scattered(strewn)


def test_a_name_not_announced_must_wait():
    batch = batch_of(Series(NAME, [10], 0, [1]))

    with pytest.raises(UnannouncedError, match=f"announced '{NAME}' yet"):
        resolve(batch, {})


def test_a_derived_name_is_refused():
    batch = batch_of(Series(NAME, [10], 0, [1]))
    ref = SeriesRef(1, is_derived=True, span=None, derived=())

    with pytest.raises(ContractError, match="derived by the server"):
        resolve(batch, {NAME: ref})


def test_a_series_is_cut_where_its_instrument_was_exchanged():
    first = SeriesRef(1, is_derived=False, span=(0.0, 10.0), derived=())
    third = SeriesRef(
        1, is_derived=False, span=(0.0, 90.0), derived=(), since_ms=30,
        before=replace(REF, since_ms=20, before=first),
    )  # fmt: skip
    flags = [Flag.PASS, Flag.PASS, Flag.PASS, Flag.MISSING, Flag.PASS]
    batch = batch_of(Series(NAME, [35, 5, 20, 29, 30], 0, [99, 50, 50, None, 50], flags, {3: "a"}))

    found = join(check(resolve(batch, {NAME: third}), batch.clock, received_at=0))

    assert found.time_ms.tolist() == [5, 20, 29, 35, 30]
    assert (found.quality & FLAG_MASK).tolist() == [
        Flag.FAIL, Flag.PASS, Flag.MISSING, Flag.FAIL, Flag.PASS
    ]  # fmt: skip
    assert found.reasons == {2: "a"}


def test_what_is_derived_follows_the_instrument_of_its_time():
    double, triple = (DerivedRef(2, Transform(lambda values, by=by: by * values)) for by in (2, 3))
    old = SeriesRef(1, is_derived=False, span=None, derived=(double,))
    new = SeriesRef(1, is_derived=False, span=None, derived=(triple,), since_ms=20, before=old)
    batch = batch_of(Series(NAME, [10, 20], 0, [5, 5]))

    found = join(with_derived(check(resolve(batch, {NAME: new}), batch.clock, received_at=0)))

    derived = found.datastream_id == 2
    assert found.time_ms[derived].tolist() == [10, 20]
    assert found.value[derived].tolist() == [10.0, 15.0]


def test_series_that_are_left_out_do_not_concern_the_others():
    refs = {NAME: REF, "dune-1/x/y": replace(REF, left_out="of no sensor")}
    batch = batch_of(Series(NAME, [10], 0, [1]), Series("dune-1/x/y", [9], 0, [2]))

    found = name(batch, refs)

    assert [piece.time_ms.tolist() for piece in found.pieces] == [[10]]
    assert found.left_out == "'dune-1/x/y' is left out: of no sensor"
    assert found.span_ms == (9, 10)


def test_a_batch_of_which_all_is_left_out_is_refused():
    batch = batch_of(Series(NAME, [10], 0, [1]))

    with pytest.raises(ContractError, match=f"'{NAME}' is left out: of no sensor"):
        name(batch, {NAME: replace(REF, left_out="of no sensor")})
