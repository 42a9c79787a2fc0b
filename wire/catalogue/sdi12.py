"""The [sdi12] table of a catalogue entry."""

from collections.abc import Iterator, Sequence

from wire.catalogue.fields import Field, Problem, Strict


class Sdi12(Strict, frozen=True, kw_only=True):
    """How an SDI-12 sensor is measured: "M" with service request, "C" concurrent, "R0" continuous.

    `identify` is how the vendor and model part of its `aI!` reply begins.
    """

    command: str = "M"
    identify: str = ""


def check(_table: Sdi12, fields: Sequence[Field]) -> Iterator[Problem]:
    """Find what an SDI-12 driver could not use."""
    for index, field in enumerate(fields):
        if field.position is None:
            yield Problem(
                ("field", index),
                f"field '{field.property}' needs a 'position': its place in the answer, from 1",
            )
