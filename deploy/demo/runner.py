"""One run of the demo: what is started, with which files, and when it counts as started."""

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

from deploy.children import Child
from deploy.demo.options import Options
from deploy.demo.page import Page
from deploy.demo.plan import (
    Layout,
    Replay,
    ServerPlan,
    gateway_text,
    scenario_text,
    server_text,
)
from deploy.demo.sites import REPLAY_STATION, STATIONS, Station
from deploy.demo.stack import Stack
from deploy.errors import SetupError
from deploy.local_mosquitto import LocalMosquitto
from deploy.local_postgres import LocalPostgres
from deploy.ports import free_port, is_open
from deploy.postgres_install import need

_READY_TIMEOUT_S = 60.0
# The world's soil gets this long to settle before the first reading is taken from it.
_SETTLE_DAYS = 10


class Run:
    """What runs, and where it keeps its data."""

    def __init__(self, options: Options, stack: Stack, console: Console) -> None:
        """Nothing is started yet."""
        self.options = options
        self.stack = stack
        self.console = console
        self.layout = Layout(options.folder)
        self.stations: Sequence[Station] = (REPLAY_STATION,) if options.replay else STATIONS
        self.page = Page(options.http_port)
        self.database_url = f"sqlite:///{options.folder / 'saxaul.db'}"
        self.simulator: Child | None = None
        self.gateways: list[Child] = []
        self.started_ms = 0
        self._mqtt_port = 0
        self.local_pages: dict[str, int] = {}  # port by gateway

    @property
    def outboxes(self) -> list[Path]:
        """The gateways' outbox files."""
        return [self.layout.gateway_data(one) / "outbox.db" for one in self.stations]

    def start_server(self) -> None:
        """Start broker, database and server; returns once the page answers."""
        if is_open(self.options.http_port):
            raise SetupError(
                f"port {self.options.http_port} is in use: name another one with --http-port"
            )
        environment = self._start_services() if self.options.full else {}
        self._mqtt_port = self._mqtt_port or free_port()
        plan = ServerPlan(self.options.http_port, self._mqtt_port, embedded=not self.options.full)
        self.layout.server.write_text(server_text(plan, self.layout), encoding="utf-8")
        command = [program("saxaul-server"), "run", "--config", str(self.layout.server)]
        child = Child("server", command, self.layout.log("server"), environment=environment)
        self.stack.add(self.stack.peers, child)
        with self.console.status("starting the server"):
            if not self.stack.wait(self.page.is_ready, _READY_TIMEOUT_S):
                raise SetupError(
                    f"the server was not ready within {_READY_TIMEOUT_S:.0f} s:"
                    f" see {self.layout.log('server')}"
                )
        self.console.print(f"live page       {self.page.address}")

    def _start_services(self) -> dict[str, str]:
        broker = LocalMosquitto(self.layout.folder / "mosquitto")
        database = LocalPostgres(self.layout.folder / "postgres", need())
        with self.console.status("starting Mosquitto and TimescaleDB"):
            self.stack.add_service(broker)
            self.stack.add_service(database)
        self._mqtt_port = broker.port
        self.database_url = database.create_database("saxaul")
        return {"SAXAUL_DATABASE_URL": self.database_url}

    def start_simulator(self) -> None:
        """Offer the sensors' serial ports; returns once they are there."""
        if not (self.options.keep and self.layout.scenario.exists()):
            self.layout.scenario.write_text(self._scenario(), encoding="utf-8")
        command = [program("saxaul-sim"), "run", str(self.layout.scenario)]
        child = Child("simulator", command, self.layout.log("simulator"))
        self.simulator = self.stack.add(self.stack.peers, child)
        ports = [self.layout.port(bus) for one in self.stations for bus in one.buses]
        with self.console.status("starting the simulated sensors"):
            if not self.stack.wait(lambda: all(port.exists() for port in ports), _READY_TIMEOUT_S):
                raise SetupError(f"the simulator did not offer {ports[0]}: see {child.log}")
        for station in self.stations:
            for bus in station.buses:
                sensors = ", ".join(device.id for device in bus.devices)
                port = self.layout.port(bus)
                self.console.print(f"serial port     {port}  {sensors}")

    def _scenario(self) -> str:
        now = datetime.now(UTC)
        if self.options.replay:
            replay = Replay(self.options.replay, self.options.station)
            return scenario_text(
                self.stations, self.layout, now.isoformat(timespec="seconds"), replay
            )
        origin = now - timedelta(days=self.options.days + _SETTLE_DAYS)
        return scenario_text(self.stations, self.layout, origin.date().isoformat())

    def write_gateways(self) -> None:
        """Write the gateways' configurations."""
        for station in self.stations:
            port = self.local_pages.setdefault(station.gateway, free_port())
            page = {"page": {"listen": f"127.0.0.1:{port}"}}
            text = gateway_text(station, self.layout, self._mqtt_port, changes=page)
            self.layout.gateway(station).write_text(text, encoding="utf-8")

    def start_gateways(self) -> None:
        """Start reading and sending."""
        self.write_gateways()
        self.started_ms = now_ms()
        for station in self.stations:
            config = str(self.layout.gateway(station))
            command = [program("saxaul-gateway"), "run", "--config", config]
            child = Child(station.gateway, command, self.layout.log(station.gateway))
            self.gateways.append(self.stack.add(self.stack.gateways, child))

    def await_gateways(self) -> None:
        """Return once the server knows that all gateways are there."""
        names = {station.gateway for station in self.stations}
        with self.console.status("starting the gateways"):
            if not self.stack.wait(lambda: names <= self.page.online(), _READY_TIMEOUT_S):
                raise SetupError(
                    f"the gateways did not come online: see {self.gateways[0].log.parent}"
                )
        for station in self.stations:
            self.console.print(f"gateway         {station.gateway}, {station.name}")

    def serve(self) -> None:
        """Stay until told to stop; raises ChildDiedError when a process ends."""
        self.stack.watch_for(float("inf"))


def now_ms() -> int:
    """Wall time in ms since the epoch: the clock that the truth file is written by."""
    return time.time_ns() // 1_000_000


def program(name: str) -> str:
    """Find a console command beside the interpreter that runs us."""
    return str(Path(sys.executable).with_name(name))
