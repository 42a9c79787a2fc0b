"""Modbus ids on the simulator's bus, and scripted ones."""

from gateway.drivers.modbus import plan
from gateway.scan import FoundSensor
from gateway.scan.modbus import DAMAGED, NOT_NAMED
from wire.catalogue import Protocol, bundled

ECTH = "RS485 soil probe ECTH (0x0000 family)"
REFUSAL = bytes.fromhex("01 83 02 C0 F1")
READS = (3, 4)
PROBES = {name: one for name, one in bundled().items() if one.modbus}
NO_SDI12 = {"sdi12_addresses": "", "sdi12_s": 0.05}


def test_ten_probes_of_a_bus_are_told_apart_by_their_registers(simulated):
    scanner = simulated["modbus"]
    (found,) = scanner.findings

    assert found.protocol is Protocol.MODBUS
    assert [(one.address, one.models[0]) for one in found.sensors] == [
        *((str(number), ECTH) for number in range(1, 10)),
        ("10", "Renke RS-FSXCS"),
    ]
    assert found.sensors[9].live.startswith("wind_speed ")
    # A few each: whether it is there, and what the maps of models begin with, shared ones once.
    assert scanner.tally.asked <= 6 + 10 * 25
    # Each costs its wait: far fewer than one a probe, though one or two come late on a busy machine.
    assert scanner.tally.unanswered <= 10


def test_models_that_answer_alike_are_all_offered(device, scanned, hasty):
    """A 7-in-1 probe that is set to 9600: which scale its conductivity has, the label says."""
    registers = bytes.fromhex("01EF 0144 0120 0044 0011 0012 0013")

    def answer(asked):
        if asked[:2] != b"\x01\x03" or len(asked) != 8:
            return b""
        start, count = int.from_bytes(asked[2:4]), int.from_bytes(asked[4:6])
        if start + count > len(registers) // 2:
            return REFUSAL
        body = registers[2 * start : 2 * (start + count)]
        return sealed(b"\x01\x03" + bytes([len(body)]) + body)

    (found,) = scanned(device(answer).port, hasty(**NO_SDI12), PROBES).findings
    (sensor,) = found.sensors

    assert len(sensor.models) >= 2
    assert {"DFRobot SEN0604", "WoMaster ES107"} & set(sensor.models)
    assert f"# or: {'; '.join(sensor.models[1:])}" in found.toml()


def test_nothing_is_ever_written_to_a_sensor(device, scanned, hasty):
    """Frames that are asked of a bus are reads, at every id and rate."""
    there = device(lambda asked: REFUSAL if asked[:1] == b"\x01" else b"")
    scanned(there.port, hasty(**NO_SDI12), PROBES)

    frames = [one for one in there.asked if one[:1] in b"\x01\x02" and len(one) == 8]
    assert frames
    assert {one[1] for one in frames} <= set(READS)


def test_a_server_that_the_catalogue_does_not_know_is_shown_too(device, scanned, hasty):
    there = device(lambda asked: REFUSAL if asked[:1] == b"\x01" else b"")
    (found,) = scanned(there.port, hasty(**NO_SDI12), PROBES).findings

    assert found.sensors == [FoundSensor("1", (), "answers by Modbus")]


def test_two_probes_with_one_id_are_told(device, scanned, hasty):
    damaged = bytes.fromhex("01 03 02 00 2D 78 58")
    there = device(lambda asked: damaged if asked[:2] == b"\x01\x03" else b"")
    found = scanned(there.port, hasty(**NO_SDI12), PROBES).findings[0]

    assert [(one.address, one.trouble) for one in found.sensors] == [("1", DAMAGED)]


def test_models_that_begin_alike_cost_one_question_together(device, scanned, hasty):
    """Whether anyone is there is asked once for all maps that begin at one register."""
    there = device(lambda _: b"")
    scanned(there.port, hasty(**NO_SDI12), PROBES)

    frames = [one for one in there.asked if one[:2] in (b"\x01\x03", b"\x01\x04") and len(one) == 8]
    starts = [(one[1], int.from_bytes(one[2:4])) for one in frames]
    begins = {
        (plan(one)[0].function, plan(one)[0].start) for one in bundled().values() if one.modbus
    }
    assert len(begins) < sum(one.modbus is not None for one in bundled().values())
    assert set(starts) == begins | {(3, 0)}
    assert max(starts.count(one) for one in starts) <= 3  # rates, 8E1 is not for a pty


def test_what_there_is_no_time_for_is_told(device, scanned, hasty):
    """Ten probes that refuse nothing and know few registers must not take a minute."""
    there = device(lambda _: b"")
    scanner = scanned(there.port, hasty(**NO_SDI12, modbus_limit_s=0.0), PROBES)

    (told,) = scanner.untried
    assert told.startswith(f"{there.port}: not tried, for want of time: Modbus at 9600 baud 8N1, ")
    assert told.endswith("; name fewer ids: --ids 1-3")
    assert not [one for one in there.asked if one[:2] in (b"\x01\x03", b"\x01\x04")]


def test_ids_that_there_is_no_time_for_are_told(device, scanned, hasty):
    """One that answers whatever is asked of its model, and takes its time for all else."""
    there = device(lambda asked: REFUSAL if asked[:2] == b"\x01\x03" else b"")
    scanner = scanned(
        there.port,
        hasty(**NO_SDI12, modbus_s=1.0, modbus_ids=range(1, 9), modbus_limit_s=1.0),
        PROBES,
    )
    (found,) = scanner.findings

    assert [one.trouble for one in found.sensors] == [NOT_NAMED.format(1)]
    (told,) = scanner.untried
    assert told.endswith(
        "want of time: Modbus ids 2 to 8 at 9600 baud; ask for these alone: --ids 2-8"
    )


def test_what_was_found_on_a_bus_is_tried_first_for_the_next(device, scanned, hasty):
    """Probes at another rate than they leave the factory with, silent where others refuse."""
    registers = bytes.fromhex("00C8 0122 003C")
    known = [(3, 0, 1), *((one.function, one.start, one.count) for one in plan(PROBES[ECTH]))]

    def answer(asked):
        start, count = int.from_bytes(asked[2:4]), int.from_bytes(asked[4:6])
        if asked[:1] not in (b"\x01", b"\x02") or (asked[1], start, count) not in known:
            return b""
        body = registers[2 * start : 2 * (start + count)]
        return sealed(asked[:2] + bytes([len(body)]) + body)

    there = device(answer)
    others = ["Renke RS-FSXCS", "RS485 soil probe 7-in-1 (0x0000 family)", ECTH]
    models = {name: PROBES[name] for name in others}
    scanner = scanned(there.port, hasty(**NO_SDI12, modbus_ids=[1, 2]), models)
    (found,) = scanner.findings
    asked = [sum(one[:1] == bytes([number]) for one in there.asked) for number in (1, 2)]

    assert len(found.sensors) == 2
    assert found.sensors[0].models == found.sensors[1].models
    assert asked[1] < asked[0]


def sealed(body):
    crc = 0xFFFF
    for byte in body:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return body + crc.to_bytes(2, "little")
