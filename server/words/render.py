"""Messages: one change, or several at one site, as subject, text, HTML and SMS in a language."""

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from server.words.facts import AlertFact, Links, Rendered
from server.words.languages import Language, language_of, say
from server.words.phrases import N_
from server.words.quantities import zone_name
from server.words.saying import Saying, saying
from server.words.sms import fits, fitted, plainly

_NOTE = N_("You get this because you subscribed to warnings of %(site)s.")
_UNLISTED = N_("Changes before these that are not listed here: %(count)s.")
_ZONE = N_("Times are those of %(zone)s.")
_LINKS = (
    ("evidence", N_("See the readings")),
    ("acknowledge", N_("I take care of it")),
    ("snooze", N_("Remind me tomorrow")),
    ("pause", N_("Pause all messages for a week")),
    ("unsubscribe", N_("Stop these messages")),
)
_SEVERAL = N_("%(name)s at several places (%(count)s)")
_MANY = N_("Several warnings (%(count)s)")
_SUMMARY = N_("Summary")
_SITE = N_("%(what)s, %(site)s")


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


_templates = _environment()


def render(
    facts: Sequence[AlertFact],
    language: str,
    links: Links,
    now_ms: int,
    *,
    is_digest: bool = False,
    unlisted: int = 0,
) -> Rendered:
    """Put what changed at one site into a message; there is at least one fact.

    A language that is not known gives English. `links` are left out where they are "". `unlisted`
    counts what a digest had no room for.
    """
    spoken = language_of(language)
    sayings = [saying(spoken.code, one, now_ms) for one in facts]
    subject = _subject(spoken.code, sayings, is_digest=is_digest)
    offered = [
        (say(spoken.code, label), address)
        for key, label in _LINKS
        if (address := getattr(links, key))
    ]
    foot = _foot(spoken.code, facts[0])
    if unlisted:
        foot = (say(spoken.code, _UNLISTED, count=str(unlisted)), *foot)
    return Rendered(
        spoken.code,
        subject,
        _text(sayings, offered, foot),
        _html(spoken, subject, sayings, offered, foot),
        _short(sayings, links.evidence),
    )


def _subject(language: str, sayings: Sequence[Saying], *, is_digest: bool) -> str:
    first = sayings[0]
    titles = {one.title for one in sayings}
    if is_digest:
        what = say(language, _SUMMARY)
    elif len(sayings) == 1:
        what = f"{first.title}: {first.spot}"
    elif len(titles) == 1:
        what = say(language, _SEVERAL, name=first.title, count=str(len(sayings)))
    else:
        what = say(language, _MANY, count=str(len(sayings)))
    subject = say(language, _SITE, what=what, site=first.fact.place.site)
    return " ".join(subject.split())


def _foot(language: str, fact: AlertFact) -> tuple[str, ...]:
    zone = zone_name(fact.place.zone)
    site = fact.place.site
    return say(language, _ZONE, zone=zone), say(language, _NOTE, site=site)


def _text(
    sayings: Sequence[Saying], offered: Sequence[tuple[str, str]], foot: Sequence[str]
) -> str:
    parts = [_paragraph(one) for one in sayings]
    parts += [one for one in dict.fromkeys(one.advice for one in sayings) if one]
    if offered:
        parts.append("\n".join(f"{label}: {address}" for label, address in offered))
    parts.append("\n".join(foot))
    return "\n\n".join(parts) + "\n"


def _paragraph(one: Saying) -> str:
    return "\n".join([" ".join([one.headline, *one.sentences]), *one.details])


def _html(
    language: Language,
    subject: str,
    sayings: Sequence[Saying],
    offered: Sequence[tuple[str, str]],
    foot: Sequence[str],
) -> str:
    return _templates.get_template("message.html").render(
        language=language,
        subject=subject,
        sayings=sayings,
        advice=[one for one in dict.fromkeys(one.advice for one in sayings) if one],
        said=[],
        offered=offered,
        foot=foot,
    )


def _short(sayings: Sequence[Saying], link: str) -> str:
    """Say it in two or three SMS: whole sentences as long as there is room, then the address."""
    end = f" {link}" if link else ""
    first = sayings[0]
    said = plainly(f"{first.fact.place.site}: {first.headline}")
    if not fits(said + end):
        return fitted(said, end)
    for sentence in (*(one.headline for one in sayings[1:]), *first.sentences, first.advice):
        longer = f"{said} {plainly(sentence)}" if sentence else said
        said = longer if fits(longer + end) else said
    return said + end


def page(
    language: Language, subject: str, said: Sequence[str], offered: Sequence[tuple[str, str]]
) -> str:
    """Make the HTML of a letter that tells of no warning."""
    return _templates.get_template("message.html").render(
        language=language,
        subject=subject,
        sayings=[],
        advice=[],
        said=said,
        offered=offered,
        foot=[],
    )
