"""The saltation counter."""

import re
from decimal import Decimal

import pytest

from firmware_sim.devices.saltation import SaltationCounter
from wire.catalogue import bundled

SECOND = 1_795_000_000
MODEL = "Saltation counter, ASCII"


@pytest.fixture
def counter(set_up):
    return SaltationCounter(set_up(MODEL, name="dune-1/salt", address="7"))


def test_a_line(counter):
    (send,) = counter.say(SECOND)
    assert send.data == b"$SALT,7,0,37,12.3*17\r\n"
    assert send.answer.values == {"count": Decimal(37), "energy": Decimal("12.3")}
    assert send.answer.kind == "line"


def test_a_line_is_as_the_catalogue_says(counter):
    body = counter.say(SECOND)[0].data.decode().partition("*")[0]
    found = re.match(bundled()[MODEL].line.pattern, body)
    assert found["count"] == "37"
    assert found["energy"] == "12.3"


def test_lines_are_numbered_and_the_number_wraps(counter):
    numbers = [counter.say(SECOND)[0].data.split(b",")[2] for _ in range(65_538)]
    assert numbers[:2] == [b"0", b"1"]
    assert numbers[65_534:] == [b"65534", b"65535", b"0", b"1"]


def test_a_storm_does_not_overflow_the_line(counter, still):
    still.change(grains=5_000_000, grain_energy_uj=1e9)
    assert counter.say(SECOND)[0].data.startswith(b"$SALT,7,0,999999,9999999.9*")


def test_it_is_silent_where_nothing_is_known_about_sand(counter, still):
    still.change(grains=None)
    assert counter.say(SECOND) == []
    assert counter.values(SECOND) == {"count": None, "energy": None}
