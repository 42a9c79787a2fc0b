"""How an answer, or its failure, becomes readings: sentinels, and the reasons people will read."""

from decimal import Decimal

from gateway.codecs.checksums import ChecksumError
from gateway.errors import FrameError, GatewayError
from gateway.readings import Reading, rounded
from wire.catalogue import Field, SensorModel
from wire.units import convert

TIMEOUT = "timeout"
BAD_CHECKSUM = "bad checksum"
BAD_FRAME = "bad frame"
NO_VALUE = "no value"
ABORTED = "measurement aborted"
NOTHING_MEASURED = "sensor offers no value"
OTHER_MODEL = "another sensor model answers"
OTHER_FIRMWARE = "firmware not in the catalogue"


class NoReplyError(GatewayError):
    """The sensor kept silent: look at its cable, supply and address."""


def reason_for(error: GatewayError) -> str:
    """Say in stable words why a reading is missing."""
    if isinstance(error, NoReplyError):
        return TIMEOUT
    if isinstance(error, ChecksumError):
        return BAD_CHECKSUM
    return BAD_FRAME if isinstance(error, FrameError) else str(error)


def reading(model: SensorModel, key: str, value: Decimal) -> Reading:
    """Make a reading of a value, unless the catalogue knows it as a sentinel."""
    reason = model.missing_reason(key, value)
    return Reading(key, value) if reason is None else Reading(key, None, reason)


def all_missing(model: SensorModel, reason: str) -> list[Reading]:
    """Make a missing reading for every field of a polled sensor."""
    return [Reading(field.property, None, reason) for field in model.field]


def in_unit(value: Decimal, code: str, field: Field) -> Decimal:
    """Convert to the field's unit, to a tenth of its resolution: more digits would be invented.

    A value too great to be counted in such steps is converted as it is.
    """
    if code == field.unit:
        return value
    return rounded(convert(value, code, field.unit), field.resolution / 10)
