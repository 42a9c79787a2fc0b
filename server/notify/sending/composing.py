"""Puts a claimed message into words: what its channel is given."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
from sqlalchemy import Connection

from server.alerts.condition import Severity
from server.notify.bounces.tokens import token_of
from server.notify.channels.port import Envelope
from server.notify.links import Grant, Purpose, link, links_of
from server.notify.sending.claiming import Claim
from server.notify.sending.episodes import earlier_messages
from server.notify.snoozing import AGAIN
from server.notify.telling import notices_of, read_facts
from server.words.facts import AlertFact, Links, Occasion
from server.words.letters import Letter, write
from server.words.render import render

# What each letter asks people to press.
_PRESS = {Letter.CONFIRM: Purpose.CONFIRM, Letter.WELCOME: Purpose.MANAGE}


def compose(connection: Connection, claim: Claim, base_url: str, now_ms: int) -> Envelope:
    """Write a message as it is to be sent."""
    if claim.letter is not None and "letter" in claim.letter:
        return _letter(claim, claim.letter, base_url)
    is_digest = claim.letter is not None
    wanted = claim.letter["digest"] if claim.letter is not None else None
    ids = wanted if wanted is not None else notices_of(connection, claim.ids)
    found = read_facts(connection, ids)
    facts = [_as_told(claim, found[one]) for one in ids if one in found]
    watches = {one.watch_id for one in facts}
    before = () if is_digest else earlier_messages(connection, claim, watches)
    about = watches.pop() if len(watches) == 1 else 0
    links = _links(base_url, _grant(claim, Purpose.UNSUBSCRIBE, about), claim)
    return Envelope(
        key=claim.key,
        address=claim.address,
        said=render(
            facts, claim.language, links, now_ms, is_digest=is_digest, unlisted=_unlisted(claim)
        ),
        links=links,
        is_urgent=not is_digest and any(one.level >= Severity.CRITICAL for one in facts),
        facts=_plain(facts),
        token=token_of(claim.ids[0], claim.secret),
        follows=[token_of(one, claim.secret) for one in before],
    )


def _unlisted(claim: Claim) -> int:
    return int(claim.letter.get("unlisted", 0)) if claim.letter is not None else 0


def _letter(claim: Claim, asked: dict[str, str], base_url: str) -> Envelope:
    letter = Letter(asked["letter"])
    press = ""
    if letter in _PRESS:
        press = link(base_url, _grant(claim, _PRESS[letter]), claim.secret)
    links = Links()
    if letter is Letter.WELCOME:
        links = links_of(base_url, _grant(claim, Purpose.UNSUBSCRIBE), claim.secret)
    return Envelope(
        key=claim.key,
        address=claim.address,
        said=write(letter, asked.get("site", ""), claim.language, press),
        links=replace(links, evidence=press),  # what a push message opens
        token=token_of(claim.ids[0], claim.secret),
    )


def _links(base_url: str, grant: Grant, claim: Claim) -> Links:
    """Give the links of a message; what it rests on is shown in its reader's language."""
    links = links_of(base_url, grant, claim.secret)
    if not links.evidence:
        return links
    return replace(links, evidence=f"{links.evidence}?language={claim.language}")


def _as_told(claim: Claim, fact: AlertFact) -> AlertFact:
    """Say why it is told now: again, or because nobody before has acknowledged it."""
    if claim.key.startswith(AGAIN):
        return replace(fact, occasion=Occasion.REMINDER)
    if claim.turn and fact.level > fact.level_before:
        return replace(fact, occasion=Occasion.ESCALATION)
    return fact


def _grant(claim: Claim, purpose: Purpose, watch_id: int = 0) -> Grant:
    return Grant(purpose, claim.subscriber_id, claim.subscription_id, watch_id)


def _plain(facts: Sequence[AlertFact]) -> dict[str, object]:
    return {"alerts": [msgspec.to_builtins(one) for one in facts]}
