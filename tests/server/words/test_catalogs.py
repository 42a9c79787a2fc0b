"""The catalogs hold what is said, all of it, with the same blanks."""

import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import server.web.alerts
import server.words
from server.words.languages import DEFAULT, LANGUAGES, language_of, say
from wire.properties import PROPERTIES

FOLDER = Path(server.words.__file__).parent
OTHERS = [code for code in LANGUAGES if code != DEFAULT]
PAGES = Path(server.web.alerts.__file__).parents[1] / "templates" / "alerts"
# What subscribers open: these speak their language, all the others English.
TRANSLATED = ("warning", "overview", "alert", "subscriber", "subscribe", "button", "done",
              "manage", "on_this_phone")  # fmt: skip
_NO_TEXT = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<[^>]*>", re.DOTALL)
_BLANK = re.compile(r"%\([a-z]+\)s|%%")


def _said() -> set[str]:
    """What messages and their pages say, and what is measured: rules may be about any of it."""
    folders = (FOLDER, Path(server.web.alerts.__file__).parent)
    keywords, python = {"N_": None}, [("**.py", "python")]
    found = [one for each in folders for one in extract_from_dir(each, python, keywords=keywords)]
    labels = {one.label for one in PROPERTIES.values()}
    return {message for _, _, message, _, _ in found} | labels


def _catalog(code):
    with (FOLDER / "locale" / f"{code}.po").open("rb") as file:
        return read_po(file, locale=code)


@pytest.mark.parametrize("code", OTHERS)
def test_every_sentence_is_there_and_no_other(code):
    assert {one.id for one in _catalog(code) if one.id} == _said()


@pytest.mark.parametrize("code", OTHERS)
def test_every_sentence_has_words_and_the_same_blanks(code):
    for one in _catalog(code):
        if one.id:
            assert one.string.strip()
            assert not one.fuzzy
            # A language may leave out how long or since when, never what was not given.
            assert set(_BLANK.findall(one.string)) <= set(_BLANK.findall(one.id)), one.id
            assert ("%(place)s" in one.id) == ("%(place)s" in one.string), one.id
            assert ("%(value)s" in one.id) == ("%(value)s" in one.string), one.id


@pytest.mark.parametrize("page", TRANSLATED)
def test_a_page_that_subscribers_open_holds_no_words_of_its_own(page):
    left = _NO_TEXT.sub(" ", (PAGES / f"{page}.html").read_text())
    words = set(re.findall(r"[A-Za-z]{2,}", left))
    assert words <= {"Saxaul", "dir", "rtl"}


@pytest.mark.parametrize(
    ("wished", "code"),
    [("zh-TW", "zh"), ("fr_CA", "fr"), ("AR", "ar"), ("de", "en"), ("", "en"), ("en", "en")],
)
def test_a_wish_that_cannot_be_met_gives_english(wished, code):
    assert language_of(wished).code == code


def test_what_a_catalog_does_not_know_stays_english():
    assert (
        say("ru", "No such sentence at %(place)s", place="Dune 1") == "No such sentence at Dune 1"
    )


def test_a_label_that_somebody_gave_may_hold_a_percent_sign():
    assert say("zh", "Cover in % of ground") == "Cover in % of ground"
