"""`bin/bench wire`: that its payloads are what peers send, and when it says that it held."""

import json
import math
import random
from dataclasses import replace
from decimal import Decimal

import cbor2
import pytest

from benchmarks import wire as command
from benchmarks.wire_suite import measure, ours, senml_packs, sparkplug, thingsboard
from benchmarks.wire_suite.scatter import Scatter
from benchmarks.wire_suite.station import Station
from benchmarks.wire_suite.window import Channel, Window
from firmware_sim.world import Soil, World
from wire import dictionary
from wire.catalogue import Statistic

PEERS = ("senml_json", "senml_cbor", "thingsboard", "sparkplug_b")
START_MS = 1_767_225_660_000  # 2026-01-01T00:01:00Z

RAW = Channel("dune-1/soil-10cm/vwc_raw", "{raw}", Decimal("0.01"))
AIR = Channel("dune-1/weather/air_temperature", "Cel", Decimal("0.1"))
GRAINS = Channel("dune-1/saltation/saltation_count", "{count}", Decimal(1), Statistic.SUM)
SMALL = Window(
    (RAW, AIR, GRAINS),
    (START_MS, START_MS + 60_000),
    {
        RAW.name: (Decimal("2493.42"), Decimal("2493.40")),
        AIR.name: (Decimal("-7.1"), Decimal("-7.0")),
        GRAINS.name: (Decimal(0), Decimal(-300)),
    },
)
CODECS = [ours.CODEC, *measure.PEERS]


def window_of(*columns):
    """A window with a row a minute, and channels of the given resolution and column."""
    channels = [
        Channel(f"dune-1/probe/{number}", "{raw}", Decimal(resolution))
        for number, (resolution, _) in enumerate(columns)
    ]
    rows = len(columns[0][1])
    values = {
        one.name: [Decimal(value) for value in column]
        for one, (_, column) in zip(channels, columns, strict=True)
    }
    return Window(channels, range(START_MS, START_MS + 60_000 * rows, 60_000), values)


def made_up_day(self, start_s):
    """Stands in for the simulated day: an hour of a wave on each channel."""
    wave = [round(300 * math.sin(row / 20)) for row in range(60)]
    times = range(start_s * 1000 + 60_000, start_s * 1000 + 60_000 * 61, 60_000)
    values = {one.name: [one.resolution * step for step in wave] for one in self.channels}
    return Window(self.channels, times, values)


def deviation(offs):
    return math.sqrt(sum(one * one for one in offs) / len(offs))


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command on made-up days; gives exit code, JSON and log."""
    monkeypatch.setattr(Station, "day", made_up_day)

    def run(*arguments):
        code = command.main(["--days", "1", "--json", *arguments])
        told = capsys.readouterr()
        return code, json.loads(told.out), told.err

    return run


@pytest.fixture(scope="module")
def world():
    return World(1, 1_780_000_000.0)


@pytest.fixture(scope="module")
def hour():
    """A real hour of the station: of 1-minute rows, on a windy afternoon in June."""
    station = Station(seed=1, origin_s=1_780_000_000 // 60 * 60)
    return station.day(1_780_038_000, rows=60)


class TestCommand:
    def test_the_json_line_has_the_targets_the_peers_and_the_speed(self, run):
        _, told, _ = run()

        kinds = ["hour_1min", "hour_10min", "day_1min"]
        ours_only = [f"{way}{kind}_b" for way in ("", "worst_") for kind in kinds]
        peers = [f"{peer}_{kind}{z}_b" for peer in PEERS for kind in kinds for z in ("", "_zlib")]
        assert told["name"] == "wire"
        speed = [f"{day}{way}code_us" for day in ("", "day_") for way in ("en", "de")]
        assert set(told["figures"]) == {*ours_only, *peers, *speed}
        assert all(value > 0 for value in told["figures"].values())

    def test_a_figure_is_the_payload_s_bytes_by_its_readings(self, run):
        day = made_up_day(Station(1, 0), 1_768_521_600)

        _, told, _ = run()

        in_hour = round(len(ours.write(day)[0]) / (60 * 20), 3)
        assert told["figures"]["hour_1min_b"] == told["figures"]["worst_hour_1min_b"] == in_hour
        in_sparkplug = round(len(sparkplug.write(day.every(10))[0]) / (6 * 20), 3)
        assert told["figures"]["sparkplug_b_hour_10min_b"] == in_sparkplug

    def test_within_all_targets_it_has_held(self, run, monkeypatch):
        monkeypatch.setattr(command, "TARGETS", dict.fromkeys(command.TARGETS, 99.0))

        code, told, log = run()

        assert (code, told["held"], log) == (0, True, "")

    @pytest.mark.parametrize("key", ["hour_1min_b", "hour_10min_b", "day_1min_b"])
    def test_one_target_that_is_missed_and_it_has_not(self, run, monkeypatch, key):
        targets = dict.fromkeys(command.TARGETS, 99.0) | {key: 0.001}
        monkeypatch.setattr(command, "TARGETS", targets)

        code, told, log = run()

        assert (code, told["held"]) == (1, False)
        assert log.startswith(f"NOT HELD: {key} ")
        assert log.count("\n") == 1

    def test_a_codec_that_changes_a_reading_has_not_held(self, run, monkeypatch):
        def forgetful(payload, channels):
            found = dict(sparkplug.read(payload, channels))
            found.popitem()
            return found

        broken = measure.Codec("sparkplug_b", sparkplug.write, forgetful)
        monkeypatch.setattr(command, "TARGETS", dict.fromkeys(command.TARGETS, 99.0))
        monkeypatch.setattr(measure, "PEERS", (broken,))
        monkeypatch.setattr(command, "PEERS", (broken,))

        code, told, log = run()

        assert (code, told["held"]) == (1, False)
        assert "NOT HELD: came back changed: sparkplug_b_hour_1min, window of " in log

    def test_the_targets_are_the_contract_s(self):
        assert command.TARGETS == {"hour_1min_b": 1.0, "hour_10min_b": 3.0, "day_1min_b": 0.7}

    def test_without_json_it_prints_a_table(self, monkeypatch, capsys):
        monkeypatch.setattr(Station, "day", made_up_day)

        command.main(["--days", "1"])

        lines = capsys.readouterr().out.splitlines()
        assert lines[0].split() == ["bytes", "a", "reading", "hour_1min", "hour_10min", "day_1min"]
        assert [line.split()[0] for line in lines[1:4]] == ["ours", "worst", "senml_json"]

    @pytest.mark.parametrize("arguments", [["--days", "0"], ["--days", "366"], ["--days", "x"]])
    def test_what_makes_no_sense_is_refused(self, arguments, capsys):
        with pytest.raises(SystemExit) as refused:
            command.main(arguments)

        assert refused.value.code == 2
        assert "usage: bin/bench wire" in capsys.readouterr().err


class TestStation:
    def test_it_has_twenty_channels_with_the_catalogue_s_resolution(self, hour):
        resolutions = {one.name: str(one.resolution) for one in hour.channels}

        assert len(resolutions) == 20
        assert resolutions["dune-1/soil-30cm/vwc_raw"] == "0.01"
        assert resolutions["dune-1/weather/wind_direction"] == "0.1"

    def test_a_row_a_minute_stands_at_the_end_of_its_minute(self, hour):
        assert hour.times_ms[0] == 1_780_038_060_000
        assert hour.times_ms[-1] == 1_780_041_600_000
        assert {len(column) for column in hour.values.values()} == {60}

    def test_the_same_seed_gives_the_same_readings(self, hour):
        again = Station(1, 1_780_000_000 // 60 * 60).day(1_780_038_000, rows=2)

        assert (
            again.values["dune-1/weather/wind_speed"]
            == (hour.values["dune-1/weather/wind_speed"][:2])
        )

    def test_its_readings_scatter_on_the_instruments_resolution(self, hour):
        raw = hour.values["dune-1/soil-10cm/vwc_raw"]

        assert len(set(raw)) > 50
        assert {value.as_tuple().exponent for value in raw} == {-2}

    def test_read_less_often_sums_are_of_all_rows_and_the_rest_are_the_last(self):
        seldom = SMALL.every(2)

        assert list(seldom.times_ms) == [START_MS + 60_000]
        assert list(seldom.values[RAW.name]) == [Decimal("2493.40")]
        assert list(seldom.values[GRAINS.name]) == [Decimal(-300)]


class TestScatter:
    ORIGIN_S = 1_780_000_000

    def soils(self, surroundings, minutes=400):
        times = range(self.ORIGIN_S, self.ORIGIN_S + 60 * minutes, 60)
        return [surroundings.soil(float(time_s), 0.3, "dune-1") for time_s in times]

    def airs(self, surroundings, minutes=400):
        times = range(self.ORIGIN_S, self.ORIGIN_S + 60 * minutes, 60)
        return [surroundings.conditions(float(time_s), "dune-1") for time_s in times]

    def test_soil_readings_scatter_as_measured(self, world):
        """The standard deviations of the decision, in the units that the probe prints."""
        quiet, restless = self.soils(world), self.soils(Scatter(world, 1, 1.0))

        pairs = list(zip(quiet, restless, strict=True))
        assert 1.35 < deviation([(b.water - a.water) / 3.879e-4 for a, b in pairs]) < 1.65
        assert 0.009 < deviation([b.temperature_c - a.temperature_c for a, b in pairs]) < 0.011
        assert 2.9 < deviation([b.ec_uscm - a.ec_uscm for a, b in pairs]) < 3.5

    def test_pressure_and_humidity_scatter_and_nothing_else_in_the_air(self, world):
        quiet, restless = self.airs(world), self.airs(Scatter(world, 1, 1.0))

        pairs = list(zip(quiet, restless, strict=True))
        assert 0.027 < deviation([b.pressure_hpa - a.pressure_hpa for a, b in pairs]) < 0.033
        humidity = [b.relative_humidity_pct / a.relative_humidity_pct - 1 for a, b in pairs]
        assert 0.0053 < deviation(humidity) < 0.0067
        assert max(b.relative_humidity_pct for b in restless) <= 100.0
        for a, b in pairs:
            assert b == replace(
                a, pressure_hpa=b.pressure_hpa, relative_humidity_pct=b.relative_humidity_pct
            )

    def test_a_conductivity_is_never_below_nought(self):
        class Dry:
            def soil(self, time_s, depth_m, spot=""):
                return Soil(0.02, 20.0, 1.0)

        assert min(one.ec_uscm for one in self.soils(Scatter(Dry(), 1, 1.0))) == 0.0

    def test_without_noise_it_is_the_world(self, world):
        assert self.soils(Scatter(world, 1, 0.0), 5) == self.soils(world, 5)
        assert self.airs(Scatter(world, 1, 0.0), 5) == self.airs(world, 5)

    def test_the_same_question_has_the_same_answer(self, world):
        scatter = Scatter(world, 1, 1.0)

        assert (
            self.soils(scatter, 5)
            == self.soils(scatter, 5)
            != self.soils(Scatter(world, 2, 1.0), 5)
        )


class TestPayloads:
    @pytest.mark.parametrize("codec", CODECS, ids=lambda one: one.name or "ours")
    def test_an_hour_comes_back_exactly(self, hour, codec):
        assert measure.came_back(codec, codec.write(hour), hour)

    @pytest.mark.parametrize("codec", CODECS, ids=lambda one: one.name or "ours")
    def test_a_reading_that_comes_back_changed_is_noticed(self, codec):
        changed = Window(
            SMALL.channels, SMALL.times_ms, SMALL.values | {AIR.name: (Decimal(1),) * 2}
        )

        assert not measure.came_back(codec, codec.write(SMALL), changed)

    def test_ours_is_one_batch_of_the_contract(self):
        (payload,) = ours.write(SMALL)

        assert dictionary.is_named_in(payload)

    def test_ours_are_as_many_as_a_gateway_would_seal(self, monkeypatch):
        monkeypatch.setattr(ours, "SEAL_LIMIT", 4)

        payloads = ours.write(SMALL)

        assert len(payloads) == 2
        assert measure.came_back(ours.CODEC, payloads, SMALL)

    def test_a_day_of_ours_is_one_batch(self):
        chance = random.Random(1)
        columns = [[f"{chance.gauss(25, 1):.2f}" for _ in range(1440)] for _ in range(20)]

        (payload,) = ours.write(window_of(*[("0.01", one) for one in columns]))

        assert payload.startswith(b"BZh")

    def test_senml_json_writes_names_times_and_units_once(self):
        (payload,) = senml_packs.write_json(SMALL)

        assert payload == (
            b'[{"bn":"dune-1/soil-10cm/vwc_raw","bt":1767225660,"v":2493.42},'
            b'{"t":60,"v":2493.4},'
            b'{"bn":"dune-1/weather/air_temperature","bu":"Cel","v":-7.1},'
            b'{"t":60,"v":-7},'
            b'{"bn":"dune-1/saltation/saltation_count","bu":"count","v":0},'
            b'{"t":60,"v":-300}]'
        )

    def test_senml_cbor_has_integer_labels_and_decimal_fractions(self):
        (payload,) = senml_packs.write_cbor(SMALL)

        records = cbor2.loads(payload)
        assert records[0] == {-2: RAW.name, -3: 1767225660, 2: Decimal("2493.42")}
        assert records[1] == {6: 60, 2: Decimal("2493.4")}
        assert records[2] == {-2: AIR.name, -4: "Cel", 2: Decimal("-7.1")}
        # {6: 60, 2: 4([-1, 24934])}, as RFC 8949 writes it (3.4.4)
        assert b"\xa2\x06\x18\x3c\x02\xc4\x82\x20\x19\x61\x66" in payload

    @pytest.mark.parametrize("codec", [senml_packs.JSON, senml_packs.CBOR])
    def test_a_day_goes_in_packs_that_our_server_takes(self, codec):
        column = [f"{row / 100:.2f}" for row in range(1440)]
        day = window_of(*[("0.01", column)] * 8)

        packs = codec.write(day)

        assert len(packs) == 2
        assert max(map(len, packs)) <= 256 * 1024
        assert measure.came_back(codec, packs, day)

    def test_thingsboard_has_rows_with_keys_no_longer_than_needed(self):
        other = Channel("dune-1/soil-30cm/vwc_raw", "{raw}", Decimal("0.01"))
        values = {RAW.name: [Decimal("2493.40")], other.name: [Decimal(2500)]}
        values |= {AIR.name: [Decimal("-7.1")]}

        (payload,) = thingsboard.write(Window((RAW, other, AIR), (START_MS,), values))

        assert payload == (
            b'{"dune-1":[{"ts":1767225660000,"values":{"soil-10cm/vwc_raw":2493.4,'
            b'"soil-30cm/vwc_raw":2500,"air_temperature":-7.1}}]}'
        )

    def test_sparkplug_is_a_protobuf_payload_with_aliased_metrics(self):
        window = window_of(("0.01", ["2493.42"]), ("1", ["300"]), ("0.1", ["1234567890.1"]))

        (payload,) = sparkplug.write(window)

        instant = b"\xe0\xa4\xee\xb6\xb7\x33"  # 1767225660000 as a varint
        assert payload == (
            b"\x08" + instant  # Payload.timestamp = 1
            # Payload.metrics = 2: alias = 2, timestamp = 3, float_value = 12
            + b"\x12\x0e\x10\x01\x18" + instant + b"\x65\xb8\xd6\x1b\x45"
            # the same with int_value = 10
            + b"\x12\x0c\x10\x02\x18" + instant + b"\x50\xac\x02"
            # the same with double_value = 13
            + b"\x12\x12\x10\x03\x18" + instant + b"\x69\x66\x66\x86\xb4\x80\x65\xd2\x41"
            + b"\x18\xff\x01"  # Payload.seq = 3
        )  # fmt: skip

    def test_a_negative_sparkplug_integer_is_the_unsigned_one_of_its_32_bits(self):
        window = window_of(("1", ["-2"]))

        (payload,) = sparkplug.write(window)

        assert b"\x50\xfe\xff\xff\xff\x0f" in payload
        assert measure.came_back(sparkplug.CODEC, [payload], window)
