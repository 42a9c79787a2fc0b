"""The demo's stations written out: the simulator's scenario, gateway and server configurations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.demo.sites import Bus, Station
from deploy.demo.toml_out import dumps

INTERVAL_S = 10
BATCH_EVERY_S = 5
SEED = 20260901


@dataclass(frozen=True, slots=True)
class Pace:
    """How often sensors are read, readings sealed into a batch, and figures told; seconds."""

    interval_s: float = INTERVAL_S
    batch_every_s: float = BATCH_EVERY_S
    heartbeat_s: float = 60


DEMO_PACE = Pace()


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything lies in the data folder."""

    folder: Path

    @property
    def scenario(self) -> Path:
        """The simulator's scenario."""
        return self.folder / "scenario.toml"

    @property
    def truth(self) -> Path:
        """What the simulated devices really said."""
        return self.folder / "truth.jsonl"

    @property
    def server(self) -> Path:
        """The server's configuration."""
        return self.folder / "server.toml"

    def port(self, bus: Bus) -> Path:
        """Name under which the simulator offers a bus's serial port."""
        return self.folder / "ports" / bus.name

    def gateway(self, station: Station) -> Path:
        """File that configures a gateway."""
        return self.folder / f"{station.gateway}.toml"

    def gateway_data(self, station: Station) -> Path:
        """Folder of a gateway's own, with its outbox."""
        return self.folder / station.gateway

    def history(self, station: Station) -> Path:
        """Past values for a gateway to send."""
        return self.folder / f"history-{station.gateway}.csv"

    def log(self, name: str) -> Path:
        """All that a process has printed."""
        return self.folder / "logs" / f"{name}.log"


@dataclass(frozen=True, slots=True)
class Replay:
    """A file of real station data that the simulated sensors repeat, a row every `row_s`."""

    file: Path
    station: str = ""
    row_s: float = INTERVAL_S


def scenario_text(
    stations: Sequence[Station], layout: Layout, origin: str, replay: Replay | None = None
) -> str:
    """Write the simulator's scenario; `origin` is the date on which its soil begins."""
    told: dict[str, Any] = {"seed": SEED, "origin": origin, "truth": layout.truth.name}
    if replay:
        source = {"file": str(replay.file.resolve()), "row_s": replay.row_s}
        told["replay"] = {**source, **({"station": replay.station} if replay.station else {})}
    told["bus"] = [
        {
            "id": bus.name,
            "protocol": bus.protocol,
            "link": str(layout.port(bus).relative_to(layout.folder)),
            "baud": bus.baud,
            "device": [
                {"id": f"{station.thing}/{device.id}", "model": device.model, **device.place()}
                for device in bus.devices
            ],
        }
        for station in stations
        for bus in station.buses
    ]
    return dumps(told)


def gateway_text(
    station: Station,
    layout: Layout,
    mqtt_port: int,
    pace: Pace = DEMO_PACE,
    changes: Mapping[str, Mapping[str, Any]] | None = None,
) -> str:
    """Write a gateway's configuration; `changes` go before it, section by section."""
    told: dict[str, Any] = {
        "gateway": {
            "id": station.gateway,
            "site": station.site,
            "data_dir": str(layout.gateway_data(station)),
        },
        # The demo believes this machine's clock, whatever keeps it.
        "clock": {"trust": "assume"},
        "uplink": {
            "host": "127.0.0.1",
            "port": mqtt_port,
            "batch_every_s": pace.batch_every_s,
            "heartbeat_s": pace.heartbeat_s,
        },
        "thing": [
            {
                "id": station.thing,
                "name": station.name,
                "lat": station.lat,
                "lon": station.lon,
                "elevation_m": station.elevation_m,
            }
        ],
        "bus": [_gateway_bus(station, bus, layout, pace) for bus in station.buses],
    }
    for section, values in (changes or {}).items():
        told[section] = {**told.get(section, {}), **values}
    return dumps(told)


def _gateway_bus(station: Station, bus: Bus, layout: Layout, pace: Pace) -> dict[str, Any]:
    sensors = [
        {
            "id": device.id,
            "thing": station.thing,
            "model": device.model,
            **device.place(),
            "interval_s": pace.interval_s,
        }
        for device in bus.devices
    ]
    port = str(layout.port(bus))
    return {
        "id": bus.id,
        "port": port,
        "protocol": bus.protocol,
        "baud": bus.baud,
        "sensor": sensors,
    }


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """Where the server listens, whether it hosts the broker, and where its SQLite file lies.

    Without `database` it lies in the data folder.
    """

    http_port: int
    mqtt_port: int
    embedded: bool
    database: Path | None = None


def server_text(plan: ServerPlan, layout: Layout) -> str:
    """Write the server's configuration; a database address with a password goes by environment."""
    database = {"url": f"sqlite:///{plan.database or layout.folder / 'saxaul.db'}"}
    return dumps(
        {
            **({"database": database} if plan.embedded else {}),
            "http": {"host": "127.0.0.1", "port": plan.http_port},
            "mqtt": {"embedded": plan.embedded, "host": "127.0.0.1", "port": plan.mqtt_port},
        }
    )
