"""What else subscribers are written: to confirm, that they are in, that they are out."""

from dataclasses import dataclass
from enum import StrEnum

from server.words.facts import Rendered
from server.words.languages import language_of, say
from server.words.legible import legible
from server.words.phrases import N_
from server.words.render import page
from server.words.sms import fitted, plainly


class Letter(StrEnum):
    """Which letter."""

    CONFIRM = "confirm"
    WELCOME = "welcome"
    GOODBYE = "goodbye"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class _Text:
    subject: str
    body: str
    link: str


_LETTERS = {
    Letter.CONFIRM: _Text(
        N_("Please confirm: warnings of %(site)s"),
        N_(
            "Somebody, we hope you, asked for warnings of %(site)s at this address. Nothing is "
            "sent unless you confirm it. If it was not you, do nothing."
        ),
        N_("Yes, send me warnings"),
    ),
    Letter.WELCOME: _Text(
        N_("You will be warned: %(site)s"),
        N_("From now on you get warnings of %(site)s. You can change or stop that at any time."),
        N_("Change or stop"),
    ),
    Letter.GOODBYE: _Text(
        N_("No more warnings of %(site)s"),
        N_("You get no more warnings of %(site)s. What we knew of you has been deleted."),
        "",
    ),
    Letter.TEST: _Text(
        N_("Test: warnings of %(site)s reach you"),
        N_("This is a test. When soil is dry at %(site)s a warning reaches you like this."),
        "",
    ),
}


def write(letter: Letter, site: str, language: str, link: str = "") -> Rendered:
    """Write a letter in a language; `link` is what it asks people to press."""
    spoken = language_of(language)
    text, site = _LETTERS[letter], legible(site)
    subject = say(spoken.code, text.subject, site=site)
    body = say(spoken.code, text.body, site=site)
    offered = [(say(spoken.code, text.link), link)] if link and text.link else []
    lines = [body, *(f"{label}: {address}" for label, address in offered)]
    short = fitted(plainly(body), f" {link}" if link else "")
    html = page(spoken, subject, [body], offered)
    return Rendered(spoken.code, subject, "\n\n".join(lines) + "\n", html, short)
