"""Weeks of readings at once."""

import csv
import io
from decimal import Decimal

import pytest

from firmware_sim.devices import assemble
from firmware_sim.devices.base import Answer, Line
from firmware_sim.history import SAMPLES, Span, slot_rows, write_header, write_slot
from wire.catalogue import bundled

SLOT_S = 1_795_000_200
STATION = "NMEA 0183 weather station"


class Played:
    """A talker with numbers that the test writes: one mapping a sample, in order."""

    def __init__(self, setup, samples):
        self.setup = setup
        self.samples = samples
        self.asked = []

    def values(self, second):
        self.asked.append(second)
        return self.samples[len(self.asked) - 1]


@pytest.fixture
def played(set_up):
    def rows(model, samples, every_s=600):
        talker = Played(set_up(model, name="dune-1/mast"), samples)
        found = slot_rows(Line(None, talkers=[talker]), SLOT_S, every_s)
        return talker, {row.datastream.rpartition("/")[2]: row for row in found}

    return rows


def _wind(angle, speed):
    return {
        "MWV.angle": angle if angle is None else Decimal(angle),
        "MWV.speed": speed if speed is None else Decimal(speed),
        "XDR.C.AIR": Decimal("20.00"),
        "XDR.H.RH": Decimal("50.0"),
        "XDR.P.BARO": Decimal("892.31"),
    }


def test_slots_are_whole_multiples_within_the_span():
    assert list(Span(1199.5, 2400.0, 600).slots()) == [1200, 1800]
    assert list(Span(1200.0, 2400.5, 600).slots()) == [1200, 1800, 2400]
    assert not Span(100.0, 50.0, 600).slots()


def test_a_polled_device_answers_at_the_slot(set_up):
    soil = set_up("METER TEROS 12", name="dune-1/soil-10cm")
    rows = list(slot_rows(assemble(soil.model.protocol, [soil]), SLOT_S, 600))
    assert [(row.time_ms, row.datastream, str(row.value)) for row in rows] == [
        (SLOT_S * 1000, "dune-1/soil-10cm/vwc_raw", "2527.97"),
        (SLOT_S * 1000, "dune-1/soil-10cm/soil_temperature", "-9.7"),
        (SLOT_S * 1000, "dune-1/soil-10cm/soil_ec", "39"),
    ]


def test_a_window_is_sampled_from_its_start_to_before_its_end(played):
    talker, _ = played(STATION, [_wind("270", "5.00")] * SAMPLES)
    assert talker.asked == [SLOT_S - 600 + 100 * k for k in range(6)]


def test_means_and_maxima(played):
    samples = [_wind("270", speed) for speed in ("1.00", "2.00", "3.00", "4.00", "5.00", "6.01")]
    _, rows = played(STATION, samples)
    assert str(rows["wind_speed"].value) == "3.50"  # 3.501666...
    assert str(rows["wind_speed_max"].value) == "6.01"
    assert str(rows["air_pressure"].value) == "892.3"


def test_a_direction_averages_over_north(played):
    samples = [_wind("350", "5.00"), _wind("10", "5.00")] * 3
    assert played(STATION, samples)[1]["wind_direction"].value == 0


def test_a_direction_is_weighted_with_the_wind(played):
    """Twice as much from the north as from the east: atan(1/2)."""
    samples = [_wind("0", "2.00"), _wind("90", "1.00")] * 3
    assert str(played(STATION, samples)[1]["wind_direction"].value) == "26.6"


def test_a_direction_that_cancels_out_is_missing(played):
    row = played(STATION, [_wind("0", "0.00")] * SAMPLES)[1]["wind_direction"]
    assert (row.value, row.reason) == (None, "calm")


def test_too_few_samples_are_missing(played):
    samples = [_wind("270", "5.00")] * 3 + [_wind(None, None)] * 3
    row = played(STATION, samples)[1]["wind_speed"]
    assert (row.value, row.reason) == (None, "too few samples (300 of 600)")


def test_sums_and_seconds_stand_for_the_whole_window(played):
    """Six samples of a window of 605 s: six stand for 100 s, a seventh for the last 5."""
    counts = [0, 3, 0, 2, 0, 0, 7]
    samples = [{"count": Decimal(n), "energy": Decimal(n) / 10} for n in counts]
    _, rows = played("Saltation counter, ASCII", samples, every_s=605)
    assert rows["saltation_count"].value == 300 + 200 + 35
    assert rows["saltation_energy"].value == Decimal("53.5")
    assert rows["saltation_seconds"].value == 205


def test_a_short_window_is_sampled_every_second(played):
    talker, _ = played(STATION, [_wind("270", "5.00")] * 3, every_s=3)
    assert talker.asked == [SLOT_S - 3, SLOT_S - 2, SLOT_S - 1]


def test_the_file_has_a_value_or_a_reason():
    class Polled:
        def __init__(self):
            self.setup = type("Setup", (), {"name": "dune-1/s", "model": None})

        def observe(self, now):
            return Answer("dune-1/s", "answer", {"vwc": Decimal("1E-7")}, {"soil_ec": "broken"})

    file = io.StringIO()
    write_header(file)
    assert write_slot(file, [Line(None, polled=[Polled()])], SLOT_S, 600) == 2
    file.seek(0)
    assert list(csv.reader(file)) == [
        ["time_ms", "datastream", "value", "reason"],
        [str(SLOT_S * 1000), "dune-1/s/vwc", "0.0000001", ""],
        [str(SLOT_S * 1000), "dune-1/s/soil_ec", "", "broken"],
    ]


def test_all_datastreams_of_a_model_are_there(played):
    _, rows = played(STATION, [_wind("270", "5.00")] * SAMPLES)
    assert set(rows) == {field.property for field in bundled()[STATION].field}
