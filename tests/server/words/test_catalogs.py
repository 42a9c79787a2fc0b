"""The catalogs hold what is said, all of it, with the same blanks."""

import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import server.web.alerts
import server.words
from server.words.languages import DEFAULT, LANGUAGES, language_of, say

FOLDER = Path(server.words.__file__).parent
OTHERS = [code for code in LANGUAGES if code != DEFAULT]
_BLANK = re.compile(r"%\([a-z]+\)s|%%")


def _said() -> set[str]:
    """What messages and the pages for subscribers say."""
    folders = (FOLDER, Path(server.web.alerts.__file__).parent)
    keywords, python = {"N_": None}, [("**.py", "python")]
    found = [one for each in folders for one in extract_from_dir(each, python, keywords=keywords)]
    return {message for _, _, message, _, _ in found}


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
