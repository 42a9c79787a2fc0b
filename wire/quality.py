"""QARTOD quality flags and the tests behind them, packed into one integer per observation.

The flag sits in the low 4 bits; each test that did not pass sets its own bit above them. Source:
IOOS QARTOD manual, primary-level flags.
"""

from enum import IntEnum, IntFlag


class Flag(IntEnum):
    """QARTOD primary flags."""

    PASS = 1
    NOT_EVALUATED = 2
    SUSPECT = 3
    FAIL = 4
    MISSING = 9


class Test(IntFlag):
    """Which test spoke, as a bit above the flag."""

    __test__ = False  # pytest must not collect it

    GROSS_RANGE = 1 << 4
    CLOCK_UNKNOWN = 1 << 5
    FUTURE_TIME = 1 << 6
    EDGE = 1 << 7


FLAG_MASK = 0x0F

# QARTOD's order of precedence when flags of several tests are merged: 4 > 3 > 1 > 2 > 9.
PRECEDENCE = (Flag.FAIL, Flag.SUSPECT, Flag.PASS, Flag.NOT_EVALUATED, Flag.MISSING)


def pack(flag: Flag, tests: int = 0) -> int:
    """Combine a flag and the tests that led to it."""
    return int(flag) | tests


def flag_of(quality: int) -> Flag:
    """Read the flag out of a packed quality."""
    return Flag(quality & FLAG_MASK)


def failed_tests(quality: int) -> Test:
    """Read out of a packed quality which tests spoke."""
    return Test(quality & ~FLAG_MASK)
