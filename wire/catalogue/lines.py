"""The [line] table of a catalogue entry, and the fields of all that sends text."""

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Annotated

import msgspec

from wire.catalogue.fields import Field, Problem, Statistic, Strict
from wire.catalogue.patterns import MAX_PATTERN_LENGTH, costly_part
from wire.errors import ContractError
from wire.units import convert, unit

UNIT_GROUP = "unit"  # the group of a pattern, or the column, that tells who speaks
_PLACES = re.compile(r"\{[^{}]*\}")
_KNOWN_PLACES = {"{address}", "{checksum}"}


class Mode(StrEnum):
    """Whether an instrument speaks by itself."""

    TALKS = "talks"
    ASKED = "asked"


class Checksum(StrEnum):
    """What guards a line; the two-byte kinds in hex take four digits, the others two."""

    NONE = "none"
    XOR = "xor"  # of all characters, as in NMEA 0183
    SUM8 = "sum8"  # the low byte of their sum
    TWOS_COMPLEMENT = "twos-complement"  # what makes the low byte of the sum nought
    CRC16_MODBUS = "crc16-modbus"
    CRC16_CCITT = "crc16-ccitt"  # XMODEM: polynomial 0x1021 from 0
    CRC16_SDI12 = "crc16-sdi12"  # as three characters (SDI-12 v1.4, 4.4.12); Vaisala uses it too


class Message(Strict, frozen=True, kw_only=True):
    """One question and its answer, for an instrument that has several; empty: as in [line].

    `keys` are the keys that the answer carries.
    """

    ask: str
    begins: str = ""
    pattern: str = ""
    keys: Annotated[list[str], msgspec.Meta(min_length=1)]


class Status(Strict, frozen=True, kw_only=True):
    """The group or column in which an instrument says how it is.

    With any other code than the `good` ones all values of the line are missing; `reasons` says why.
    """

    key: str
    good: Annotated[list[str], msgspec.Meta(min_length=1)]
    reasons: dict[str, str] = msgspec.field(default_factory=dict)


class Line(Strict, frozen=True, kw_only=True):
    r"""An instrument that sends text, by itself or when it is asked.

    A line ends at CR or LF, or at `ends` where it ends with neither. It begins at the last `start`
    (or the last match of `begins`); what stands before is noise. A `start` that is given must be
    there; without one that is `$`, where there is one. Where its values stand is told by
    one of three:

    - `pattern`, an expression that is the whole line without its checksum: the named groups are the
      keys of the fields;
    - `delimiter` and `columns`, which number the keys from 1, as in `columns = { speed = 3 }`;
    - `delimiter` and `pairs`, the text between key and value: `Ta=23.6C,Ua=14.2P` has "," and "=".

    The group or column `unit` tells whose line it is: it is compared with the sensor's address.
    `checksum` covers what stands between `start` and `checksum_after` (`*` in NMEA 0183); for
    instruments that count more, `checksum_counts` names "start" and "mark", and `checksum_adds` is
    text behind the checksum that is counted too. `error` is what an answer looks like that refuses.

    Asked, `ask` is sent, line end included, with {address} and {checksum} in it (the checksum of
    what stands before it). `address` is the one it leaves the factory with. `every_s` is how often
    an instrument speaks by itself.
    """

    mode: Mode = Mode.TALKS
    pattern: str = ""
    delimiter: str = ""
    columns: dict[str, Annotated[int, msgspec.Meta(ge=1, le=99)]] = msgspec.field(
        default_factory=dict
    )
    pairs: str = ""
    begins: str = ""
    start: str | None = None
    ends: str = ""
    checksum: Checksum = Checksum.XOR
    checksum_after: str | None = None
    checksum_counts: list[str] = msgspec.field(default_factory=list)
    checksum_adds: str = ""
    error: str = ""
    status: Status | None = None
    ask: str = ""
    message: list[Message] = msgspec.field(default_factory=list)
    address: str = ""
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=60)] = 2.0
    every_s: Annotated[float, msgspec.Meta(gt=0, le=86400)] = 1.0
    baud: int = 9600
    frame: Annotated[str, msgspec.Meta(pattern=r"^[78][NEO][12]\Z")] = "8N1"

    @property
    def opening(self) -> str:
        """Give the text that a line begins with: `$` unless the entry says otherwise."""
        return "$" if self.start is None else self.start

    @property
    def mark(self) -> str:
        """Give the text right before the checksum: `*` unless the entry says otherwise."""
        if self.checksum_after is not None:
            return self.checksum_after
        return "" if self.checksum == Checksum.CRC16_SDI12 else "*"

    def messages(self, fields: Sequence[Field]) -> list[Message]:
        """Give the questions, also where there is but one."""
        keys = list(dict.fromkeys(field.key or "" for field in fields))
        return self.message or [Message(ask=self.ask, keys=keys)]


def check(table: Line, fields: Sequence[Field]) -> Iterator[Problem]:
    """Find what the driver of a line could not use."""
    yield from check_keys(fields)
    yield from _check_expressions(table)
    yield from _check_layout(table, fields)
    yield from _check_asking(table, fields)
    yield from _check_letters(fields)
    if unknown := set(table.checksum_counts) - {"start", "mark"}:
        yield Problem(
            ("line", "checksum_counts"),
            f"'{min(unknown)}' is not known; known: start, mark",
        )


def check_keys(fields: Sequence[Field]) -> Iterator[Problem]:
    """Make sure that each field says where in the text it is, and means the same by the same."""
    seen: dict[str, Field] = {}
    for index, field in enumerate(fields):
        if field.key is None:
            yield Problem(
                ("field", index), f"field '{field.property}' needs a 'key': where in the text it is"
            )
            continue
        other = seen.setdefault(field.key, field)
        if not _agree(_meaning(other), _meaning(field)):
            yield Problem(
                ("field", index),
                f"fields '{other.property}' and '{field.property}' read the key '{field.key}': "
                "give them the same unit, scale, offset and letters",
            )


def _meaning(field: Field) -> tuple[object, ...]:
    """Tell how a text becomes a number; to count seconds above nought, any unit will do."""
    counted = field.statistic is Statistic.NONZERO_SECONDS
    unit_code = None if counted else field.unit
    return unit_code, field.scale, field.offset, field.letters, field.letter


def _agree(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    units_agree = one[0] is None or other[0] is None or one[0] == other[0]
    return units_agree and one[1:] == other[1:]


def _check_expressions(table: Line) -> Iterator[Problem]:
    """Refuse what is no expression, or one that could think for hours about a line of noise."""
    for path, text in _expressions(table):
        try:
            re.compile(text, re.ASCII)
        except re.error as error:
            yield Problem(path, f"is no expression: {error}")
            continue
        if len(text) > MAX_PATTERN_LENGTH:
            yield Problem(path, f"is longer than {MAX_PATTERN_LENGTH} characters")
        elif part := costly_part(text):
            yield Problem(
                path,
                f"'{part}' repeats what itself repeats or chooses: on a line of noise that takes "
                "for ever; repeat single characters or classes, such as [0-9.]+, instead",
            )


def _expressions(table: Line) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for key in ("pattern", "begins", "error"):
        yield ("line", key), getattr(table, key)
    for index, message in enumerate(table.message):
        yield ("line", "message", index, "pattern"), message.pattern
        yield ("line", "message", index, "begins"), message.begins


def _check_layout(table: Line, fields: Sequence[Field]) -> Iterator[Problem]:
    patterns = [one.pattern for one in table.message if one.pattern]
    if bool(table.pattern or patterns) == bool(table.delimiter):
        yield Problem(("line",), "needs a 'pattern' or a 'delimiter', one of them")
    elif table.delimiter and not (table.columns or table.pairs):
        yield Problem(
            ("line", "delimiter"),
            "needs 'columns', such as columns = { speed = 3 }, or 'pairs', the text between "
            "key and value",
        )
    elif table.columns and not table.pairs:
        wanted = {field.key for field in fields if field.key}
        if absent := sorted(wanted - set(table.columns)):
            yield Problem(("line", "columns"), f"no column is named '{absent[0]}'")


def _check_asking(table: Line, fields: Sequence[Field]) -> Iterator[Problem]:
    if table.mode is Mode.TALKS:
        if table.ask or table.message:
            yield Problem(("line", "mode"), 'an instrument that is asked has mode = "asked"')
        return
    if bool(table.ask) == bool(table.message):
        yield Problem(
            ("line",), "an instrument that is asked needs 'ask', or [[line.message]] tables"
        )
    for message in table.messages(fields):
        for place in set(_PLACES.findall(message.ask)) - _KNOWN_PLACES:
            yield Problem(
                ("line", "ask"), f"{place} is not known; known: {{address}}, {{checksum}}"
            )
        if not (message.ask.isascii() and message.begins.isascii()):
            yield Problem(("line", "ask"), "holds a character that is not ASCII")
    yield from _check_shares(table, fields)


def _check_shares(table: Line, fields: Sequence[Field]) -> Iterator[Problem]:
    """Make sure that each key is in the answer to one question."""
    carried = [key for message in table.messages(fields) for key in message.keys]
    for index, field in enumerate(fields):
        if field.key is not None and carried.count(field.key) != 1:
            yield Problem(
                ("field", index, "key"),
                f"'{field.key}' must be among the 'keys' of one [[line.message]]",
            )


def _check_letters(fields: Sequence[Field]) -> Iterator[Problem]:
    for index, field in enumerate(fields):
        for letter, code in field.letters.items():
            try:
                unit(code)
                convert(field.scale, code, field.unit)
            except ContractError as error:
                yield Problem(("field", index, "letters"), f"letter '{letter}': {error}")
