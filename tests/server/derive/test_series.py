"""A derived series: values, inherited quality, and gaps that say why."""

import numpy as np

from server.derive.series import NO_RESULT, SOURCE_FAILED, SOURCE_MISSING, derive
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
