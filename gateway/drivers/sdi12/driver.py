"""Reading an SDI-12 sensor by its catalogue entry: see who it is, then measure.

Before each measurement the sensor is asked who it is (`aI!`, some 0.35 s on the wire): at one and
the same address another instrument may have been plugged in, and its values are not to be mixed in.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from gateway.codecs import sdi12
from gateway.codecs.sdi12 import Identity
from gateway.drivers.conversation import Conversation
from gateway.drivers.outcome import (
    OTHER_FIRMWARE,
    OTHER_MODEL,
    NoReplyError,
    all_missing,
    reading,
    reason_for,
)
from gateway.drivers.sdi12.adapter import ADAPTERS, Adapter, AdapterKind
from gateway.drivers.sdi12.asking import (
    REPLY_TIMEOUT_S,
    TRIES,
    TRIES_WHEN_SILENT,
    Questioner,
)
from gateway.drivers.sdi12.measuring import Measured, Measurer, measurement
from gateway.errors import FrameError, SensorError
from gateway.readings import Reading
from wire.catalogue import Field, Layout, Sdi12, SensorModel
from wire.errors import ConfigError

CRC_SINCE = 13  # MC, CC and RC came with SDI-12 v1.3
_LINE = ADAPTERS[AdapterKind.LINE]


class Sdi12Driver:
    """One sensor at one address."""

    def __init__(self, model: SensorModel, address: str, adapter: Adapter = _LINE) -> None:
        """Prepare to ask; raises ConfigError when model or address cannot be used."""
        if model.sdi12 is None:
            raise ConfigError("catalogue", f"{model.model} has no [sdi12] table")
        if len(address) != 1 or address not in sdi12.ADDRESSES:
            raise ConfigError(
                "gateway.toml", f"'{address}' is no SDI-12 address: give one of 0-9, A-Z, a-z"
            )
        self.identity: Identity | None = None
        self._model = model
        self._table = model.sdi12
        self._sensor = Questioner(address, adapter)
        self._groups = _groups(model.sdi12, model.field)
        self._measurers = {
            text: Measurer(measurement(text), self._sensor, _expected(model.sdi12, fields))
            for text, fields in self._groups.items()
        }
        self._layout: Layout | None = None
        self._refusal: SensorError | None = None

    def poll(self) -> Conversation[list[Reading]]:
        """Ask the sensor who it is, then read all of its fields."""
        try:
            yield from self._identify()
            silences = self._sensor.silences
            readings = yield from self._measure()
            measured = any(one.value is not None for one in readings)
            if measured and self._sensor.silences != silences:
                yield from self._make_sure()
        except (NoReplyError, FrameError, SensorError) as error:
            silent = isinstance(error, NoReplyError)
            self._sensor.tries = TRIES_WHEN_SILENT if silent else TRIES
            return all_missing(self._model, reason_for(error))
        self._sensor.tries = TRIES
        return readings

    def _measure(self) -> Conversation[list[Reading]]:
        """Take all measurements; raises NoReplyError when the first one stays unanswered."""
        readings: list[Reading] = []
        for text, measurer in self._measurers.items():
            try:
                measured = yield from measurer.measure()
                readings += [self._reading(field, measured) for field in self._groups[text]]
            except (NoReplyError, FrameError, SensorError) as error:
                if isinstance(error, NoReplyError) and not readings:
                    raise
                reason = reason_for(error)
                readings += [Reading(one.property, None, reason) for one in self._groups[text]]
        return readings

    def _identify(self) -> Conversation[None]:
        """Make sure who is there; raises SensorError when it is another model than configured.

        The answer has no checksum, and a wrong serial number would end a deployment: what is new
        must be said twice. A damaged answer does not hinder measuring, unless another model was
        there before or the order of the values depends on it.
        """
        try:
            found = yield from self._ask_identity()
            if found == self.identity:
                return
            again = yield from self._ask_identity()
            if again == self.identity:
                return
        except FrameError:
            self._stay_doubtful()
            return
        if found == again:
            self._believe(found)
        elif not (self._is_expected(found) or self._is_expected(again)):
            raise FrameError("two identifications that differ, and neither is this model's")
        else:
            self._stay_doubtful()

    def _make_sure(self) -> Conversation[None]:
        """See that a sensor that fell silent while it measured was not swapped meanwhile.

        If it is silent for good now, nobody has had the time to.
        """
        with suppress(NoReplyError):
            yield from self._identify()

    def _ask_identity(self) -> Conversation[Identity]:
        return (yield from self._sensor.ask("I", sdi12.parse_identity, REPLY_TIMEOUT_S))

    def _stay_doubtful(self) -> None:
        """Go on with what was known before; raises what speaks against measuring."""
        if self._refusal is not None:
            raise self._refusal
        if self._table.layout and self._layout is None:
            raise FrameError("without an identification the order of the values is not known")

    def _believe(self, found: Identity) -> None:
        if not self._is_expected(found):
            self._refusal = SensorError(f"{OTHER_MODEL}: {found.vendor} {found.model}")
            raise self._refusal
        if self._table.layout:
            self._layout = _layout(self._table.layout, found.firmware)
            if self._layout is None:
                self._refusal = SensorError(f"{OTHER_FIRMWARE}: {found.firmware}")
                raise self._refusal
        self._refusal = None
        self.identity = found
        for measurer in self._measurers.values():
            measurer.want_crc(offered=int(found.version) >= CRC_SINCE)

    def _is_expected(self, found: Identity) -> bool:
        """Compare with the catalogue, or, where it says nothing, with who was there first."""
        known = self.identity
        if self._table.identify or known is None:
            return found.is_a(self._table.identify)
        return (found.vendor, found.model) == (known.vendor, known.model)

    def _reading(self, field: Field, measured: Measured) -> Reading:
        position = _position(field, self._layout)
        if position > len(measured.values):
            return Reading(field.property, None, measured.why_no_more)
        return reading(self._model, field.property, measured.values[position - 1])


def _groups(table: Sdi12, fields: Sequence[Field]) -> Mapping[str, list[Field]]:
    """Sort the fields by the command that gives them, in the order of the commands."""
    first = table.measurements[0]
    groups = {
        command: [field for field in fields if (field.command or first) == command]
        for command in table.measurements
    }
    return {command: own for command, own in groups.items() if own}


def _expected(table: Sdi12, fields: Sequence[Field]) -> int:
    """Count the values of one answer that are wanted, whichever layout it has."""
    layouts: list[Layout | None] = [None, *table.layout]
    return max(_position(field, layout) for field in fields for layout in layouts)


def _layout(layouts: Sequence[Layout], firmware: str) -> Layout | None:
    return next((one for one in layouts if firmware.startswith(one.firmware)), None)


def _position(field: Field, layout: Layout | None) -> int:
    """Find a field's place among the values; the catalogue has made sure that there is one."""
    own = field.position or 1
    return layout.positions.get(field.property, own) if layout else own
