"""Two small stations that are read every other second, so that a run of seconds sees many batches.

Together they speak all four kinds of line; each gateway has a polled sensor and a talker.
"""

from deploy.demo.plan import Pace
from deploy.demo.sites import TEROS, Bus, Device, Station

PACE = Pace(interval_s=2, batch_every_s=1, heartbeat_s=2)

STATIONS = (
    Station(
        gateway="chaos-dune",
        thing="dune-1",
        name="Dune under test",
        lat=40.512,
        lon=108.694,
        elevation_m=1046,
        buses=(
            Bus("sdi", "dune-sdi", "sdi12", (Device("soil-10cm", TEROS, "1", depth_m=0.1),)),
            Bus(
                "salt",
                "dune-salt",
                "line",
                (Device("saltation", "Saltation counter, ASCII", height_m=0.05),),
            ),
        ),
    ),
    Station(
        gateway="chaos-control",
        thing="control-1",
        name="Control under test",
        lat=40.498,
        lon=108.711,
        elevation_m=1039,
        buses=(
            Bus(
                "modbus",
                "control-modbus",
                "modbus",
                (
                    Device("soil-20cm", "RS485 soil probe ECTH (0x0000 family)", "1", depth_m=0.2),
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

GATEWAYS = tuple(station.gateway for station in STATIONS)
