"""Instants at the HTTP edge: one form out, any unambiguous form in."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.api.instants import iso, parse
from wire.batch import MAX_TIME_MS

SIX = 1_795_154_400_000  # 2026-11-20T06:00:00Z


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-20T06:00:00Z", SIX),
        ("2026-11-20T14:00:00+08:00", SIX),
        ("2026-11-20T14:00:00 08:00", SIX),  # a plus sign that the query turned into a space
        ("2026-11-20T01:30:00-04:30", SIX),
        ("2026-11-20T06:00:00.250Z", SIX + 250),
        ("20261120T060000Z", SIX),
        ("1795154400000", SIX),
        ("0", 0),
    ],
)
def test_an_unambiguous_instant_is_read(text, expected):
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-11-20T06:00:00", "names no time zone"),
        ("2026-11-20", "names no time zone"),
        ("yesterday", "is not an instant"),
        ("", "is not an instant"),
        ("-5", "between the years 1970 and 9999"),
        ("1960-01-01T00:00:00Z", "between the years 1970 and 9999"),
        ("999999999999999", "between the years 1970 and 9999"),
        ("0001-01-01T00:00:00+14:00", "between the years 1970 and 9999"),
    ],
)
def test_what_is_ambiguous_or_no_instant_is_refused_with_the_remedy(text, words):
    with pytest.raises(ValueError, match=words):
        parse(text)


def test_an_instant_is_written_in_utc_with_milliseconds():
    assert iso(SIX + 7) == "2026-11-20T06:00:00.007Z"


@given(st.integers(0, MAX_TIME_MS))
def test_what_is_written_is_read_back(time_ms):
    assert parse(iso(time_ms)) == time_ms


@given(st.text(max_size=40))
def test_text_is_read_or_refused_and_never_fails_otherwise(text):
    with contextlib.suppress(ValueError):
        assert 0 <= parse(text) <= MAX_TIME_MS
