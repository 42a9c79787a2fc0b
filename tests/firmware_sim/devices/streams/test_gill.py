"""A WindSonic; the lines are the manual's own format."""

from decimal import Decimal

import pytest

from firmware_sim.devices.streams.gill import PolledWindSonic, WindSonic, framed
from firmware_sim.faults import Ailments, Fault, FaultKind

NOW = 1_795_000_000


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("Q,229,002.74,M,00,", b"\x02Q,229,002.74,M,00,\x0316\r\n"),
        ("Q,,000.02,M,00,", b"\x02Q,,000.02,M,00,\x032C\r\n"),
        ("Q,,,M,04,", b"\x02Q,,,M,04,\x0334\r\n"),
    ],
)
def test_the_published_lines_are_framed_as_printed(body, line):
    assert framed(body) == line


def test_wind_is_said_once_a_second(set_up):
    (send,) = WindSonic(set_up("Gill WindSonic", address="Q")).say(NOW)

    assert send.data.startswith(b"\x02Q,215,005.40,M,00,\x03")
    assert dict(send.answer.values) == {"speed": Decimal("5.40"), "direction": 215}


def test_below_a_twentieth_of_a_metre_there_is_no_direction(set_up, still):
    still.change(wind_speed_ms=0.04)
    (send,) = WindSonic(set_up("Gill WindSonic", address="Q")).say(NOW)

    assert send.data.startswith(b"\x02Q,,000.04,M,00,")
    assert send.answer.reasons == {"direction": "calm"}


def test_a_blocked_path_is_status_04(set_up):
    faults = Ailments([Fault(kind=FaultKind.AILS)], float(NOW))
    (send,) = WindSonic(set_up("Gill WindSonic", address="Q", faults=faults)).say(NOW)

    assert send.data == b"\x02Q,,,M,04,\x0334\r\n"


def test_polled_it_answers_its_letter_once_it_has_been_told_to_wait(set_up):
    sonic = PolledWindSonic(set_up("Gill WindSonic, polled", address="Q"))

    assert sonic.hear(b"Q", NOW) == []
    assert len(sonic.hear(b"?Q", NOW)) == 1
    assert sonic.hear(b"R", NOW) == []
    assert sonic.hear(b"!Q", NOW) == []
