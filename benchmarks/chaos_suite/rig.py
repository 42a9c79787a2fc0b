"""What one run consists of: simulator, two gateways behind links, broker, server, database."""

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from benchmarks.chaos_suite.faults.backups import Backup, PostgresBackup, SqliteBackup
from benchmarks.chaos_suite.faults.cards import Cards
from benchmarks.chaos_suite.faults.disorder import MqttLine
from benchmarks.chaos_suite.faults.equipment import Equipment, Needs, equip
from benchmarks.chaos_suite.faults.hand import Hand
from benchmarks.chaos_suite.faults.overfill import history_of, overfill
from benchmarks.chaos_suite.faults.strikes import Faults
from benchmarks.chaos_suite.mqtt_frames import Publish
from benchmarks.chaos_suite.programs import TIES, Programs
from benchmarks.chaos_suite.proxy import Line, Proxy
from benchmarks.chaos_suite.schedule import BROKER, DATABASE, SERVER, SIMULATOR, Profile
from benchmarks.chaos_suite.site import PACE, STATIONS
from deploy.children import Child
from deploy.demo.page import Page
from deploy.demo.plan import Layout, Pace, ServerPlan, gateway_text, scenario_text, server_text
from deploy.demo.sites import Station
from deploy.errors import SetupError
from deploy.local_mosquitto import LocalMosquitto
from deploy.local_postgres import LocalPostgres
from deploy.ports import free_port, wait_until

_READY_TIMEOUT_S = 60.0
GATEWAY_PROGRAM = "saxaul-gateway"
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
        """The gateways' outbox files, as they are in use now."""
        return self.faults.cards.outboxes()


def straight(_peer: str, port: int) -> int:
    """Connect to a peer without anything in between; see Setting.through."""
    return port


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a run takes place: a folder of its own, and in the full profile a database server.

    `stations` are those that take part, each with its pace. `through(peer, port)` may put something
    before a port, and gives the port of that; `peer` is a gateway for its own way to the broker,
    BROKER or DATABASE for the server's (full profile only). `needs` is what the faults to come must
    find; `tap` is shown what each gateway publishes, in another thread.
    """

    profile: Profile
    folder: Path
    postgres: LocalPostgres | None
    now_s: Callable[[], float]
    stations: Sequence[tuple[Station, Pace]] = tuple((one, PACE) for one in STATIONS)
    through: Callable[[str, int], int] = straight
    needs: Needs = field(default_factory=Needs)
    tap: Callable[[str, Publish], None] = lambda _gateway, _published: None


@contextmanager
def running(setting: Setting) -> Iterator[Rig]:
    """Start everything and wait until all gateways are online; at the end nothing is left running.

    Raises SetupError when something does not start.
    """
    with ExitStack() as stack:
        equipment = equip(setting.needs, setting.folder, setting.postgres, stack)
        builder = _Builder(setting, equipment)
        stack.callback(builder.programs.kill_all)
        yield builder.build(stack)


class _Builder:
    def __init__(self, setting: Setting, equipment: Equipment) -> None:
        self.programs = Programs(setting.now_s)
        self._setting = setting
        self._equipment = equipment
        self._stations = [station for station, _ in setting.stations]
        self._layout = Layout(setting.folder)
        self._mqtt_port = free_port()
        self._page = Page(free_port())
        self._database = equipment.folder_of(SERVER, setting.folder) / "saxaul.db"
        self._database_url = f"sqlite:///{self._database}"
        self._cards = Cards(
            {
                one.gateway: equipment.folder_of(one.gateway, setting.folder) / one.gateway
                for one in self._stations
            }
        )

    def build(self, stack: ExitStack) -> Rig:
        wiped = self._start_services(stack) if self._setting.profile is Profile.FULL else {}
        links = {one.gateway: self._link(one.gateway, stack) for one in self._stations}
        self._start_server(links, stack)
        self._start_simulator()
        for station, pace in self._setting.stations:
            name = station.gateway
            self._start_gateway(station, pace, self._setting.through(name, links[name].port))
        names = {one.gateway for one in self._stations}
        self._await(lambda: names <= self._page.online(), "the gateways")
        hand = Hand(self._mqtt_port).start()
        stack.callback(hand.close)
        equipment = self._equipment
        faults = Faults(
            self.programs,
            links,
            hand,
            self._cards,
            wiped,
            equipment.disks_of(self.programs, self._cards, self._database),
            equipment.clocks,
            self._backup(),
        )
        return Rig(self._layout, self.programs, faults, self._database_url)

    def _link(self, name: str, stack: ExitStack) -> Proxy:
        """Put a link in front of the broker's port; what a gateway publishes there is seen."""
        tap = partial(self._setting.tap, name)
        port = self._setting.through(BROKER, self._mqtt_port) if name == SERVER else self._mqtt_port
        return stack.enter_context(_linked(lambda: MqttLine(port, tap)))

    def _backup(self) -> Backup | None:
        if not self._setting.needs.restores:
            return None
        if self._setting.profile is Profile.EMBEDDED:
            return SqliteBackup(self._database, self._setting.folder / "backup.db")
        postgres = self._setting.postgres
        return None if postgres is None else PostgresBackup(postgres, self._database_name)

    @property
    def _database_name(self) -> str:
        return f"chaos_{self._setting.folder.name.replace('-', '_').lower()}"

    def _start_services(self, stack: ExitStack) -> Mapping[str, Path]:
        """Start a Mosquitto, make a fresh database; gives the file that a wiped broker loses."""
        broker = LocalMosquitto(self._setting.folder / "mosquitto", self._mqtt_port)
        broker.start()
        postgres = self._setting.postgres
        if postgres is None or postgres.child is None or broker.child is None:
            raise SetupError("the full profile needs a database server that runs")
        self.programs.keep(BROKER, broker.child)
        tablespace = self._equipment.tablespace(postgres, stack)
        self._database_url = postgres.create_database(self._database_name, tablespace)
        for name in (self._database_name, f"{self._database_name}_copy"):
            stack.callback(_drop, postgres.url, name)
        self.programs.keep(DATABASE, postgres.child)
        stack.callback(_left_running, self.programs, postgres)
        return {BROKER: broker.folder / "mosquitto.db"}

    def _start_server(self, links: dict[str, Proxy], stack: ExitStack) -> None:
        embedded = self._setting.profile is Profile.EMBEDDED
        mqtt_port = self._mqtt_port
        if self._setting.needs.server_link:
            links[SERVER] = self._link(SERVER, stack)
            mqtt_port = links[SERVER].port
        elif not embedded:
            mqtt_port = self._setting.through(BROKER, self._mqtt_port)
        plan = ServerPlan(self._page.port, mqtt_port, embedded=embedded, database=self._database)
        self._layout.server.write_text(server_text(plan, self._layout), encoding="utf-8")
        environment = {} if embedded else {"SAXAUL_DATABASE_URL": self._way_to_database()}
        command = [program("saxaul-server"), "run", "--config", str(self._layout.server)]
        self._start(SERVER, command, environment)
        self._await(self._page.is_ready, "the server")

    def _way_to_database(self) -> str:
        """Give the database's address as the server is told it."""
        parts = urlsplit(self._database_url)
        port = self._setting.through(DATABASE, parts.port or 0)
        return parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{port}").geturl()

    def _start_simulator(self) -> None:
        origin = datetime.now(UTC) - timedelta(days=_SETTLE_DAYS)
        text = scenario_text(self._stations, self._layout, origin.date().isoformat())
        self._layout.scenario.write_text(text, encoding="utf-8")
        self._start(SIMULATOR, [program("saxaul-sim"), "run", str(self._layout.scenario)])
        ports = [self._layout.port(bus) for station in self._stations for bus in station.buses]
        self._await(lambda: all(port.exists() for port in ports), "the simulator")

    def _start_gateway(self, station: Station, pace: Pace, mqtt_port: int) -> None:
        name, config = station.gateway, self._layout.gateway(station)
        folder = self._cards.folders[name]
        folder.mkdir(parents=True, exist_ok=True)
        changes = self._setting.needs.changes(name, folder)
        text = gateway_text(station, self._layout, mqtt_port, pace, changes)
        config.write_text(text, encoding="utf-8")
        if name == self._setting.needs.tight:
            overfill(program(GATEWAY_PROGRAM), config, station, history_of(self._setting.folder))
        command = [program(GATEWAY_PROGRAM), "run", "--config", str(config)]
        clock = self._equipment.clocks.get(name)
        if clock is None:
            self._start(name, command)
        else:
            self._start(name, clock.command(command), clock.environment())

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
def _linked(line: Callable[[], Line]) -> Iterator[Proxy]:
    link = Proxy(line)
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


def program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))
