"""Still surroundings, and ports to talk through."""

import dataclasses
import threading
import time

import pytest

from firmware_sim.devices.base import Setup
from firmware_sim.host import Host, PortPlan
from firmware_sim.world import Conditions, Soil
from tests import logs
from wire.catalogue import bundled

CONDITIONS = Conditions(
    air_temperature_c=25.0,
    relative_humidity_pct=43.21,
    vapour_pressure_kpa=1.369,
    pressure_hpa=892.314,
    solar_wm2=512.4,
    rain_total_mm=12.34,
    lightning_total=7,
    lightning_km=9.0,
    wind_speed_ms=5.4,
    wind_gust_ms=8.25,
    wind_direction_deg=214.83,
    pm2_5_ugm3=11.2,
    pm10_ugm3=31.7,
    noise_db=44.44,
    grains=37,
    grain_energy_uj=12.345,
    sand_height_m=0.1,
)
SOIL = Soil(water=0.285, temperature_c=-9.7, ec_uscm=38.6)


class Still:
    """Surroundings that stand still until the test moves them."""

    def __init__(self):
        self.air = CONDITIONS
        self.ground = SOIL
        self.asked_depth_m = None

    def change(self, **values):
        self.air = dataclasses.replace(self.air, **values)

    def conditions(self, time_s, spot=""):
        return self.air

    def soil(self, time_s, depth_m, spot=""):
        self.asked_depth_m = depth_m
        return self.ground


@pytest.fixture(autouse=True)
def plain_logging():
    """Commands set logging up for their process; here many run in one."""
    logs.reset()


@pytest.fixture
def still():
    return Still()


@pytest.fixture
def set_up(still):
    """Give the setup of a device of a catalogue model in the still surroundings."""

    def build(model, **values):
        named = {"name": "dune-1/sensor", "address": "1", **values}
        return Setup(model=bundled()[model], surroundings=still, **named)

    return build


class Served:
    """Buses on ports, and the truth of them."""

    def __init__(self, buses, baud, clock):
        self.truth = []
        self.failures = []
        self._recorded = threading.Condition()
        plans = [PortPlan(name, bus, baud) for name, bus in buses.items()]
        self.host = Host(plans, clock, self._record, lambda: self.failures.append("host died"))
        self.ports = self.host.start()

    def _record(self, answer, at_ms):
        with self._recorded:
            self.truth.append((answer, at_ms))
            self._recorded.notify_all()

    def wait_for_truth(self, count):
        with self._recorded:
            assert self._recorded.wait_for(lambda: len(self.truth) >= count, timeout=30)
            return [answer for answer, _ in self.truth]


@pytest.fixture
def serve():
    """Put buses on ptys for the time of a test; a fast line keeps it short."""
    running = []

    def start(baud=115_200, clock=time.time, **buses):
        running.append(Served(buses, baud, clock))
        return running[-1]

    yield start
    for served in running:
        served.host.stop()
        assert served.failures == []
