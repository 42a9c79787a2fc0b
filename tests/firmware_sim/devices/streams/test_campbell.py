"""An SR50A on its serial port; the checksum is the manual's vector."""

from firmware_sim.devices.streams.campbell import Sr50aSerial, framed
from firmware_sim.faults import Ailments, Fault, FaultKind

NOW = 1_795_000_000
MODEL = "Campbell SR50A, serial"


def test_the_manuals_string_is_framed_as_printed():
    assert framed("33;1838;194;11011;") == b"\x0233;1838;194;11011;2C\r\n\x03"


def test_the_distance_is_bare_of_temperature_correction(set_up):
    """1.9 m at 25 degrees: the manual's factor is 1.04476."""
    (send,) = Sr50aSerial(set_up(MODEL, address="33", height_m=2.0)).say(NOW)

    assert send.data.startswith(b"\x0233;1.819;192;11111;")


def test_without_a_target_the_distance_is_nought(set_up):
    faults = Ailments([Fault(kind=FaultKind.AILS)], float(NOW))
    (send,) = Sr50aSerial(set_up(MODEL, address="33", faults=faults)).say(NOW)

    assert send.data.startswith(b"\x0233;0.000;000;")
    assert send.answer.values == {}
