"""Sensors that speak by themselves: what a line of theirs says, by their catalogue entry."""

from decimal import Decimal

from gateway.codecs import nmea0183
from gateway.codecs.lines import LineFormat, parse_number
from gateway.drivers.outcome import NO_VALUE
from gateway.readings import Reading
from wire.catalogue import Field, SensorModel
from wire.errors import ConfigError


def _key(field: Field) -> str:
    """Find a field's key; the catalogue has made sure that there is one."""
    return field.key or ""


def _reading(model: SensorModel, key: str, value: Decimal) -> Reading:
    """Make a reading of a key; a sentinel of any property that comes from it misses it."""
    own = [field.property for field in model.field if field.key == key]
    reasons = (model.missing_reason(one, value) for one in own)
    reason = next((one for one in reasons if one is not None), None)
    return Reading(key, value) if reason is None else Reading(key, None, reason)


class NmeaTalker:
    """A weather station that sends NMEA 0183."""

    def __init__(self, model: SensorModel) -> None:
        """Note which keys are wanted, in which units."""
        self._model = model
        self._units = {_key(field): field.unit for field in reversed(model.field)}

    def read(self, line: bytes) -> list[Reading]:
        """Read one sentence; raises FrameError when it is damaged."""
        return [
            one if one.value is None else _reading(self._model, one.key, one.value)
            for one in nmea0183.decode(line, self._units)
        ]


def _unit(text: str) -> str:
    """Write a unit's number without leading zeros; empty where there is none."""
    return text.lstrip("0") or text[:1]


class LineTalker:
    """A sensor whose line the catalogue describes by a pattern.

    Where several share a line, the group `unit` tells them apart: it is compared with the address.
    """

    def __init__(self, model: SensorModel, address: str) -> None:
        """Compile the pattern; raises ConfigError when it lacks a group that a field needs."""
        if model.line is None:
            raise ConfigError("catalogue", f"{model.model} has no [line] table")
        self._model = model
        self._unit = _unit(address)
        self._format = LineFormat(model.line)
        self._keys = {_key(field): None for field in model.field}
        if unknown := set(self._keys) - self._format.groups:
            raise ConfigError(
                "catalogue", f"{model.model}: its pattern has no group {', '.join(sorted(unknown))}"
            )

    def read(self, line: bytes) -> list[Reading]:
        """Read one line; empty when it is another unit's. Raises FrameError when it is damaged."""
        groups = self._format.decode(line)
        if self._unit and _unit(groups.get("unit", self._unit)) != self._unit:
            return []
        return [self._reading(key, groups[key]) for key in self._keys]

    def _reading(self, key: str, text: str) -> Reading:
        if not text:
            return Reading(key, None, NO_VALUE)
        return _reading(self._model, key, parse_number(text))
