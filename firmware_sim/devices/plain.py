"""SDI-12 sensors without a quirk worth code: played from their catalogue entry alone."""

from collections.abc import Sequence

from firmware_sim.devices.base import Setup
from firmware_sim.devices.quantities import sense
from firmware_sim.devices.sdi12 import Quiet, commands, properties, value_text

_MEASURE_S = 0.6
_COMMAND_KEY = 1000  # see sdi12.Instrument
_NOTHING = "+0"  # at positions that the catalogue leaves out
_MOST_DIGITS = 7  # v1.4, 4.4.8


class PlainInstrument(Quiet):
    """Gives the properties of its catalogue entry at their positions, each in its resolution."""

    measure_s = _MEASURE_S

    def __init__(self, setup: Setup) -> None:
        """Learn the positions from the catalogue; the firmware is that of its first layout."""
        table = setup.model.sdi12
        firmware = table.layout[0].firmware if table and table.layout else "1"
        firmware += ".00"[len(firmware) - 1 :] if len(firmware) < 3 else ""
        self.identity = f"{table.identify if table else '':14.14}{firmware:3.3}"
        self._setup = setup
        self._fields = {
            position: field
            for position, key in properties(setup.model).items()
            if (field := setup.model.field_for(key)) is not None
        }
        self.sets: dict[str, tuple[int, ...]] = {
            command: self._positions(number) for number, command in enumerate(commands(setup.model))
        }

    def _positions(self, number: int) -> tuple[int, ...]:
        """Give all positions up to the last that the catalogue knows of the nth command."""
        first = number * _COMMAND_KEY
        own = [position for position in self._fields if first < position < first + _COMMAND_KEY]
        return tuple(range(first + 1, max(own) + 1)) if own else ()

    def read(self, positions: Sequence[int], now: float) -> list[str]:
        """Measure."""
        return [self._text(position, now) for position in positions]

    def _text(self, position: int, now: float) -> str:
        field = self._fields.get(position)
        if field is None:
            return _NOTHING
        sensed = sense(self._setup, field, now)
        if sensed is None:
            sentinels = self._setup.model.sentinel
            return f"{sentinels[0].value:+f}" if sentinels else _NOTHING
        if field.span is not None:
            sensed = max(float(field.span[0]), min(float(field.span[1]), sensed))
        decimals = max(0, -int(field.resolution.normalize().as_tuple().exponent))
        whole = len(f"{abs(sensed):.0f}")
        return value_text(sensed, min(decimals, _MOST_DIGITS - whole))
