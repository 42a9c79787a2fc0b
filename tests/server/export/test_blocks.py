"""The digest of a part's numbers tells whether observations changed, and nothing else."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.export.blocks import Digest, flag_word, observations, words_of_tests
from server.export.metadata import Series, Thing

THING = Thing(1, "gw", "dune-1", "Dune 1", "", ())
SERIES = Series(
    1, "dune-1/soil/vwc", THING, "soil", "vwc", "Soil water", None, "1", "last", "mean", 600.0, None, None, ()
)  # fmt: skip
TIMES = [1000, 2000, 3000, 4000]
VALUES = [1.5, float("nan"), -0.0, float("nan")]
QUALITY = [1, 9, 4 | 16, 9]
REASONS = {1: "timeout", 3: "calm"}


def digest(times=TIMES, values=VALUES, quality=QUALITY, reasons=REASONS, cuts=()):
    found = Digest()
    edges = [0, *sorted(cuts), len(times)]
    for first, end in pairwise(edges):
        part = slice(first, end)
        found.add(
            observations(
                SERIES,
                np.array(times[part], dtype=np.int64),
                np.array(values[part], dtype=np.float64),
                np.array(quality[part], dtype=np.int32),
                {index - first: text for index, text in reasons.items() if first <= index < end},
            )
        )
    return found.hex()


@given(st.sets(st.integers(0, 4)))
def test_it_does_not_matter_how_rows_are_cut_into_blocks(cuts):
    assert digest(cuts=cuts) == digest()


@pytest.mark.parametrize(
    "changed",
    [
        {"times": [1000, 2000, 3000, 4001]},
        {"values": [1.5, float("nan"), 0.0, float("nan")]},
        {"quality": [1, 9, 4, 9]},
        {"reasons": {1: "timeout", 3: "calm."}},
        {"reasons": {1: "timeout"}},
    ],
)
def test_whatever_changes_it_tells(changed):
    assert digest(**changed) != digest()


def test_flags_and_tests_have_words_and_unknown_ones_keep_their_number():
    assert [flag_word(flag) for flag in (1, 3, 9, 7)] == ["pass", "suspect", "missing", "7"]
    assert [words_of_tests(bits) for bits in (0, 16, 16 | 128, 16 | 4096)] == [
        "",
        "gross_range",
        "gross_range edge",
        "gross_range 4096",
    ]
