"""The [sdi12] table of a catalogue entry."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

import msgspec

from wire.catalogue.fields import Field, Problem, Strict

# v1.4, 4.4 and 5.1. HB answers in eight bits without parity, which no adapter by lines passes on.
_COMMAND = re.compile(r"[MC]C?[1-9]?|V|RC?[0-9]|HA")
_KNOWN = "M, M1 to M9, C, C1 to C9, V, R0 to R9 (or with CRC: MC, CC1, RC0, ...), HA"


class Layout(Strict, frozen=True, kw_only=True):
    """Where the values lie in sensors whose firmware (of the `aI!` answer) begins with `firmware`.

    `positions` are by property and replace those of the fields; without any, the fields' own hold.
    """

    firmware: str
    positions: Mapping[str, Annotated[int, msgspec.Meta(ge=1, le=999)]] = msgspec.field(
        default_factory=dict
    )


class Sdi12(Strict, frozen=True, kw_only=True):
    """How an SDI-12 sensor is measured: "M" with service request, "C" concurrent, "R0" continuous.

    `commands` are several measurements that are taken one after the other; `command` is a single
    one. `identify` is how the vendor (8 characters) and model (6) of its `aI!` reply begin. With
    `layout`s a sensor is read only when its firmware is that of one of them.
    """

    command: str = "M"
    commands: Sequence[str] = msgspec.field(default_factory=list)
    identify: str = ""
    layout: Sequence[Layout] = msgspec.field(default_factory=list)

    @property
    def measurements(self) -> Sequence[str]:
        """The commands in their order."""
        return self.commands or [self.command]


def check(table: Sdi12, fields: Sequence[Field]) -> Iterator[Problem]:
    """Find what an SDI-12 driver could not use."""
    where = "commands" if table.commands else "command"
    for command in table.measurements:
        if not _COMMAND.fullmatch(command):
            yield Problem(
                ("sdi12", where), f"'{command}' is no measurement command; known: {_KNOWN}"
            )
    for index, field in enumerate(fields):
        if field.position is None:
            yield Problem(
                ("field", index),
                f"field '{field.property}' needs a 'position': its place in the answer, from 1",
            )
        if field.command is not None and field.command not in table.measurements:
            yield Problem(
                ("field", index, "command"),
                f"field '{field.property}': '{field.command}' is not among the commands of [sdi12]",
            )
    known = {field.property for field in fields}
    for index, layout in enumerate(table.layout):
        for key in layout.positions:
            if key not in known:
                yield Problem(
                    ("sdi12", "layout", index, "positions"),
                    f"layout '{layout.firmware}' names a property that is no field: '{key}'",
                )
