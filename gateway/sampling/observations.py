"""The last step before the outbox: a value that the wire can carry, or missing with its reason."""

from decimal import Decimal

from gateway.readings import Observation
from wire.batch import representable
from wire.quality import Flag

UNREPRESENTABLE = "unrepresentable"


def observe(
    datastream: str,
    mono_ms: int,
    value: Decimal | None,
    reason: str = "",
    flag: Flag = Flag.PASS,
) -> Observation:
    """Make an observation of a value and its flag, or of its absence and the reason for it."""
    if value is not None and not representable(value):
        value, reason = None, UNREPRESENTABLE
    if value is None:
        return Observation(datastream, mono_ms, None, Flag.MISSING, reason)
    return Observation(datastream, mono_ms, value, flag)
