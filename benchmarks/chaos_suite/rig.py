"""What one run consists of: simulator, two gateways behind links, broker, server, database."""

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from benchmarks.chaos_suite.faults import Faults, Hand
from benchmarks.chaos_suite.programs import TIES, Programs
from benchmarks.chaos_suite.proxy import Proxy
from benchmarks.chaos_suite.schedule import BROKER, DATABASE, SERVER, SIMULATOR, Profile
from benchmarks.chaos_suite.site import PACE, STATIONS
from deploy.children import Child
from deploy.demo.page import Page
from deploy.demo.plan import Layout, ServerPlan, gateway_text, scenario_text, server_text
from deploy.errors import SetupError
from deploy.local_mosquitto import LocalMosquitto
from deploy.local_postgres import LocalPostgres
from deploy.ports import free_port, wait_until

_READY_TIMEOUT_S = 60.0
_SETTLE_DAYS = 10  # the world's soil gets this long before the first reading


@dataclass(frozen=True, slots=True)
class Rig:
    """All parts of a run, running."""

    layout: Layout
    programs: Programs
    faults: Faults
    database_url: str

    @property
    def outboxes(self) -> Mapping[str, Path]:
        """The gateways' outbox files."""
        return self.faults.outboxes


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a run takes place: a folder of its own, and in the full profile a database server."""

    profile: Profile
    folder: Path
    postgres: LocalPostgres | None
    now_s: Callable[[], float]


@contextmanager
def running(setting: Setting) -> Iterator[Rig]:
    """Start everything and wait until all gateways are online; at the end nothing is left running.

    Raises SetupError when something does not start.
    """
    builder = _Builder(setting)
    with ExitStack() as stack:
        stack.callback(builder.programs.kill_all)
        yield builder.build(stack)


class _Builder:
    def __init__(self, setting: Setting) -> None:
        self.programs = Programs(setting.now_s)
        self._setting = setting
        self._layout = Layout(setting.folder)
        self._mqtt_port = free_port()
        self._page = Page(free_port())
        self._database_url = f"sqlite:///{setting.folder / 'saxaul.db'}"

    def build(self, stack: ExitStack) -> Rig:
        wiped = self._start_services(stack) if self._setting.profile is Profile.FULL else {}
        self._start_server()
        links = {
            station.gateway: stack.enter_context(_linked(self._mqtt_port)) for station in STATIONS
        }
        self._start_simulator()
        for station in STATIONS:
            self._start_gateway(station.gateway, links[station.gateway].port)
        self._await(lambda: set(links) <= self._page.online(), "the gateways")
        hand = Hand(self._mqtt_port).start()
        stack.callback(hand.close)
        outboxes = {
            station.gateway: self._layout.gateway_data(station) / "outbox.db"
            for station in STATIONS
        }
        faults = Faults(self.programs, links, hand, outboxes, wiped)
        return Rig(self._layout, self.programs, faults, self._database_url)

    def _start_services(self, stack: ExitStack) -> Mapping[str, Path]:
        """Start a Mosquitto, make a fresh database; gives the file that a wiped broker loses."""
        broker = LocalMosquitto(self._setting.folder / "mosquitto", self._mqtt_port)
        broker.start()
        postgres = self._setting.postgres
        if postgres is None or postgres.child is None or broker.child is None:
            raise SetupError("the full profile needs a database server that runs")
        self.programs.keep(BROKER, broker.child)
        name = f"chaos_{self._setting.folder.name.replace('-', '_').lower()}"
        self._database_url = postgres.create_database(name)
        stack.callback(_drop, postgres.url, name)
        self.programs.keep(DATABASE, postgres.child)
        stack.callback(_left_running, self.programs, postgres)
        return {BROKER: broker.folder / "mosquitto.db"}

    def _start_server(self) -> None:
        embedded = self._setting.profile is Profile.EMBEDDED
        plan = ServerPlan(self._page.port, self._mqtt_port, embedded=embedded)
        self._layout.server.write_text(server_text(plan, self._layout), encoding="utf-8")
        environment = {} if embedded else {"SAXAUL_DATABASE_URL": self._database_url}
        command = [_program("saxaul-server"), "run", "--config", str(self._layout.server)]
        self._start(SERVER, command, environment)
        self._await(self._page.is_ready, "the server")

    def _start_simulator(self) -> None:
        origin = datetime.now(UTC) - timedelta(days=_SETTLE_DAYS)
        text = scenario_text(STATIONS, self._layout, origin.date().isoformat())
        self._layout.scenario.write_text(text, encoding="utf-8")
        self._start(SIMULATOR, [_program("saxaul-sim"), "run", str(self._layout.scenario)])
        ports = [self._layout.port(bus) for station in STATIONS for bus in station.buses]
        self._await(lambda: all(port.exists() for port in ports), "the simulator")

    def _start_gateway(self, name: str, mqtt_port: int) -> None:
        (station,) = (one for one in STATIONS if one.gateway == name)
        config = self._layout.gateway(station)
        config.write_text(gateway_text(station, self._layout, mqtt_port, PACE), encoding="utf-8")
        self._start(name, [_program("saxaul-gateway"), "run", "--config", str(config)])

    def _start(
        self, name: str, command: list[str], environment: Mapping[str, str] | None = None
    ) -> None:
        child = Child(
            name, command, self._layout.log(name), environment=environment or {}, ties=TIES
        )
        self.programs.start(name, child)

    def _await(self, condition: Callable[[], bool], what: str) -> None:
        if not wait_until(condition, _READY_TIMEOUT_S):
            raise SetupError(f"{what} did not start: see {self._layout.log('server').parent}")


@contextmanager
def _linked(upstream_port: int) -> Iterator[Proxy]:
    link = Proxy(upstream_port)
    try:
        yield link.start()
    finally:
        link.close()


def _left_running(programs: Programs, postgres: LocalPostgres) -> None:
    """Hand the database server back as it was lent, whatever state a run has left it in."""
    programs.heal()
    programs.release(DATABASE)
    if postgres.child is not None and not postgres.child.is_running:
        postgres.child.start()


def _drop(url: str, name: str) -> None:
    def dropped() -> bool:
        try:
            with psycopg.connect(url, autocommit=True, connect_timeout=2) as admin:
                admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
        except psycopg.OperationalError:
            return False  # it is coming up again
        return True

    wait_until(dropped, _READY_TIMEOUT_S, 0.2)


def clean_up(folder: Path) -> None:
    """Delete a run's folder."""
    shutil.rmtree(folder, ignore_errors=True)


def _program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))
