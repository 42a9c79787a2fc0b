"""Simulated instruments that send lines and packets, read by the gateway's own drivers.

Two implementations that share nothing: what one says, the other must read. Time is simulated where
no port is needed.
"""

import pytest

from firmware_sim.devices import assemble, playable
from firmware_sim.devices.base import Setup
from firmware_sim.faults import Ailments, Fault, FaultKind
from firmware_sim.line import Faults, FaultyLine
from firmware_sim.physics.chance import Dice
from firmware_sim.world import World
from gateway.buses.runner import polled_driver, talker
from gateway.codecs.lines import LineSplitter
from gateway.config import SensorSection
from gateway.drivers.conversation import Wait, hold
from gateway.drivers.lines import ends_of
from gateway.errors import FrameError
from wire.catalogue import Protocol

START_S = 1_795_000_000.0
WORLD = World(7, START_S - 86_400.0)
STREAMS = {
    name: model
    for name, model in playable().items()
    if model.protocol in (Protocol.LINE, Protocol.NMEA0183, Protocol.DAVIS)
}
ASKED = sorted(name for name, model in STREAMS.items() if not model.talks)
TALKING = sorted(name for name, model in STREAMS.items() if model.talks)
BAD_LINE = Faults(
    drop=0.1, corrupt=0.2, echo=0.2, split=0.2, delay=0.1, garbage=0.3, trail=0.2, truncate=0.1
)
# Without a checksum nobody can tell a digit that was turned into another.
UNSEALED = Faults(drop=0.1, echo=0.2, split=0.2, delay=0.1, garbage=0.2)
AILING = Ailments([Fault(kind=FaultKind.AILS)], START_S)


def is_sealed(model):
    return model.line is None or model.line.checksum != "none"


def set_up(model, **more):
    needs_channel = any("{address}" in (field.key or "") for field in model.field)
    return Setup("dune-1/it", model, WORLD, address="2" if needs_channel else "", **more)


class Heard:
    """A bus that notes what its instruments said, whatever the line makes of it."""

    def __init__(self, bus):
        self._bus = bus
        self.told = []

    def receive(self, data, now):
        return self._note(self._bus.receive(data, now))

    def wake_at(self, now):
        return self._bus.wake_at(now)

    def wake(self, now):
        return self._note(self._bus.wake(now))

    def _note(self, sends):
        self.told += [send.answer for send in sends if send.answer]
        return sends

    def said(self, key, value):
        return any(answer.values.get(key) == value for answer in self.told)


class Line:
    """A port in simulated time: what is said comes byte by byte, or not in time."""

    def __init__(self, bus):
        self._bus = bus
        self.now = START_S
        self._coming = []

    def __call__(self, step):
        if isinstance(step, Wait):
            self.now += step.seconds
            return b""
        self._coming = [one for one in self._coming if one[0] > self.now]
        sends = self._bus.receive(step.request, self.now)
        self._coming += [(self.now + send.delay_s, send.data) for send in sends]
        self._coming.sort(key=lambda one: one[0])
        return self._listen(step)

    def _listen(self, step):
        deadline, buffer, last = self.now + step.timeout_s, b"", self.now
        while self._coming and self._coming[0][0] <= deadline:
            if buffer and step.quiet_s is not None and self._coming[0][0] - last > step.quiet_s:
                break
            last, data = self._coming.pop(0)
            for byte in data:
                buffer += bytes([byte])
                if length := step.until(buffer):
                    self.now = last
                    return buffer[:length]
        self.now = deadline
        return buffer


def driver_of(model, setup):
    section = SensorSection(id="it", thing="dune-1", model=model.model, address=setup.address)
    return polled_driver(section, model)


def source_of(model, key):
    """Find the property that tells the same number as it stands in the message."""
    field = model.field_for(key)
    return next(one.property for one in model.field if one.key == field.key and not one.cumulative)


@pytest.mark.parametrize("name", ASKED)
def test_what_an_asked_instrument_says_is_read_whole(name):
    model = STREAMS[name]
    setup = set_up(model)
    heard = Heard(assemble(model.protocol, [setup]).bus)
    line, driver = Line(heard), driver_of(model, setup)
    for _ in range(3):
        heard.told.clear()
        readings = hold(driver.poll(), line)
        assert [one.key for one in readings] == [field.property for field in model.field]
        assert all(heard.said(source_of(model, one.key), one.value) for one in readings)
        line.now += 60.0


@pytest.mark.parametrize("name", ASKED)
def test_on_a_bad_line_no_value_is_read_that_was_not_said(name):
    model = STREAMS[name]
    setup = set_up(model)
    heard = Heard(assemble(model.protocol, [setup]).bus)
    faults = BAD_LINE if is_sealed(model) else UNSEALED
    line = Line(FaultyLine(heard, faults, Dice(11, name)))
    driver, values, reasons = driver_of(model, setup), 0, set()
    for _ in range(60):
        heard.told.clear()
        for one in hold(driver.poll(), line):
            reasons.add(one.reason)
            if one.value is not None:
                values += 1
                assert heard.said(source_of(model, one.key), one.value), one
        line.now += 60.0

    assert values > 30 * len(model.field)
    assert reasons <= {
        "",
        "timeout",
        "bad checksum",
        "bad frame",
        "no value",
        "unknown unit",
        "rain collector not known",
    }


def lines_of(bus, model, seconds):
    splitter = LineSplitter(ends=ends_of([model]))
    for second in range(seconds):
        for send in bus.wake(START_S + second + 0.5):
            for byte in send.data:
                yield from splitter.feed(bytes([byte]))


@pytest.mark.parametrize("name", TALKING)
@pytest.mark.parametrize("faults", ["none", "bad line"])
def test_what_a_talker_says_is_read_and_nothing_else(name, faults):
    model = STREAMS[name]
    heard = Heard(assemble(model.protocol, [set_up(model)]).bus)
    spoilt = BAD_LINE if is_sealed(model) else UNSEALED
    bus = heard if faults == "none" else FaultyLine(heard, spoilt, Dice(5, name))
    reader = talker(SensorSection(id="it", thing="dune-1", model=name, address=""), model)
    bus.wake_at(START_S)
    read, refused = set(), 0
    for line in lines_of(bus, model, 200):
        try:
            readings = reader.read(line)
        except FrameError:
            refused += 1
            continue
        for one in readings:
            if one.value is not None:
                assert heard.said(one.key, one.value), one
                read.add(one.key)

    assert read == {field.key for field in model.field}
    if faults == "none" or is_sealed(model):
        assert bool(refused) is (faults != "none")


@pytest.mark.parametrize("name", sorted(STREAMS.keys() - {"Saltation counter, ASCII"}))
def test_an_instrument_that_ails_gives_a_reason_and_no_wind(name):
    model = STREAMS[name]
    setup = set_up(model, faults=AILING)
    bus = assemble(model.protocol, [setup]).bus
    if model.talks:
        bus.wake_at(START_S)
        reader = talker(SensorSection(id="it", thing="dune-1", model=name, address=""), model)
        readings = [one for line in lines_of(bus, model, 11) for one in reader.read(line)]
    else:
        readings = hold(driver_of(model, setup).poll(), Line(bus))

    ailing = {one.reason for one in readings if one.value is None}
    assert ailing & {
        "status V",
        "no value",
        "invalid",
        "axes 1 and 2 failed",
        "both axes failed",
        "no echo",
    }
    keys = {field.key for field in model.field if field.property.startswith("wind")}
    wind = [one for one in readings if one.key.startswith("wind") or one.key in keys]
    assert all(one.value is None for one in wind)


def test_two_talkers_at_once_give_no_value_and_one_after_the_other_all():
    """Two counters on one line: what collides is lost, not mixed up."""
    model = STREAMS["Saltation counter, ASCII"]
    setups = [Setup(f"dune-{n}/sand", model, WORLD, address=str(n)) for n in (1, 2)]
    heard = Heard(assemble(model.protocol, setups).bus)
    bus = FaultyLine(heard, Faults(collide=0.5), Dice(3, "collide"))
    readers = {
        one.name: talker(
            SensorSection(id="sand", thing="d", model=model.model, address=one.address), model
        )
        for one in setups
    }
    bus.wake_at(START_S)
    found, refused = dict.fromkeys(readers, 0), 0
    for line in lines_of(bus, model, 100):
        for name, reader in readers.items():
            try:
                readings = reader.read(line)
            except FrameError:
                refused += 1
                continue
            found[name] += bool(readings)
            for one in readings:
                assert any(
                    answer.device == name and answer.values[one.key] == one.value
                    for answer in heard.told
                )

    assert refused > 50
    assert all(30 < count < 70 for count in found.values())
