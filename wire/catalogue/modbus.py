"""The [modbus] table of a catalogue entry."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

import msgspec

from wire.catalogue.fields import Field, Problem, Strict, WordOrder

READ_FUNCTIONS = (3, 4)  # Application Protocol v1.1b3, 6.3 and 6.4


class Modbus(Strict, frozen=True, kw_only=True):
    """Serial defaults of a Modbus RTU sensor, its read function, and the order of its bytes.

    `address_register` is where its own address is set, by function `write_function` (6 or 16).
    """

    baud: int = 9600
    frame: str = "8N1"
    function: int = 3
    word_order: WordOrder = WordOrder.ABCD
    address_register: Annotated[int, msgspec.Meta(ge=0, le=65535)] | None = None
    write_function: Literal[6, 16] = 6


def check(table: Modbus, fields: Sequence[Field]) -> Iterator[Problem]:
    """Find what a Modbus driver could not use."""
    if table.function not in READ_FUNCTIONS:
        yield Problem(("modbus", "function"), _not_reading(table.function))
    for index, field in enumerate(fields):
        if field.register is None:
            yield Problem(
                ("field", index),
                f"field '{field.property}' needs a 'register': its address, from 0",
            )
        if field.function is not None and field.function not in READ_FUNCTIONS:
            yield Problem(("field", index, "function"), _not_reading(field.function))


def _not_reading(function: int) -> str:
    return f"function {function} reads no registers: give 3 (holding) or 4 (input)"
