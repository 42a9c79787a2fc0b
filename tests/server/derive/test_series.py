"""A derived series: values, inherited quality, and gaps that say why."""

import numpy as np

from server.derive.series import NO_RESULT, SOURCE_FAILED, SOURCE_MISSING, align, derive, pick
from wire.quality import Flag, Test, pack


def doubled(values):
    return 2 * values


def test_quality_is_inherited_and_gaps_are_explained():
    suspect = pack(Flag.SUSPECT, Test.CLOCK_UNKNOWN)
    failed = pack(Flag.FAIL, Test.GROSS_RANGE)
    source = np.array([1.0, np.nan, 3.0, 4.0])
    quality = np.array([Flag.PASS, Flag.MISSING, suspect, failed], dtype=np.int32)

    result = derive(doubled, source, quality)

    np.testing.assert_array_equal(result.value, [2.0, np.nan, 6.0, np.nan])
    assert result.quality.tolist() == [
        Flag.PASS,
        Flag.MISSING,
        suspect,
        pack(Flag.MISSING, Test.GROSS_RANGE),
    ]
    assert result.reasons == {1: SOURCE_MISSING, 3: SOURCE_FAILED}


def test_a_transform_without_a_result_leaves_a_gap():
    with np.errstate(divide="ignore"):
        result = derive(lambda values: 1 / values, np.zeros(1), np.array([1], dtype=np.int32))

    assert np.isnan(result.value[0])
    assert (result.quality.tolist(), result.reasons) == ([Flag.MISSING], {0: NO_RESULT})


def added(first, second):
    return first + second


def ints(*values):
    return np.array(values, dtype=np.int32)


def test_of_several_sources_the_worst_counts_and_any_gap_is_one():
    suspect = pack(Flag.SUSPECT, Test.EDGE)
    failed = pack(Flag.FAIL, Test.GROSS_RANGE)
    first = np.array([1.0, 2.0, np.nan, 4.0, 5.0])
    second = np.array([10.0, 20.0, 30.0, np.nan, 50.0])
    other = (second, ints(Flag.PASS, suspect, Flag.PASS, Flag.MISSING, failed))

    result = derive(added, first, ints(1, 1, Flag.MISSING, 1, 1), other)

    np.testing.assert_array_equal(result.value, [11.0, 22.0, np.nan, np.nan, np.nan])
    assert result.quality[:2].tolist() == [Flag.PASS, suspect]
    assert {flag & 0x0F for flag in result.quality[2:].tolist()} == {Flag.MISSING}
    assert result.reasons == {2: SOURCE_MISSING, 3: SOURCE_MISSING, 4: SOURCE_FAILED}


def test_sources_are_laid_side_by_side_by_their_instants():
    places = align(np.array([30, 10, 25]), np.array([10, 20, 30]))
    value, quality = pick(np.array([1.0, 2.0, 3.0]), ints(1, 1, 3), places)

    assert places.tolist() == [2, 0, -1]
    np.testing.assert_array_equal(value, [3.0, 1.0, np.nan])
    assert quality.tolist() == [Flag.SUSPECT, Flag.PASS, Flag.MISSING]


def test_beside_nothing_all_is_missing():
    places = align(np.array([30, 10]), np.array([], dtype=np.int64))
    value, quality = pick(np.array([]), ints(), places)

    assert np.isnan(value).all()
    assert quality.tolist() == [Flag.MISSING] * 2
