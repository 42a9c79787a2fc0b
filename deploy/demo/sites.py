"""What the demo shows: two stations in the Kubuqi desert and the sensors on their serial lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Device:
    """A sensor; exactly one of depth and height (metres) says where it sits."""

    id: str
    model: str
    address: str = ""
    depth_m: float | None = None
    height_m: float | None = None
    serial: str = ""

    def place(self) -> dict[str, Any]:
        """Its address and position, under the names that scenario and gateway share."""
        told = {
            "address": self.address or None,
            "serial": self.serial or None,
            "depth_m": self.depth_m,
            "height_m": self.height_m,
        }
        return {key: value for key, value in told.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Bus:
    """A serial line and what is attached to it; `name` is unique in the demo."""

    id: str
    name: str
    protocol: str
    devices: Sequence[Device]
    baud: int = 9600


@dataclass(frozen=True, slots=True)
class Station:
    """A gateway and the one thing it serves. Degrees WGS 84, metres."""

    gateway: str
    thing: str
    name: str
    lat: float
    lon: float
    elevation_m: float
    buses: Sequence[Bus]
    site: str = "kubuqi-north"


TEROS = "METER TEROS 12"

STATIONS = (
    Station(
        gateway="kubuqi-dune",
        thing="dune-1",
        name="Dune 1, straw checkerboard",
        lat=40.512,
        lon=108.694,
        elevation_m=1046,
        buses=(
            Bus(
                "sdi",
                "dune-sdi",
                "sdi12",
                (
                    Device("soil-10cm", TEROS, "1", depth_m=0.1, serial="T12-00101"),
                    Device("soil-30cm", TEROS, "2", depth_m=0.3, serial="T12-00102"),
                    Device("soil-60cm", TEROS, "3", depth_m=0.6, serial="T12-00103"),
                    Device("weather", "METER ATMOS 41", "4", height_m=2.0, serial="A41-00017"),
                    Device("sand-level", "Campbell SR50A", "5", height_m=1.5, serial="SR50-0208"),
                ),
            ),
            Bus(
                "salt",
                "dune-salt",
                "line",
                (Device("saltation", "Saltation counter, ASCII", height_m=0.05),),
            ),
        ),
    ),
    Station(
        gateway="kubuqi-control",
        thing="control-1",
        name="Control, bare sand",
        lat=40.498,
        lon=108.711,
        elevation_m=1039,
        buses=(
            Bus(
                "modbus",
                "control-modbus",
                "modbus",
                (
                    Device(
                        "soil-20cm",
                        "RS485 soil probe ECTH (0x0000 family)",
                        "1",
                        depth_m=0.2,
                    ),
                    Device("weather", "Renke RS-FSXCS", "2", height_m=2.0),
                ),
                baud=4800,
            ),
            Bus(
                "nmea",
                "control-nmea",
                "nmea0183",
                (Device("mast", "NMEA 0183 weather station", height_m=10.0),),
                baud=4800,
            ),
        ),
    ),
)

# A single station for real data: soil at the depths that most files have, and the weather.
REPLAY_STATION = Station(
    gateway="replay",
    thing="station-1",
    name="Replayed station",
    lat=32.24,
    lon=-111.17,
    elevation_m=766,
    buses=(
        Bus(
            "sdi",
            "replay-sdi",
            "sdi12",
            (
                Device("soil-5cm", TEROS, "1", depth_m=0.05),
                Device("soil-10cm", TEROS, "2", depth_m=0.1),
                Device("weather", "METER ATMOS 41", "3", height_m=2.0),
            ),
        ),
    ),
    site="replay",
)
