"""Reads what comes back: delivery reports (RFC 3464) and complaints (RFC 5965). Pure.

What is read was written by anybody. Only a report of the right form counts: an answer from a
holiday, a receipt (RFC 8098) or a letter without one says nothing of an address, and
`Auto-Submitted` does not tell them apart: Postfix writes it on its reports as well.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from enum import StrEnum

from server.notify.bounces.tokens import find_tokens

# A report holds the beginning of our own mail at most; what is longer is cut, not refused.
MOST_BYTES = 256 * 1024
_MOST_LETTERS = 200  # of what a server says
# Mail servers write where a report goes to in one of these.
_TO = ("To", "Delivered-To", "X-Original-To", "Envelope-To")
_OF_ORIGINAL = ("Message-ID", "Return-Path")


class Fate(StrEnum):
    """What became of a mail, as Action says it (RFC 3464, 2.3.3); others tell of success."""

    FAILED = "failed"
    DELAYED = "delayed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mail at one address; `status` as 5.1.1, `diagnostic` as in a reply."""

    fate: Fate
    recipient: str
    status: str
    diagnostic: str

    @property
    def said(self) -> str:
        """Say it in the server's words."""
        return " ".join(one for one in (self.status, self.diagnostic) if one)


@dataclass(frozen=True, slots=True)
class Report:
    """A report on one of our mails, perhaps: `tokens` are to be checked.

    A complaint has no outcomes: somebody pressed "this is spam".
    """

    tokens: tuple[str, ...]
    outcomes: tuple[Outcome, ...] = ()
    is_complaint: bool = False


def read_report(mail: bytes) -> Report | None:
    """Read a mail that came back; None for one that is no report, or that cannot be read.

    What it costs grows with its length: give it MOST_BYTES at most.
    """
    try:
        return _read(message_from_bytes(mail))
    except (RecursionError, ValueError):  # parts within parts, numbers of a thousand digits
        return None


def _read(mail: Message) -> Report | None:
    if mail.get_content_type() != "multipart/report" or not mail.is_multipart():
        return None
    parts = [part for part in _list(mail.get_payload()) if isinstance(part, Message)]
    tokens = find_tokens(_places(mail, parts))
    for part in parts:
        if part.get_content_type() == "message/delivery-status":
            return Report(tokens, tuple(_outcomes(part)))
        if part.get_content_type() == "message/feedback-report":
            return Report(tokens, is_complaint=True) if _is_complaint(part) else None
    return None


def _list(payload: object) -> list[object]:
    return payload if isinstance(payload, list) else []


def _blocks(part: Message) -> list[Message]:
    return [one for one in _list(part.get_payload()) if isinstance(one, Message)]


def _outcomes(part: Message) -> Iterator[Outcome]:
    for block in _blocks(part):
        action = _field(block, "Action").lower()
        if action in (Fate.FAILED, Fate.DELAYED):
            yield Outcome(
                fate=Fate(action),
                recipient=_address(_field(block, "Final-Recipient")),
                status=_field(block, "Status").partition(" ")[0],
                diagnostic=_field(block, "Diagnostic-Code"),
            )


def _is_complaint(part: Message) -> bool:
    """Be a wish to hear no more; `not-spam` and others are none (RFC 5965, 7.3)."""
    kinds = [_field(block, "Feedback-Type").lower() for block in _blocks(part)]
    return any(kind in ("abuse", "fraud", "opt-out") for kind in kinds)


def _places(mail: Message, parts: list[Message]) -> Iterator[str]:
    """Give where a token may stand, the likeliest first."""
    for name in _TO:
        yield from (str(one) for one in mail.get_all(name, []))
    for part in parts:
        if part.get_content_type() == "message/delivery-status":
            yield from (_field(block, "Original-Envelope-Id") for block in _blocks(part))
        original = _original(part)
        if original is not None:
            yield from (_field(original, name) for name in _OF_ORIGINAL)


def _original(part: Message) -> Message | None:
    """Give our own mail, or its head, where a part holds it (RFC 3462)."""
    if part.get_content_type() == "message/rfc822":
        return next(iter(_blocks(part)), None)
    if part.get_content_type() != "text/rfc822-headers":
        return None
    text = part.get_payload(decode=True)
    return message_from_bytes(text) if isinstance(text, bytes) else None


def _address(field: str) -> str:
    """Give the address of `rfc822; name@example.org`."""
    return field.partition(";")[2].strip().strip("<>")


def _field(block: Message, name: str) -> str:
    """Give a field in one line of plain letters."""
    text = "".join(one if one.isprintable() else " " for one in str(block.get(name, "")))
    return " ".join(text.split())[:_MOST_LETTERS]
