"""Writes what became of messages that were claimed, each in the caller's transaction."""

from sqlalchemy import Connection, update

from server.db.notify_tables import message, subscription
from server.notify.channels.port import Answer, Later, Sent
from server.notify.sending.claiming import Claim

# Tried after half a minute, a minute, two …, then every hour.
_FIRST_WAIT_S, _LONGEST_WAIT_S = 30.0, 3600.0
# What could not be sent for a day is news no more.
LIFE_MS = 86_400_000
# No way of sending takes as long: whoever claimed it is gone.
LOST_MS = 15 * 60_000

CUT = "whether it went out is not known: the program was ended between sending and noting it"
TOO_OLD = "given up after a day"

_M = message.c


def mark(connection: Connection, claim: Claim, answer: Answer, now_ms: int) -> None:
    """Note what the channel said of a message and of all that it carried."""
    if isinstance(answer, Sent):
        _set(connection, claim, state="sent", sent_at=now_ms, receipt=answer.receipt, error="")
    elif isinstance(answer, Later):
        _try_again(connection, claim, answer, now_ms)
    else:
        _set(connection, claim, state="dead", error=answer.reason)
        if answer.is_address:
            whose = (claim.subscriber_id, claim.channel, claim.address)
            stop_address(connection, *whose, answer.reason, now_ms)


def mark_unsure(connection: Connection, claim: Claim, why: str) -> None:
    """Note that a message may have gone out: it is never sent again by itself."""
    _set(connection, claim, state="unsure", error=why)


def release_lost(connection: Connection, now_ms: int) -> int:
    """Note as unsure what was claimed by a program that is gone; gives how many messages."""
    return connection.execute(
        update(message)
        .where(_M.state == "claimed", _M.claimed_at < now_ms - LOST_MS)
        .values(state="unsure", error=CUT)
    ).rowcount


def wait_s(attempts: int) -> float:
    """Say for how long to leave a message that was tried so often."""
    return float(min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** min(attempts, 16)))


def stop_address(
    connection: Connection, subscriber_id: int, channel: str, address: str, why: str, now_ms: int
) -> None:
    """Send nothing more to an address until somebody mends it."""
    connection.execute(
        update(subscription)
        .where(
            subscription.c.subscriber_id == subscriber_id,
            subscription.c.channel == channel,
            subscription.c.address == address,
        )
        .values(bounced_at=now_ms, bounce=why)
    )


def _try_again(connection: Connection, claim: Claim, answer: Later, now_ms: int) -> None:
    if now_ms >= claim.created_ms + LIFE_MS:
        _set(connection, claim, state="dead", error=f"{TOO_OLD}: {answer.reason}")
        return
    # Where the whole channel is away the sender waits; that says nothing of this message.
    tried = claim.attempts if answer.is_channel else claim.attempts + 1
    after_s = answer.after_s if answer.is_channel else max(answer.after_s, wait_s(claim.attempts))
    _set(
        connection,
        claim,
        state="queued",
        next_at=now_ms + round(after_s * 1000),
        attempts=tried,
        error=answer.reason,
        claimed_at=None,
        carried_by=None,
    )


def _set(connection: Connection, claim: Claim, **values: object) -> None:
    """Write it, unless somebody has meanwhile decided on what seemed lost."""
    is_ours = _M.state.in_(["claimed", "unsure"])
    connection.execute(update(message).where(_M.id.in_(claim.ids), is_ours).values(**values))
