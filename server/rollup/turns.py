"""Who may compute which buckets: locks, so that several workers and operators never disagree.

All are held until the transaction ends. On SQLite a transaction that writes is alone anyway.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, text

from server.rollup.marks import Level

# Pairs of 32-bit keys, apart from those of server.db.locks: "ROLH", "ROLD" and "ROLL".
_CLASSES = {Level.HOUR: 0x524F4C48, Level.DAY: 0x524F4C44}
_ALL = 0x524F4C4C
_MINUTE_MS = 60_000
_TRY = text("""
SELECT n FROM unnest(CAST(:keys AS int[])) WITH ORDINALITY AS wanted (key, n)
WHERE pg_try_advisory_xact_lock(:class, key) ORDER BY n
""")
_SHARE = text("SELECT pg_advisory_xact_lock_shared(:class, 0)")
_ALONE = text("SELECT pg_advisory_xact_lock(:class, 0)")


def take_turn(connection: Connection) -> None:
    """Be one of several that compute; waits for an operator who is alone."""
    if connection.dialect.name == "postgresql":
        connection.execute(_SHARE, {"class": _ALL})


def be_alone(connection: Connection) -> None:
    """Wait until nobody computes, and let nobody begin.

    To be called before what a computation relies on is changed: a horizon, a zone. Who computes
    afterwards sees the change, so what a horizon gives up may go once this has been committed.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_ALONE, {"class": _ALL})


def try_buckets(connection: Connection, level: Level, starts: Iterable[int]) -> Sequence[int]:
    """Lock buckets for all series, without waiting; give those that nobody else has, in order.

    Starts within one minute share a lock, which costs no more than a wait.
    """
    wanted = list(starts)
    if connection.dialect.name != "postgresql":
        return wanted
    keys = [start // _MINUTE_MS % 2**31 for start in wanted]
    found = connection.execute(_TRY, {"class": _CLASSES[level], "keys": keys})
    return [wanted[n - 1] for n in found.scalars()]
