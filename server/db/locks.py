"""Locks by which several programs may take in batches at once: one gateway, one writer."""

from collections.abc import Iterable
from hashlib import blake2b

from sqlalchemy import Connection, text

# Pairs of 32-bit keys are apart from the single keys of migrations (PostgreSQL 17 manual, 9.28.10).
# Any fixed number does: "GATE".
_CLASS = 0x47415445
# An array is unnested in its order, so the locks are taken in that of the keys.
_LOCK = text("SELECT pg_advisory_xact_lock(:class, key) FROM unnest(CAST(:keys AS int[])) AS key")
_TRY = text(
    "SELECT key FROM unnest(CAST(:keys AS int[])) AS key"
    " WHERE pg_try_advisory_xact_lock(:class, key)"
)


def lock_gateways(connection: Connection, gateways: Iterable[str]) -> None:
    """Be the only one, until the transaction ends, that takes in what these gateways sent.

    To be called once in a transaction, before anything else, with all the gateways it may touch:
    everybody locks in the same order, hence nobody waits in a circle. Further ones may be taken by
    `try_lock_gateways`, which does not wait. Two names that share a key only wait for each other.
    On SQLite a transaction that writes is alone anyway.
    """
    if connection.dialect.name != "postgresql":
        return
    keys = sorted({_key(one) for one in gateways})
    if keys:
        connection.execute(_LOCK, {"class": _CLASS, "keys": keys}).all()


def try_lock_gateways(connection: Connection, gateways: Iterable[str]) -> set[str]:
    """Do the same for more gateways without waiting; give those at which nobody else is."""
    wanted = {one: _key(one) for one in gateways}
    if connection.dialect.name != "postgresql" or not wanted:
        return set(wanted)
    free = set(connection.execute(_TRY, {"class": _CLASS, "keys": list(wanted.values())}).scalars())
    return {one for one, key in wanted.items() if key in free}


def _key(gateway: str) -> int:
    return int.from_bytes(blake2b(gateway.encode(), digest_size=4).digest(), signed=True)
