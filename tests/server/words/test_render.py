"""Messages as people read them."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from server.alerts.condition import Severity
from server.alerts.kinds import KINDS
from server.alerts.machine import Change
from server.words.facts import Links, Occasion
from server.words.languages import LANGUAGES, say
from server.words.letters import Letter, write
from server.words.phrases import PHRASES
from server.words.preview import preview
from server.words.render import render
from server.words.sms import fits, plainly

NOW = 1_795_200_000_000  # 2026-11-20 18:40 UTC, Saturday 02:40 in Shanghai
LINKS = Links(
    evidence="https://saxaul.example/w/7",
    acknowledge="https://saxaul.example/a/x",
    unsubscribe="https://saxaul.example/u/x",
)


def _said(fact, language="en", links=LINKS):
    return render([fact], language, links, NOW)


def test_dry_soil_says_what_where_since_when_how_dry_and_what_next():
    said = _said(preview("dry_soil", Change.RAISED, Occasion.NEW, NOW))
    assert said.subject == "Dry soil: Dune 1, 30 cm deep, Kubuqi north"
    assert said.text == (
        "The soil at Dune 1, 30 cm deep has been dry since Fri 20/11 19:40: 34% of the water that "
        "plants can use (warning at 50%).\n"
        "97% of the expected readings were good.\n"
        "Nobody has said what the soil is there: it is reckoned as sand.\n\n"
        "Look at the plants there, and water them if that is planned.\n\n"
        "See the readings: https://saxaul.example/w/7\n"
        "I take care of it: https://saxaul.example/a/x\n"
        "Stop these messages: https://saxaul.example/u/x\n\n"
        "Times are those of Asia/Shanghai.\n"
        "You get this because you subscribed to warnings of Kubuqi north.\n"
    )


def test_an_sms_ends_with_its_link_and_says_it_first():
    said = _said(preview("dry_soil", Change.RAISED, Occasion.NEW, NOW))
    assert said.short.startswith("Kubuqi north: The soil at Dune 1, 30 cm deep has been dry since")
    assert said.short.endswith(" https://saxaul.example/w/7")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", ["dry_soil", "getting_dry", "frost", "sandstorm", "no_data"])
def test_an_sms_says_what_to_do_next(kind, language):
    """With an address as long as real ones are."""
    evidence = "https://saxaul.programme.example.org/alerts/12345"
    fact = preview(kind, Change.RAISED, Occasion.NEW, NOW)
    short = _said(fact, language, Links(evidence=evidence)).short
    advice = say(language, PHRASES[kind].advice)
    assert advice in short or plainly(advice) in short


def test_chinese():
    said = _said(preview("dry_soil", Change.RAISED, Occasion.NEW, NOW), "zh")
    assert "土壤自11/20周五 19:40起干旱" in said.text
    assert "植物可用水的34%" in said.text


def test_arabic_runs_from_right_to_left():
    said = _said(preview("dry_soil", Change.RAISED, Occasion.NEW, NOW), "ar")
    assert '<html lang="ar" dir="rtl">' in said.html
    # Mail programs in the web show what stands in the body only.
    assert said.html.partition("<h1")[0].endswith('<div lang="ar" dir="rtl">\n')
    assert "التربة جافة" in said.text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_in_every_language(kind, language):
    """Nothing is left blank, and an SMS fits."""
    for change in Change:
        for occasion in Occasion:
            fact = preview(kind, change, occasion, NOW)
            said = _said(fact, language)
            for text in (said.subject, said.text, said.short):
                assert "%(" not in text
                assert "None" not in text
            assert fits(said.short)
            assert said.short.endswith(LINKS.evidence)
            assert "\n" not in said.subject
            assert fact.place.site in said.subject


def test_every_kind_has_its_sentences():
    assert set(PHRASES) == set(KINDS)


def test_what_is_over_gives_no_advice():
    said = _said(preview("dry_soil", Change.CLEARED, Occasion.NEW, NOW))
    assert "is moist again" in said.text
    assert "Look at the plants" not in said.text


@pytest.mark.parametrize(
    ("change", "occasion", "title"),
    [
        (Change.CLEARED, Occasion.NEW, "Over: Dry soil: "),
        (Change.RISEN, Occasion.NEW, "Worse: Dry soil: "),
        (Change.EASED, Occasion.NEW, "Better: Dry soil: "),
        (Change.LOST, Occasion.NEW, "Cannot be seen: Dry soil: "),
        (Change.ENDED, Occasion.NEW, "No longer watched: Dry soil: "),
        (Change.RAISED, Occasion.REMINDER, "Still: Dry soil: "),
        (Change.RAISED, Occasion.CORRECTION, "Corrected: Dry soil: "),
        (Change.RAISED, Occasion.NEW, "Dry soil: "),
    ],
)
def test_a_list_of_messages_tells_what_is_over_from_what_has_begun(change, occasion, title):
    assert _said(preview("dry_soil", change, occasion, NOW)).subject.startswith(title)


def test_what_ended_is_not_told_as_recovered():
    said = _said(preview("dry_soil", Change.ENDED, Occasion.NEW, NOW))
    assert "no longer watched" in said.text
    assert "moist" not in said.text


def test_silence_is_not_told_as_recovered():
    said = _said(preview("dry_soil", Change.LOST, Occasion.NEW, NOW))
    assert "we cannot see it" in said.text
    assert "moist" not in said.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_digest_counts_what_it_has_no_room_for(language):
    fact = preview("dry_soil", Change.RAISED, Occasion.NEW, NOW)
    said = render([fact], language, LINKS, NOW, is_digest=True, unlisted=7)
    none = render([fact], language, LINKS, NOW, is_digest=True)
    (more,) = set(said.text.splitlines()) - set(none.text.splitlines())
    assert "7" in more
    assert more in said.html


def test_several_go_as_one_and_say_each_advice_once():
    facts = [preview("dry_soil", Change.RAISED, Occasion.NEW, NOW) for _ in range(3)]
    facts = [
        replace(one, place=replace(one.place, thing=f"Dune {at}")) for at, one in enumerate(facts)
    ]
    said = render(facts, "en", LINKS, NOW)
    assert said.subject == "Dry soil at several places (3), Kubuqi north"
    assert said.text.count("Look at the plants") == 1
    assert all(f"Dune {at}" in said.text for at in range(3))


def test_a_name_cannot_put_markup_or_lines_into_a_message():
    fact = preview("dry_soil", Change.RAISED, Occasion.NEW, NOW)
    place = replace(fact.place, thing="<script>alert(1)</script>", site="A\r\nBcc: x@example.org")
    said = _said(replace(fact, place=place))
    assert "<script>" not in said.html
    assert "\n" not in said.subject
    assert "\r" not in said.subject


def test_a_value_below_the_wilting_point_is_nothing_left_not_less():
    fact = replace(preview("dry_soil", Change.RAISED, Occasion.NEW, NOW), value=-0.2)
    assert "0% of the water" in _said(fact).text


@pytest.mark.parametrize("zone", ["Nowhere/Atlantis", "", "../../etc/passwd"])
def test_an_unknown_zone_counts_as_utc_and_says_so(zone):
    fact = preview("frost", Change.RAISED, Occasion.NEW, NOW)
    said = _said(replace(fact, place=replace(fact.place, zone=zone)))
    assert "Times are those of UTC." in said.text
    assert "11:40" in said.text


def test_a_reminder_says_for_how_long():
    said = _said(preview("dry_soil", Change.RAISED, Occasion.REMINDER, NOW))
    assert "Still so, 7 hours after it began." in said.text


def test_colour_shape_and_word_say_the_severity():
    fact = replace(preview("dry_soil", Change.RISEN, Occasion.NEW, NOW), level=Severity.CRITICAL)
    assert "■ Worse: Dry soil · serious warning" in _said(fact).html


class _Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [value for key, value in attrs if tag == "a" and key == "href"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_letter_asks_to_confirm(language):
    said = write(Letter.CONFIRM, "Kubuqi north", language, "https://saxaul.example/c/x")
    links = _Links()
    links.feed(said.html)
    assert links.found == ["https://saxaul.example/c/x"]
    assert "https://saxaul.example/c/x" in said.text
    assert "Kubuqi north" in said.subject
    assert said.short.endswith(" https://saxaul.example/c/x")
    assert fits(said.short)
