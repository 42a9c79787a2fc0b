"""Two stations: one that comes back with the backlog of 20 sensors, one that is live meanwhile."""

from collections.abc import Iterator
from decimal import Decimal

from deploy.demo.plan import Pace
from deploy.demo.sites import TEROS, Bus, Device, Station
from wire.catalogue import bundled

# Each minute, as the promise has it; what is read is sealed as a gateway's default says.
LATE_PACE = Pace(interval_s=60, batch_every_s=60)
# The live one is read each second and seals twice a second: its readings are what is timed.
LIVE_PACE = Pace(interval_s=1, batch_every_s=0.5)

_LINES, _ON_A_LINE = 4, 5


def _line(number: int) -> Bus:
    """Make one of the soil sensors' lines; sensors on one are read one after the other."""
    places = range(number * _ON_A_LINE, (number + 1) * _ON_A_LINE)
    sensors = tuple(
        Device(f"soil-{place}", TEROS, str(place % _ON_A_LINE), depth_m=(place + 1) / 10)
        for place in places
    )
    return Bus(f"sdi-{number}", f"late-sdi-{number}", "sdi12", sensors)


LATE = Station(
    gateway="late-gateway",
    thing="profile-1",
    name="Twenty soil sensors, long out of reach",
    lat=40.512,
    lon=108.694,
    elevation_m=1046,
    buses=tuple(_line(number) for number in range(_LINES)),
)

LIVE = Station(
    gateway="live-gateway",
    thing="control-1",
    name="Control that never lost its link",
    lat=40.498,
    lon=108.711,
    elevation_m=1039,
    buses=(
        Bus(
            "modbus",
            "live-modbus",
            "modbus",
            (Device("soil-20cm", "RS485 soil probe ECTH (0x0000 family)", "1", depth_m=0.2),),
            baud=9600,
        ),
        Bus(
            "salt",
            "live-salt",
            "line",
            (Device("saltation", "Saltation counter, ASCII", height_m=0.05),),
        ),
    ),
)


def series_of(station: Station) -> Iterator[tuple[str, Decimal]]:
    """Name each datastream that a station measures, with its resolution."""
    for bus in station.buses:
        for device in bus.devices:
            for field in bundled()[device.model].field:
                yield f"{station.thing}/{device.id}/{field.property}", field.resolution
