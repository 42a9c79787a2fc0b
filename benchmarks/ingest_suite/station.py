"""A station of 20 series, as a gateway announces and sends it: made-up values, always the same.

All gateways measure under the same names; only their ids tell them apart. Values come in a few
variants, so that gateways can share payloads, which are made before the clock starts. None of the
series has another one derived from it: what is sent is what is stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from wire import batch, messages
from wire.batch import Sample
from wire.messages import ClockSource, DatastreamInfo, GatewayInfo, Inventory, SensorInfo, ThingInfo

MINUTE_MS = 60_000
VARIANTS = 4
_THING = "dune-1"
_WEATHER = ("mast", "METER ATMOS 41")
_PROBE = "RS485 soil probe ECTH (0x0000 family)"
_PROBES = tuple((f"soil-{depth}cm", _PROBE) for depth in (5, 10, 30, 60, 100))


@dataclass(frozen=True, slots=True)
class Channel:
    """One series: around `base`, up and down by `swing` in a day, both in units of 10^exponent."""

    sensor: str
    model: str
    key: str
    unit: str
    exponent: int
    base: int
    swing: int

    @property
    def name(self) -> str:
        """The datastream's name."""
        return f"{_THING}/{self.sensor}/{self.key}"


CHANNELS = (
    Channel(*_WEATHER, "solar_radiation", "W/m2", 0, 500, 300),
    Channel(*_WEATHER, "wind_speed", "m/s", -2, 900, 300),
    Channel(*_WEATHER, "wind_direction", "deg", -1, 1800, 600),
    Channel(*_WEATHER, "wind_gust", "m/s", -2, 1200, 400),
    Channel(*_WEATHER, "air_temperature", "Cel", -1, 180, 90),
    Channel(*_WEATHER, "vapour_pressure", "kPa", -2, 120, 30),
    Channel(*_WEATHER, "air_pressure", "kPa", -2, 8950, 30),
    Channel(*_WEATHER, "relative_humidity", "1", -3, 400, 150),
    Channel(*_WEATHER, "sensor_temperature", "Cel", -1, 190, 80),
    Channel(*_WEATHER, "tilt_x", "deg", -1, 5, 2),
    *(Channel(*probe, "soil_temperature", "Cel", -1, 150, 40) for probe in _PROBES),
    *(Channel(*probe, "soil_ec", "uS/cm", 0, 300, 60) for probe in _PROBES),
)


@dataclass(frozen=True, slots=True)
class Load:
    """What each gateway sends: at most `batches` of `rows` minutes of every series.

    It begins at `start_ms`; `epoch` tells the loads of one run apart.
    """

    epoch: str
    gateways: Sequence[str]
    start_ms: int
    rows: int
    batches: int

    @property
    def end_ms(self) -> int:
        """The instant after the last reading."""
        return self.start_ms + self.batches * self.rows * MINUTE_MS

    @property
    def batch_readings(self) -> int:
        """Count the readings of one batch."""
        return self.rows * len(CHANNELS)

    def times_ms(self, batches: int) -> NDArray[np.int64]:
        """Give the instants of the first so many batches, which all series share."""
        return self.start_ms + np.arange(batches * self.rows, dtype=np.int64) * MINUTE_MS

    def doubles(self, variant: int) -> NDArray[np.float64]:
        """Give all values as the database must hold them: a row a channel."""
        whole = self._steps(variant)
        return np.array(
            [
                steps / np.float64(10**-channel.exponent)
                for channel, steps in zip(CHANNELS, whole, strict=True)
            ]
        )

    def payloads(self, variant: int) -> list[bytes]:
        """Write all batches of a variant."""
        values = [
            [Decimal(step).scaleb(channel.exponent) for step in steps.tolist()]
            for channel, steps in zip(CHANNELS, self._steps(variant), strict=True)
        ]
        times = self.times_ms(self.batches).tolist()
        return [
            _payload(
                times[first : first + self.rows], [one[first : first + self.rows] for one in values]
            )
            for first in range(0, len(times), self.rows)
        ]

    def _steps(self, variant: int) -> NDArray[np.int64]:
        """Make a day's course with a little noise, for each channel."""
        minutes = np.arange(self.batches * self.rows) + self.start_ms // MINUTE_MS
        rng = np.random.default_rng([variant, len(minutes), self.rows])
        base = np.array([[channel.base] for channel in CHANNELS])
        swing = np.array([[channel.swing] for channel in CHANNELS])
        phase = rng.uniform(0, 2 * np.pi, (len(CHANNELS), 1))
        day = np.sin(minutes * (2 * np.pi / 1440) + phase)
        noise = np.clip(rng.normal(0, 0.05, (len(CHANNELS), len(minutes))), -0.3, 0.3)
        steps: NDArray[np.int64] = np.rint(base + swing * (day + noise)).astype(np.int64)
        return steps


def variant_of(gateway: int) -> int:
    """Tell which values the gateway of this number sends."""
    return gateway % VARIANTS


def gateway_names(count: int) -> list[str]:
    """Name so many gateways."""
    return [f"bench-{number:04d}" for number in range(count)]


def inventory(gateway: str) -> bytes:
    """Write what a gateway announces."""
    sensors = {channel.sensor: channel.model for channel in CHANNELS}
    return messages.encode(
        Inventory(
            rev=1,
            gateway=GatewayInfo(id=gateway),
            things=[ThingInfo(id=_THING, name="Dune 1", site="bench", lat=40.6, lon=108.9)],
            sensors=[SensorInfo(id=one, thing=_THING, model=sensors[one]) for one in sensors],
            datastreams=[
                DatastreamInfo(
                    name=channel.name,
                    sensor=f"{_THING}/{channel.sensor}",
                    property=channel.key,
                    unit=channel.unit,
                    interval_s=60,
                )
                for channel in CHANNELS
            ],
        )
    )


def _payload(times: Sequence[int], values: Sequence[Sequence[Decimal]]) -> bytes:
    samples = {
        channel.name: [Sample(time_ms, value) for time_ms, value in zip(times, one, strict=True)]
        for channel, one in zip(CHANNELS, values, strict=True)
    }
    return batch.encode(ClockSource.NTP, samples)
