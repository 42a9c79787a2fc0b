"""How many SMS a text is, and where it is cut."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.notify.channels.pdu import parts_of
from server.words.sms import fits, fitted, is_plain, parts, plainly

LINK = " https://saxaul.example/alerts/7"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("a" * 160, 1), ("a" * 161, 2), ("a" * 306, 2), ("a" * 307, 3),
        ("€" * 80, 1), ("€" * 81, 2),  # of the extension: two each
        ("土" * 70, 1), ("土" * 71, 2), ("土" * 134, 2), ("土" * 135, 3),
        ("𠀀" * 35, 1), ("𠀀" * 36, 2),  # two halves in UTF-16
        ("a" * 70 + "°", 2),
    ],
)  # fmt: skip
def test_parts_are_counted_as_networks_count_them(text, count):
    assert parts(text) == count


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=400))
def test_a_modem_sends_as_many(text):
    """Letters that lie across the end of a part may make it one more."""
    assert len(parts_of("+8613912345678", text, 0)) in (parts(text), parts(text) + 1)


def test_one_letter_that_is_not_plain_does_not_double_the_price():
    assert plainly("-3.2\u00a0°C, 512 µg/m³") == "-3.2 C, 512 ug/m3"
    assert plainly("库布齐 -3.2°C") == "库布齐 -3.2°C"


@given(st.text(max_size=600))
def test_a_text_is_cut_to_what_is_paid_for_and_keeps_its_end(text):
    said = fitted(text, LINK)
    assert fits(said)
    assert said.endswith(LINK)
    cut = said.removesuffix(LINK)
    assert cut == text or text.startswith(cut.removesuffix("..."))


def test_a_letter_keeps_its_marks_and_both_its_halves():
    """An Arabic letter with a vowel, and a rare Chinese one: neither is cut in two."""
    for letter in ("بَ", "𠀀", "é"):
        for before in range(8):
            said = fitted("x" * before + letter * 400, "").removesuffix("...")
            assert said.encode("utf-16")
            assert (len(said) - before) % len(letter) == 0
            assert unicodedata.normalize("NFC", said).endswith(unicodedata.normalize("NFC", letter))


def test_plain_is_what_the_first_telephones_wrote():
    assert is_plain("Dune 1: 34% {€}\n")
    assert not is_plain("ç")
    assert not is_plain("\x1b")
