"""Sensors that speak by themselves: what a line of theirs says, by their catalogue entry."""

from gateway.codecs import nmea0183
from gateway.codecs.lines import LineFormat, parse_number
from gateway.drivers.outcome import NO_VALUE, reading
from gateway.readings import Reading
from wire.catalogue import Field, SensorModel
from wire.errors import ConfigError


def _key(field: Field) -> str:
    """Find a field's key; the catalogue has made sure that there is one."""
    return field.key or ""


class NmeaTalker:
    """A weather station that sends NMEA 0183."""

    def __init__(self, model: SensorModel) -> None:
        """Note which keys are wanted, in which units."""
        self._model = model
        self._units = {_key(field): field.unit for field in reversed(model.field)}

    def read(self, line: bytes) -> list[Reading]:
        """Read one sentence; raises FrameError when it is damaged."""
        return [
            one if one.value is None else reading(self._model, one.key, one.value)
            for one in nmea0183.decode(line, self._units)
        ]


class LineTalker:
    """A sensor whose line the catalogue describes by a pattern.

    Where several share a line, the group `unit` tells them apart: it is compared with the address.
    """

    def __init__(self, model: SensorModel, address: str) -> None:
        """Compile the pattern; raises ConfigError when it lacks a group that a field needs."""
        if model.line is None:
            raise ConfigError("catalogue", f"{model.model} has no [line] table")
        self._model = model
        self._address = address.lstrip("0")
        self._format = LineFormat(model.line)
        self._keys = {_key(field): None for field in model.field}
        if unknown := set(self._keys) - self._format.groups:
            raise ConfigError(
                "catalogue", f"{model.model}: its pattern has no group {', '.join(sorted(unknown))}"
            )

    def read(self, line: bytes) -> list[Reading]:
        """Read one line; empty when it is another unit's. Raises FrameError when it is damaged."""
        groups = self._format.decode(line)
        if self._address and groups.get("unit", self._address).lstrip("0") != self._address:
            return []
        return [self._reading(key, groups[key]) for key in self._keys]

    def _reading(self, key: str, text: str) -> Reading:
        return (
            reading(self._model, key, parse_number(text)) if text else Reading(key, None, NO_VALUE)
        )
