"""Subscribers: who asked for what, agreed to it, paused it or took it back. All of it is recorded.

Nobody is told anything before having confirmed it by a link that went to the address itself. Each
function works in the caller's transaction.
"""

import secrets

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from server.db.instant import Instant
from server.db.notify_tables import consent_event, message, subscriber, subscription
from server.db.tables import site
from server.notify.links import Grant
from server.notify.matching import P, S
from server.notify.wishes import Asker, Wish, check
from server.words.letters import Letter
from wire.errors import ConfigError

_DAY_MS = 86_400_000
# Nobody's mailbox is filled by others who write its address into our form.
_MOST_QUESTIONS_A_DAY = 3
# Nor are thousands of mailboxes: more people than this do not come by themselves.
_MOST_ASKED_AN_HOUR = 200
# Who has not confirmed, or has ended everything, is forgotten after so long.
_UNCONFIRMED_MS, _ENDED_MS = 7 * _DAY_MS, 30 * _DAY_MS

_ANYBODY, ADMINISTRATOR = Asker(), Asker(by_administrator=True)

_M = message.c


def ask(
    connection: Connection,
    wish: Wish,
    now_ms: int,
    how: str = "page",
    asker: Asker = _ANYBODY,
) -> int:
    """Enter a wish that its address must confirm; gives the subscription's id.

    What is there already is not entered twice, and nobody can tell from outside: the question is
    sent again, a few times a day at most. Raises ConfigError naming what to write.
    """
    if not asker.by_administrator:
        _require_room(connection, now_ms, how)
    person, wish_id = _enter(connection, wish, now_ms, how, asker)
    _record(connection, person, now_ms, "asked", how, str(wish_id))
    is_open = connection.execute(select(S.confirmed_at).where(S.id == wish_id)).scalar()
    if is_open is None and _questions(connection, wish_id, now_ms) < _MOST_QUESTIONS_A_DAY:
        write_letter(connection, wish_id, Letter.CONFIRM, now_ms)
    return wish_id


def enlist(connection: Connection, wish: Wish, now_ms: int, by: str, how: str = "list") -> int:
    """Enter a wish that an administrator vouches for: it holds at once. As `ask` otherwise."""
    person, wish_id = _enter(connection, wish, now_ms, by, ADMINISTRATOR)
    confirmed = update(subscription).where(S.id == wish_id, S.confirmed_at.is_(None))
    if connection.execute(confirmed.values(confirmed_at=now_ms)).rowcount:
        _trust_again(connection, wish_id)
        _record(connection, person, now_ms, "confirmed", how, f"{wish_id}, by {by}")
        write_letter(connection, wish_id, Letter.WELCOME, now_ms)
    return wish_id


def confirm(connection: Connection, grant: Grant, now_ms: int, how: str = "link") -> bool:
    """Let a subscription hold; False when it has been ended meanwhile."""
    found = connection.execute(
        select(S.confirmed_at, S.ended_at).where(S.id == grant.subscription_id)
    ).one()
    if found.ended_at is not None:
        return False
    if found.confirmed_at is None:
        connection.execute(
            update(subscription).where(S.id == grant.subscription_id).values(confirmed_at=now_ms)
        )
        _trust_again(connection, grant.subscription_id)
        _record(
            connection, grant.subscriber_id, now_ms, "confirmed", how, str(grant.subscription_id)
        )
        write_letter(connection, grant.subscription_id, Letter.WELCOME, now_ms)
    return True


def unsubscribe(connection: Connection, grant: Grant, now_ms: int, how: str = "link") -> int:
    """End all that comes by the same channel as this subscription; gives how many that were."""
    own = select(S.channel).where(S.id == grant.subscription_id).scalar_subquery()
    ended = connection.execute(
        update(subscription)
        .where(S.subscriber_id == grant.subscriber_id, S.channel == own, S.ended_at.is_(None))
        .values(ended_at=now_ms)
    ).rowcount
    if ended:
        _record(connection, grant.subscriber_id, now_ms, "ended", how, str(grant.subscription_id))
    return ended


def end(connection: Connection, grant: Grant, now_ms: int, how: str = "link") -> bool:
    """End one subscription; False when it had ended."""
    ended = connection.execute(
        update(subscription)
        .where(S.id == grant.subscription_id, S.ended_at.is_(None))
        .values(ended_at=now_ms)
    ).rowcount
    if ended:
        _record(connection, grant.subscriber_id, now_ms, "ended", how, str(grant.subscription_id))
    return bool(ended)


def pause(
    connection: Connection, grant: Grant, now_ms: int, until_ms: int | None, how: str = "link"
) -> None:
    """Tell a person nothing until then; None: tell again."""
    connection.execute(
        update(subscriber).where(P.id == grant.subscriber_id).values(paused_until=until_ms)
    )
    what = "paused" if until_ms is not None else "resumed"
    _record(connection, grant.subscriber_id, now_ms, what, how)


def dismiss(connection: Connection, subscriber_id: int, now_ms: int, how: str) -> bool:
    """End all of a person's subscriptions and tell them; deleted once that letter has gone.

    Those who end their own see it on the page: they get no letter. False when there is none to
    write: then all is deleted at once.
    """
    reached = select(func.min(S.id)).where(
        S.subscriber_id == subscriber_id,
        S.confirmed_at.is_not(None),
        S.ended_at.is_(None),
        S.bounced_at.is_(None),
    )
    written = connection.execute(reached.group_by(S.channel, S.address)).scalars().all()
    for wish_id in written:
        write_letter(connection, wish_id, Letter.GOODBYE, now_ms)
    if not written:
        forget(connection, subscriber_id, now_ms, how)
        return False
    connection.execute(
        update(subscription)
        .where(S.subscriber_id == subscriber_id, S.ended_at.is_(None))
        .values(ended_at=now_ms)
    )
    _record(connection, subscriber_id, now_ms, "ended", how)
    return True


def forget(connection: Connection, subscriber_id: int, now_ms: int, how: str) -> None:
    """Delete what is known of a person; that there was one, and agreed, stays on record."""
    wishes = select(S.id).where(S.subscriber_id == subscriber_id)
    waiting = _M.subscription_id.in_(wishes) & (_M.state == "queued")
    connection.execute(update(message).where(waiting).values(state="withdrawn", error="deleted"))
    cleared = update(message).where(_M.subscription_id.in_(wishes))
    connection.execute(cleared.values(receipt="", letter=None, error=""))
    connection.execute(
        update(subscription)
        .where(S.subscriber_id == subscriber_id)
        .values(address="", bounce="", ended_at=func.coalesce(S.ended_at, literal(now_ms, Instant)))
    )
    blank = {"name": "", "secret": "", "created_by": "", "deleted_at": now_ms}
    connection.execute(update(subscriber).where(P.id == subscriber_id).values(blank))
    _record(connection, subscriber_id, now_ms, "deleted", how)


def forget_those_who_left(connection: Connection, now_ms: int) -> int:
    """Forget who never confirmed, and who ended everything some time ago; gives how many."""
    stays = (
        select(S.id)
        .where(
            S.subscriber_id == P.id,
            or_(
                S.ended_at.is_(None) & S.confirmed_at.is_not(None),
                S.ended_at.is_(None) & (S.created_at >= now_ms - _UNCONFIRMED_MS),
                S.ended_at >= now_ms - _ENDED_MS,
            ),
        )
        .correlate(subscriber)
        .exists()
    )
    gone = (
        connection.execute(
            select(P.id).where(P.deleted_at.is_(None), or_(~stays, _is_dismissed(now_ms)))
        )
        .scalars()
        .all()
    )
    for one in gone:
        forget(connection, one, now_ms, "time")
    return len(gone)


def _is_dismissed(now_ms: int) -> ColumnElement[bool]:
    """Be a person who was told that it is over, or could not be told for a day."""

    def has_letter(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
        goodbye = _M.key.like(f"{Letter.GOODBYE}:%")
        query = select(_M.id).where(_M.subscriber_id == P.id, goodbye, *conditions)
        return query.correlate(subscriber).exists()

    is_on_its_way = _M.state.in_(["queued", "claimed"]) & (_M.created_at > now_ms - _DAY_MS)
    stays = select(S.id).where(S.subscriber_id == P.id, S.ended_at.is_(None))
    is_member = stays.correlate(subscriber).exists()
    return and_(has_letter(), ~has_letter(is_on_its_way), ~is_member)


def write_letter(connection: Connection, subscription_id: int, letter: Letter, now_ms: int) -> int:
    """Queue a letter; gives its message's id."""
    row = connection.execute(
        select(S.subscriber_id, S.channel, site.c.name)
        .outerjoin(site, site.c.id == S.site_id)
        .where(S.id == subscription_id)
    ).one()
    known = list(connection.execute(select(site.c.name).order_by(site.c.name).limit(3)).scalars())
    said = {"letter": letter.value, "site": row.name or ", ".join(known) or "Saxaul"}
    query = insert(message).values(
        key=f"{letter.value}:{subscription_id}:{now_ms}:{secrets.token_hex(4)}",
        subscription_id=subscription_id,
        subscriber_id=row.subscriber_id,
        channel=row.channel,
        letter=said,
        created_at=now_ms,
        next_at=now_ms,
    )
    return int(connection.execute(query.returning(_M.id)).scalar_one())


def _enter(
    connection: Connection, wish: Wish, now_ms: int, by: str, asker: Asker
) -> tuple[int, int]:
    """Enter person and subscription, each unless it is there; gives their ids."""
    site_id, address = check(connection, wish, asker)
    person = _find_person(connection, wish.channel, address)
    if person is None:
        person = _add_person(connection, wish, now_ms, by)
    same = {
        "subscriber_id": person,
        "channel": wish.channel,
        "address": address,
        "site_id": site_id,
        "thing_id": wish.thing_id,
        "kind": wish.kind,
        "turn": wish.turn,
    }
    conditions = [subscription.c[name].is_not_distinct_from(value) for name, value in same.items()]
    # Who asks anew for what came back says that the address is mended: it begins from the start.
    connection.execute(
        update(subscription)
        .where(*conditions, S.ended_at.is_(None), S.bounced_at.is_not(None))
        .values(ended_at=now_ms)
    )
    found = connection.execute(select(S.id).where(*conditions, S.ended_at.is_(None))).scalar()
    if found is not None:
        return person, int(found)
    values = {**same, "min_level": wish.min_level, "mode": wish.mode, "created_at": now_ms}
    query = insert(subscription).values(values).returning(S.id)
    return person, int(connection.execute(query).scalar_one())


def _trust_again(connection: Connection, wish_id: int) -> None:
    """Send to an address again, whatever came back from it: somebody answers for it."""
    row = connection.execute(
        select(S.subscriber_id, S.channel, S.address).where(S.id == wish_id)
    ).one()
    connection.execute(
        update(subscription)
        .where(
            S.subscriber_id == row.subscriber_id,
            S.channel == row.channel,
            S.address == row.address,
            S.ended_at.is_(None),
        )
        .values(bounced_at=None, bounce="")
    )


def _find_person(connection: Connection, channel: str, address: str) -> int | None:
    query = (
        select(S.subscriber_id)
        .join(subscriber, P.id == S.subscriber_id)
        .where(S.channel == channel, S.address == address, P.deleted_at.is_(None))
        .order_by(S.id)
        .limit(1)
    )
    return connection.execute(query).scalar()


def _add_person(connection: Connection, wish: Wish, now_ms: int, by: str) -> int:
    query = insert(subscriber).values(
        name=wish.name,
        language=wish.language,
        time_zone=wish.time_zone,
        quiet_from=wish.quiet_from,
        quiet_until=wish.quiet_until,
        wake_for_critical=wish.wake_for_critical,
        limit_per_day=wish.limit_per_day,
        secret=secrets.token_urlsafe(24),
        created_at=now_ms,
        created_by=by,
    )
    return int(connection.execute(query.returning(P.id)).scalar_one())


def _require_room(connection: Connection, now_ms: int, how: str) -> None:
    """Refuse a flood of strangers' wishes: it fills tables, and others' mailboxes in our name."""
    of = consent_event.c
    query = select(func.count()).where(
        of.what == "asked", of.how == how, of.at > now_ms - _DAY_MS // 24
    )
    if connection.execute(query).scalar_one() >= _MOST_ASKED_AN_HOUR:
        raise ConfigError("wishes", "very many came within the hour; try again in an hour")


def _questions(connection: Connection, wish_id: int, now_ms: int) -> int:
    """Count the letters of a day to a mailbox, by whichever spelling, that has not confirmed."""
    address = connection.execute(select(S.address).where(S.id == wish_id)).scalar_one()
    query = (
        select(func.count())
        .select_from(message.join(subscription, S.id == _M.subscription_id))
        .where(
            _is_same_mailbox(address),
            S.confirmed_at.is_(None),
            _M.letter.is_not(None),
            _M.created_at > now_ms - _DAY_MS,
        )
    )
    return int(connection.execute(query).scalar_one())


def _is_same_mailbox(address: str) -> ColumnElement[bool]:
    """Be an address that ends in the same mailbox nearly everywhere: capitals, and "+" (RFC 5233).

    Telephone numbers and the like have no other spellings.
    """
    local, at, domain = address.lower().rpartition("@")
    mailbox = local.partition("+")[0]
    if not at or not mailbox:
        return S.address == address
    lowered = func.lower(S.address)
    return or_(
        lowered == f"{mailbox}@{domain}",
        and_(lowered.startswith(f"{mailbox}+", autoescape=True), lowered.endswith(f"@{domain}")),
    )


def _record(
    connection: Connection, person: int, now_ms: int, what: str, how: str, detail: str = ""
) -> None:
    """Keep what somebody agreed to or took back."""
    row = {"subscriber_id": person, "at": now_ms, "what": what, "how": how, "detail": detail}
    connection.execute(insert(consent_event).values(row))
