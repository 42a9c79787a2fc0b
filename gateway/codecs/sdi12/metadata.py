"""What a sensor of SDI-12 v1.4 says of the values of a measurement (chapter 6)."""

from typing import NamedTuple

from gateway.codecs.sdi12.lines import body_text
from gateway.errors import FrameError

MAX_PARAMETERS = 999
_END = ";"


class Parameter(NamedTuple):
    """One value: a SHEF code or another short name, its unit (empty: none), what else is said."""

    code: str
    unit: str
    more: tuple[str, ...] = ()


def parameter_body(measurement: str, number: int) -> str:
    """Write the command that asks for the nth value of a measurement: `IM_001` for ("M", 1)."""
    if not 1 <= number <= MAX_PARAMETERS:
        raise ValueError(f"a measurement has values 1 to {MAX_PARAMETERS}, not {number}")
    return f"I{measurement}_{number:03}"


def parse_parameter(reply: bytes, address: str, *, crc: bool = False) -> Parameter | None:
    """Read `a,field1,field2,...;` (6.2); None when the measurement has no such value."""
    text = body_text(reply, address, crc=crc)
    if not text:
        return None
    if text[0] != "," or text[-1] != _END or _END in text[:-1]:
        raise FrameError(f"not the fields of a parameter: {text!r}")
    code, *rest = (field.strip() for field in text[1:-1].split(","))
    if not rest:
        raise FrameError(f"a parameter without its unit: {text!r}")
    return Parameter(code, rest[0], tuple(rest[1:]))
