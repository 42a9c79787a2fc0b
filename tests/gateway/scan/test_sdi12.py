"""SDI-12 behind the simulator's adapter, and behind scripted ones."""

import pytest

from gateway.drivers.sdi12 import AdapterKind
from gateway.scan import FoundSensor
from gateway.scan.sdi12 import COLLISION
from wire.catalogue import Protocol

SENSOR = {b"?!": b"1\r\n", b"1!": b"1\r\n", b"1I!": b"113ACME    XY1   1.0no 7\r\n"}


def identities(finding):
    return [(one.address, one.models) for one in finding.sensors]


def test_ten_sensors_of_a_bus_are_found_named_and_shown_with_a_value(simulated):
    scanner = simulated["sdi"]
    (found,) = scanner.findings

    assert (found.protocol, found.baud, found.adapter) == (
        Protocol.SDI12,
        9600,
        AdapterKind.LINE,
    )
    assert identities(found) == [
        ("0", ("METER TEROS 12",)),
        ("1", ("METER TEROS 11",)),
        ("2", ("METER TEROS 21",)),
        ("3", ("Campbell SR50A", "Campbell SR50AT")),
        ("4", ("METER TEROS 12",)),
        ("5", ("METER TEROS 12",)),
        ("6", ("METER TEROS 11",)),
        ("7", ("METER TEROS 12",)),
        ("8", ("METER TEROS 12",)),
        ("a", ("METER TEROS 12",)),
    ]
    assert found.sensors[0].says == "METER TER12 400 S0"
    assert found.sensors[0].live.startswith("vwc_raw ")
    assert all(one.live for one in found.sensors)
    # `?!`, and for each sensor: `a!`, `aI!`, the measurement and its data; at most two tries more.
    assert scanner.tally.asked <= 1 + 10 * 4 + 2


def test_an_absent_address_costs_one_time_out_the_usual_ones_two(device, scanned, hasty):
    there = device(lambda asked: SENSOR.get(asked, b""))
    scanner = scanned(there.port, hasty(sdi12_addresses="0123ABCD", sdi12_s=0.3))

    absent = [one for one in there.asked if one not in SENSOR]
    assert absent == [b"0!", b"2!", b"3!", b"A!", b"B!", b"C!", b"D!", b"0!", b"2!", b"3!"]
    assert scanner.tally.unanswered == len(absent)


def test_a_sensor_that_the_catalogue_does_not_know_is_shown_by_what_it_says(device, scanned, hasty):
    (found,) = scanned(device(lambda asked: SENSOR.get(asked, b"")).port, hasty()).findings

    assert found.sensors == [FoundSensor("1", (), "ACME XY1 1.0 no 7")]
    assert "# ACME XY1 1.0 no 7 (address 1, not in the catalogue)" in found.toml()
    assert "[[bus]]" not in found.toml()


def test_a_first_command_that_goes_unheard_hides_nobody(device, scanned, hasty):
    """PITFALLS: ModularSensors#276."""
    deaf = [b"?!", b"1!"]

    def answer(asked):
        if asked in deaf:
            deaf.remove(asked)
            return b""
        return SENSOR.get(asked, b"")

    (found,) = scanned(device(answer).port, hasty()).findings

    assert [one.address for one in found.sensors] == ["1"]


def test_two_sensors_at_one_address_are_told(device, scanned, hasty):
    """They acknowledge as one, and their identifications run into each other."""
    mixed = SENSOR | {b"1I!": b"1\x01\x1333ACbE" + b"\x7f" * 9 + b"\r\n"}
    scanner = scanned(device(lambda asked: mixed.get(asked, b"")).port, hasty())
    (found,) = scanner.findings

    assert [(one.address, one.trouble) for one in found.sensors] == [("1", COLLISION)]
    assert COLLISION in found.toml()
    assert found.named == []


def test_an_answer_that_is_no_text_is_a_collision_too(device, scanned, hasty):
    garbled = SENSOR | {b"1!": b"\x11\x05\r\n", b"1I!": b"\x11\x05\x07\r\n"}
    (found,) = scanned(device(lambda asked: garbled.get(asked, b"")).port, hasty()).findings

    assert [one.trouble for one in found.sensors] == [COLLISION]


def test_a_late_acknowledgement_is_taken_for_the_address_that_it_names(device, scanned, hasty):
    late = {b"?!": b"1\r\n", b"1!": b"0\r\n", b"0I!": b"0" + SENSOR[b"1I!"][1:]}
    scanner = scanned(device(lambda asked: late.get(asked, b"")).port, hasty())

    assert [one.address for one in scanner.findings[0].sensors] == ["0"]


def test_an_adapter_that_wants_a_carriage_return_is_recognised(device, scanned, hasty):
    wanting = {asked + b"\r": reply for asked, reply in SENSOR.items()}
    (found,) = scanned(device(lambda asked: wanting.get(asked, b"")).port, hasty()).findings

    assert found.adapter is AdapterKind.LINE_CR
    assert [one.address for one in found.sensors] == ["1"]


def test_a_bus_that_does_not_know_the_wildcard_is_asked_all_the_same(device, scanned, hasty):
    old = {asked: reply for asked, reply in SENSOR.items() if asked != b"?!"}
    (found,) = scanned(device(lambda asked: old.get(asked, b"")).port, hasty()).findings

    assert [one.address for one in found.sensors] == ["1"]


@pytest.mark.parametrize(
    ("firmware", "model"),
    [("6.0", "Stevens HydraProbe, firmware 6"), ("2.7", "Stevens HydraProbe, firmware 2")],
)
def test_the_firmware_tells_models_apart_that_identify_alike(
    device, scanned, hasty, firmware, model
):
    identity = f"113STEVENSWHYDRAP{firmware}".encode() + b"\r\n"
    replies = SENSOR | {b"1I!": identity}

    def answer(asked):
        return b"10000\r\n" if asked[:2] == b"1M" else replies.get(asked, b"")

    (found,) = scanned(device(answer).port, hasty()).findings

    assert found.sensors[0].models == (model,)


GAUGE = b"113METER   ATM41 100A41-1\r\n"


def test_a_gauge_in_use_is_named_and_keeps_its_rain(device, scanned, hasty):
    """Asked for a value it would hand over what fell, and nobody would count it."""
    answers = {b"?!": b"1\r\n", b"1!": b"1\r\n", b"1I!": GAUGE}
    there = device(lambda asked: answers.get(asked, b""))
    (found,) = scanned(there.port, hasty(spares_gauges=True)).findings

    assert "METER ATMOS 41" in found.sensors[0].models
    assert set(there.asked) <= set(answers)
