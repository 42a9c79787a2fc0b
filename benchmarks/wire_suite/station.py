"""A station of 20 channels on a dune: the demo's instruments, scattering, in the simulated world.

Left out of the weather station is what hardly changes (tilt, lightning) and would make any average
look better, and what follows from other channels (vapour pressure, wind components).
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from benchmarks.wire_suite.scatter import Scatter
from benchmarks.wire_suite.window import Channel, Window
from firmware_sim.devices import assemble
from firmware_sim.devices.base import Line, Polled, Setup, Talker
from firmware_sim.world import Surroundings, World
from wire.catalogue import Field, Protocol, Statistic, bundled

THING = "dune-1"
STEP_S = 60
DAY_S = 86_400

_TEROS, _ATMOS, _COUNTER = "METER TEROS 12", "METER ATMOS 41", "Saltation counter, ASCII"
_DEPTHS_M = {"soil-10cm": 0.1, "soil-30cm": 0.3, "soil-60cm": 0.6}
_WEATHER = (
    "solar_radiation",
    "rain",
    "wind_speed",
    "wind_direction",
    "wind_gust",
    "air_temperature",
    "air_pressure",
    "relative_humidity",
)


class Station:
    """The instruments of one seed; the world's soil starts at `origin_s`.

    `noise` multiplies how much the instruments scatter; at 0 the world is read as it is.
    """

    def __init__(self, seed: int, origin_s: int, noise: float = 1.0) -> None:
        """Install them."""
        world = World(seed, float(origin_s))
        felt = Scatter(world, seed, noise)
        self._probes = _install(Protocol.SDI12, _TEROS, _DEPTHS_M, felt).polled
        self._weather = _install(Protocol.SDI12, _ATMOS, {"weather": None}, felt).polled[0]
        self._counter = _install(Protocol.LINE, _COUNTER, {"saltation": None}, world).talkers[0]
        self.channels = self._channels()

    def day(self, start_s: int, rows: int = DAY_S // STEP_S) -> Window:
        """Read it once a minute; a row stands at the end of its minute."""
        self._weather.observe(float(start_s))  # takes away the rain of the time before
        ends = range(start_s + STEP_S, start_s + STEP_S * (rows + 1), STEP_S)
        table = [self._row(end) for end in ends]
        columns = {one.name: [row[one.name] for row in table] for one in self.channels}
        return Window(self.channels, [end * 1000 for end in ends], columns)

    def _channels(self) -> Sequence[Channel]:
        probes = [_channel(probe, field) for probe in self._probes for field in _fields(probe)]
        weather = [
            _channel(self._weather, field)
            for field in _fields(self._weather)
            if field.property in _WEATHER
        ]
        return [*probes, *weather, *(_channel(self._counter, f) for f in _fields(self._counter))]

    def _row(self, end_s: int) -> Mapping[str, Decimal]:
        row = {
            f"{probe.setup.name}/{key}": value
            for probe in self._probes
            for key, value in probe.observe(float(end_s)).values.items()
        }
        for key, value in self._weather.observe(float(end_s)).values.items():
            row[f"{self._weather.setup.name}/{key}"] = value
        return row | _minute(self._counter, end_s)


def _install(
    protocol: Protocol, model: str, places: Mapping[str, float | None], world: Surroundings
) -> Line:
    setups = [
        Setup(f"{THING}/{sensor}", bundled()[model], world, str(address), depth_m=depth)
        for address, (sensor, depth) in enumerate(places.items(), start=1)
    ]
    return assemble(protocol, setups)


def _fields(device: Polled | Talker) -> Sequence[Field]:
    return device.setup.model.field


def _channel(device: Polled | Talker, field: Field) -> Channel:
    name = f"{device.setup.name}/{field.property}"
    return Channel(name, field.unit, field.resolution, field.statistic)


def _minute(counter: Talker, end_s: int) -> dict[str, Decimal]:
    """Add up the lines of the minute before an instant."""
    lines = [counter.values(second) for second in range(end_s - STEP_S, end_s)]
    out = {}
    for field in _fields(counter):
        seen = [line[field.key or ""] or Decimal(0) for line in lines]
        counted = field.statistic is Statistic.NONZERO_SECONDS
        total = Decimal(sum(one > 0 for one in seen)) if counted else sum(seen, Decimal(0))
        out[f"{counter.setup.name}/{field.property}"] = total
    return out
