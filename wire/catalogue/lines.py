"""The [line] table of a catalogue entry, and the fields of all that sends text."""

from collections.abc import Iterator, Sequence

from wire.catalogue.fields import Field, Problem, Strict


class Line(Strict, frozen=True, kw_only=True):
    """A talker that sends text lines. Named groups of `pattern` are the keys of the fields.

    `checksum` "xor" means `*HH` at the end of the line: the XOR of all characters before the star,
    a leading `$` left out, as two upper-case hex digits.
    """

    pattern: str
    checksum: str = "xor"
    baud: int = 9600


def check(_table: Line, fields: Sequence[Field]) -> Iterator[Problem]:
    """Find what the driver of a line could not use."""
    yield from check_keys(fields)


def check_keys(fields: Sequence[Field]) -> Iterator[Problem]:
    """Make sure that each field says where in the text it is."""
    for index, field in enumerate(fields):
        if field.key is None:
            yield Problem(
                ("field", index), f"field '{field.property}' needs a 'key': where in the text it is"
            )
