"""What of a name that somebody gave reaches people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.words.facts import Place
from server.words.legible import MOST_LETTERS, cut, legible


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("Dune 1", "Dune 1"),
        ("Kubuqi\r\nBcc: x@example.org", "Kubuqi Bcc: x@example.org"),
        ("a\x00\x1b[31mb", "a [31mb"),
        ("Dune \u202eexe.1", "Dune exe.1"),
        ("\u2067سد\u2069", "سد"),
        ("می\u200cنیست", "می\u200cنیست"),  # keeps two letters apart that would join
        ("a\ud800b", "a b"),
        ("x" * 90, "x" * 79 + "…"),
    ],
)
def test_a_name_is_one_line_of_letters(given, shown):
    assert legible(given) == shown


@given(st.text(max_size=200))
def test_all_that_is_left_can_be_written(text):
    shown = legible(text)
    assert shown == legible(shown)
    assert len(shown) <= MOST_LETTERS
    assert shown.isprintable() or "\u200c" in shown or "\u200d" in shown
    assert shown.encode().decode() == shown


def test_a_place_has_legible_names_whoever_gave_them():
    place = Place("k", "Ku\u202ebuqi", thing="Dune\n1", gateway="g\x07")
    assert (place.site, place.thing, place.gateway) == ("Ku buqi", "Dune 1", "g")


def test_no_mark_is_left_without_its_letter():
    assert cut("abc\u0301d", 3) == "ab"
    assert cut("👩\u200d🌾x", 2) == ""
    assert cut("short", 9) == "short"
