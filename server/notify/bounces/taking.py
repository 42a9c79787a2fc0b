"""What a report means for who was written to. Each function works in the caller's transaction."""

from datetime import UTC, datetime

from sqlalchemy import Connection, or_, update

from server.db.notify_tables import message, subscription
from server.notify import people
from server.notify.bounces.replies import report_blames_address
from server.notify.bounces.reports import Fate, Outcome, Report
from server.notify.bounces.tokens import Written, read_tokens
from server.notify.matching import S
from server.notify.sending.claiming import WENT_OUT
from server.notify.sending.marking import stop_address

_M = message.c


def take(connection: Connection, report: Report, now_ms: int) -> str:
    """Do what a report asks for; gives a sentence of what that was."""
    written = read_tokens(connection, report.tokens, now_ms)
    if written is None:
        return "Left alone: it does not carry the number of a mail of ours of the last two weeks."
    if report.is_complaint:
        ended = people.unsubscribe(connection, written.grant, now_ms, "complaint")
        return f"{written.address} calls our mail spam: {ended} subscriptions ended."
    own = [one for one in report.outcomes if _is_own(one, written)]
    failed = next((one for one in own if one.fate is Fate.FAILED), None)
    if failed is not None:
        return _came_back(connection, written, failed, now_ms)
    if report.outcomes:
        return _note(connection, written, report.outcomes[0], now_ms)
    return f"Left alone: it tells of no trouble with mail to {written.address}."


def _is_own(outcome: Outcome, written: Written) -> bool:
    """Be about the address that we wrote to, not about one that its owner forwards mail to."""
    return outcome.recipient.lower() == written.address.lower()


def _came_back(connection: Connection, written: Written, outcome: Outcome, now_ms: int) -> str:
    is_address = report_blames_address(outcome.status, outcome.diagnostic)
    remedy = (
        "ask for the right one and add it anew"
        if is_address
        else "if it goes on, ask whoever runs the mail server there, or for another address"
    )
    why = f"mail came back: {outcome.said}; {remedy}"
    of_it = or_(_M.id == written.message_id, _M.carried_by == written.message_id)
    connection.execute(
        update(message).where(of_it, _M.state.in_(WENT_OUT)).values(state="dead", error=why)
    )
    if not is_address:
        return f"{written.address}: {why}."
    person = written.grant.subscriber_id
    stop_address(connection, person, "email", written.address, why, now_ms)
    return f"{written.address} gets no more messages: {why}."


def _note(connection: Connection, written: Written, outcome: Outcome, now_ms: int) -> str:
    """Note trouble that may pass, or is about an address that mail is forwarded to."""
    what = "mail is late" if outcome.fate is Fate.DELAYED else "mail came back"
    elsewhere = "" if _is_own(outcome, written) else f" from {outcome.recipient}"
    why = f"{what}{elsewhere}: {outcome.said}"
    connection.execute(
        update(subscription)
        .where(
            S.subscriber_id == written.grant.subscriber_id,
            S.channel == "email",
            S.address == written.address,
            S.bounced_at.is_(None),
        )
        .values(bounce=f"{_day(now_ms)}: {why}")
    )
    return f"{written.address}: {why}; it is written to all the same."


def _day(now_ms: int) -> str:
    return datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y-%m-%d")
