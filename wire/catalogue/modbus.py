"""The [modbus] table of a catalogue entry."""

from collections.abc import Iterator, Sequence

from wire.catalogue.fields import Field, Problem, Strict


class Modbus(Strict, frozen=True, kw_only=True):
    """Serial defaults and read function of a Modbus RTU sensor."""

    baud: int = 9600
    frame: str = "8N1"
    function: int = 3


def check(_table: Modbus, fields: Sequence[Field]) -> Iterator[Problem]:
    """Find what a Modbus driver could not use."""
    for index, field in enumerate(fields):
        if field.register is None:
            yield Problem(
                ("field", index),
                f"field '{field.property}' needs a 'register': its address, from 0",
            )
