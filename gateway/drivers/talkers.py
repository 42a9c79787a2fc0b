"""Sensors that speak by themselves: what a line of theirs says, by their catalogue entry."""

from gateway.codecs import nmea0183
from gateway.codecs.layouts import LineFormat, RefusedError
from gateway.drivers.lines import LineReader, line_of
from gateway.readings import Reading
from wire.catalogue import SensorModel
from wire.errors import ConfigError


class NmeaTalker:
    """A weather station that sends NMEA 0183."""

    def __init__(self, model: SensorModel) -> None:
        """Note which keys are wanted, in which units."""
        self._model = model
        self._units = {field.key or "": field.unit for field in reversed(model.field)}

    def read(self, line: bytes) -> list[Reading]:
        """Read one sentence; raises FrameError when it is damaged."""
        return [self._judged(one) for one in nmea0183.decode(line, self._units)]

    def _judged(self, reading: Reading) -> Reading:
        """Leave out a sentinel of any property that comes from the key."""
        if reading.value is None:
            return reading
        for field in self._model.field:
            if field.key == reading.key:
                reason = self._model.missing_reason(field.property, reading.value)
                if reason is not None:
                    return Reading(reading.key, None, reason)
        return reading


class LineTalker:
    """A sensor whose line the catalogue describes.

    Where several share a line, the part `unit` tells them apart: it is compared with the address.
    """

    def __init__(self, model: SensorModel, address: str) -> None:
        """Compile the entry; raises ConfigError when its lines lack a key that a field needs."""
        self._format = LineFormat(line_of(model))
        self._reader = LineReader(model, address)
        unknown = [key for key in self._reader.keys if not self._format.gives(key)]
        if unknown:
            raise ConfigError(
                "catalogue", f"{model.model}: its lines have no group {', '.join(sorted(unknown))}"
            )

    def read(self, line: bytes) -> list[Reading]:
        """Read one line; empty when it is another unit's. Raises FrameError when it is damaged."""
        try:
            parts = self._format.decode(line)
        except RefusedError as told:
            return self._reader.missing(str(told))
        return self._reader.read(parts) if self._reader.is_own(parts) else []
