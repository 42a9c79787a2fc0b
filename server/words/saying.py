"""One change as sentences: what, where, since when, how much, and what to do next."""

from dataclasses import dataclass

from server.alerts.condition import Severity
from server.alerts.machine import Change
from server.words import phrases
from server.words.facts import AlertFact, Occasion
from server.words.languages import say
from server.words.phrases import N_, PHRASES, SEVERITIES
from server.words.quantities import (
    duration,
    instant,
    limit,
    percent,
    quantity,
    spot,
    with_unit,
)

_ASSUMED = N_("Nobody has said what the soil is there: it is reckoned as %(soil)s.")
_SOIL = N_("Reckoned for %(soil)s.")
_SHARE = N_("%(share)s of the expected readings were good.")
_WORST = N_("The most extreme value was %(worst)s.")

_SOILS = {
    "sand": N_("sand"),
    "loamy sand": N_("loamy sand"),
    "sandy loam": N_("sandy loam"),
    "loam": N_("loam"),
    "silt loam": N_("silt loam"),
    "silt": N_("silt"),
    "sandy clay loam": N_("sandy clay loam"),
    "clay loam": N_("clay loam"),
    "silty clay loam": N_("silty clay loam"),
    "silty clay": N_("silty clay"),
    "sandy clay": N_("sandy clay"),
    "clay": N_("clay"),
}


@dataclass(frozen=True, slots=True)
class Saying:
    """What is said of one fact: `title` and `spot` for headings, sentences, and details below.

    `name` is the kind's, `title` says what became of it as well.
    """

    fact: AlertFact
    name: str
    title: str
    severity: str
    spot: str
    headline: str
    sentences: tuple[str, ...]
    advice: str
    details: tuple[str, ...]


def saying(language: str, fact: AlertFact, now_ms: int) -> Saying:
    """Put a fact into words."""
    values = _values(language, fact)
    phrase = PHRASES[fact.kind]
    is_over = fact.change in (Change.CLEARED, Change.ENDED) or fact.is_taken_back
    return Saying(
        fact,
        values["name"],
        _title(language, fact, values["name"]),
        say(language, SEVERITIES[int(fact.level)]),
        values["place"],
        say(language, _main(fact), **values),
        tuple(_beside(language, fact, now_ms)),
        "" if is_over else say(language, phrase.advice),
        tuple(_details(language, fact)),
    )


def _values(language: str, fact: AlertFact) -> dict[str, str]:
    name = say(language, PHRASES[fact.kind].name)
    return {
        "name": name,
        "what": say(language, fact.property_label) or name,
        "place": spot(language, fact.place),
        "value": quantity(language, fact, fact.value),
        "threshold": limit(language, fact),
        "since": instant(language, fact.since_ms, fact.place.zone),
        "rule": fact.rule,
    }


def _title(language: str, fact: AlertFact, name: str) -> str:
    """Say what became of it in a word: this is what stands in a list of messages."""
    became = phrases.TITLES.get(fact.change, "")
    if fact.is_taken_back:
        became = phrases.CORRECTED_TITLE
    elif fact.occasion is Occasion.CORRECTION:
        became = became or phrases.CORRECTED_TITLE
    elif fact.occasion in (Occasion.REMINDER, Occasion.ESCALATION):
        became = phrases.STILL_TITLE
    return say(language, became, name=name) if became else name


def _main(fact: AlertFact) -> str:
    """Choose the sentence that says it."""
    if fact.is_taken_back:
        return phrases.TAKEN_BACK
    phrase = PHRASES[fact.kind]
    chosen = {
        Change.CLEARED: phrase.over,
        Change.ENDED: phrases.ENDED,
        Change.LOST: phrases.LOST,
        Change.FOUND: phrases.FOUND,
    }
    return chosen.get(fact.change, phrase.begun)


def _beside(language: str, fact: AlertFact, now_ms: int) -> list[str]:
    """Say how it goes on from what was told before."""
    said = []
    if fact.change is Change.RISEN:
        said.append(say(language, phrases.WORSE))
    if fact.change is Change.EASED:
        said.append(say(language, phrases.BETTER))
    if fact.occasion is Occasion.REMINDER:
        passed = duration(language, max(0, now_ms - fact.since_ms) / 1000)
        said.append(say(language, phrases.STILL, duration=passed))
    if fact.occasion is Occasion.ESCALATION:
        said.append(say(language, phrases.NOBODY))
    if fact.occasion is Occasion.CORRECTION:
        said.append(say(language, phrases.CORRECTED))
    return said


def _details(language: str, fact: AlertFact) -> list[str]:
    """Say what it rests on."""
    said = []
    if fact.level > Severity.NORMAL and fact.worst is not None and fact.worst != fact.value:
        worst = quantity(language, fact, fact.worst)
        if worst != quantity(language, fact, fact.value):
            said.append(say(language, _WORST, worst=worst))
    if fact.share is not None and fact.share < 1:
        said.append(say(language, _SHARE, share=percent(language, fact.share)))
    if fact.soil:
        soil = say(language, _SOILS.get(fact.soil, fact.soil))
        said.append(say(language, _ASSUMED if fact.soil_assumed else _SOIL, soil=soil))
    if fact.place.height_m is not None and fact.place.depth_m is None:
        height = with_unit(language, fact.place.height_m, "m")
        said.append(say(language, N_("Measured %(height)s above ground."), height=height))
    return said
