"""Wires the server: what it is made of, in which order it starts, and how it stops.

`build` opens nothing; `start` opens everything or nothing; `stop` may be called at any time.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import Engine

from server.api import application
from server.api.edge import Services
from server.api.schemas import Part
from server.archive.keeper import JournalKeeper, Policy
from server.broker import EmbeddedBroker
from server.db.engine import describe, open_engine
from server.db.migrate import is_current, upgrade
from server.errors import StoreError
from server.ingest.service import BrokerAddress, IngestService, wall_clock_ms
from server.live.hub import Hub
from server.serving import HttpServer, bind
from server.settings import MqttSection, Settings
from server.store.engines import store_for
from server.store.port import LatestRow
from server.web import pages
from server.web.hosts import LoopbackHosts
from wire.errors import ConfigError

DATABASE_OPENED = "database_opened"
STOP_FAILED = "stop_failed"
STOP_LATE = "stop_late"

# Together under the 3 s within which the server stops.
_HTTP_STOP_S = 1.2
_INGEST_STOP_S = 0.9
_BROKER_STOP_S = 0.4
_JOURNAL_STOP_S = 0.3
_DATABASE_STOP_S = 0.1

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to undo when stopping, which may take `timeout_s`."""

    name: str
    undo: Callable[[], object]
    timeout_s: float


class Teardown:
    """What was started, to be undone in reverse; no step can hold the others up."""

    def __init__(self) -> None:
        self._steps: list[Step] = []

    def add(self, step: Step) -> None:
        """Remember how to undo what was just started."""
        self._steps.append(step)

    def run(self) -> None:
        """Undo everything, newest first; a second call finds nothing left to do."""
        while self._steps:
            _run_bounded(self._steps.pop())


def _run_bounded(step: Step) -> None:
    def undo() -> None:
        try:
            step.undo()
        except Exception:
            log.exception(STOP_FAILED, step=step.name)

    thread = threading.Thread(target=undo, name=f"stop-{step.name}", daemon=True)
    thread.start()
    thread.join(step.timeout_s)
    if thread.is_alive():
        log.warning(STOP_LATE, step=step.name, timeout_s=step.timeout_s)


class App:
    """The server as one thing to start and stop.

    `on_failure` is called, on another thread, when the server cannot go on. With `any_host` it
    may be called by any name, not only by those of this machine.
    """

    def __init__(
        self,
        settings: Settings,
        mqtt_password: str,
        on_failure: Callable[[], None],
        *,
        any_host: bool,
    ) -> None:
        self._settings = settings
        self._any_host = any_host
        self._mqtt_password = mqtt_password
        self._on_failure = on_failure
        self._teardown = Teardown()
        self._http_port: int | None = None
        self._mqtt_port = settings.mqtt.port

    @property
    def address(self) -> str:
        """The page's address, with the port it really has; known once started."""
        host = self._settings.http.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self._http_port}/"

    @property
    def mqtt_port(self) -> int:
        """The broker's port; known once started."""
        return self._mqtt_port

    def start(self) -> None:
        """Start everything, migrating first; raises ServerError or ConfigError and then stops."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop within 3 s, browsers that listen included."""
        self._teardown.run()

    def _start(self) -> None:
        http = self._settings.http
        listener = bind(http.host, http.port)
        self._teardown.add(Step("port", listener.close, _DATABASE_STOP_S))
        engine = self._open_database()
        if self._settings.mqtt.embedded:
            self._start_broker()
        hub: Hub[LatestRow] = Hub()
        ingest = self._start_ingest(engine, hub)

        keeper = self._start_keeper(engine)

        def readiness() -> Sequence[Part]:
            parts = [_database_part(engine), _ingest_part(ingest, self._settings.mqtt)]
            return [*parts, *_journal_parts(keeper)]

        services = Services(engine, store_for(engine), hub, wall_clock_ms, readiness)
        app = application.create(services)
        if not self._any_host:
            app.add_middleware(LoopbackHosts)
        pages.install(app)
        server = HttpServer(app, listener, self._on_failure)
        self._http_port = server.port
        self._teardown.add(Step("http", lambda: server.stop(_HTTP_STOP_S), _HTTP_STOP_S))
        self._teardown.add(Step("live", hub.close, _DATABASE_STOP_S))
        server.start()

    def _open_database(self) -> Engine:
        engine = open_engine(self._settings.database.url)
        self._teardown.add(Step("database", engine.dispose, _DATABASE_STOP_S))
        upgrade(engine)
        found = describe(engine)
        log.info(DATABASE_OPENED, version=found.version, edition=found.edition.value)
        if found.warning:
            log.warning(DATABASE_OPENED, warning=found.warning)
        return engine

    def _start_broker(self) -> None:
        broker = EmbeddedBroker(self._settings.mqtt.port, self._settings.mqtt.host)
        broker.start()
        self._teardown.add(Step("broker", broker.stop, _BROKER_STOP_S))
        self._mqtt_port = broker.port

    def _start_ingest(self, engine: Engine, hub: Hub[LatestRow]) -> IngestService:
        try:
            ingest = IngestService(
                engine, self._broker_address(), hub.publish, on_death=self._on_failure
            )
        except OSError as error:
            ca_file = self._settings.mqtt.ca_file
            raise ConfigError(
                f"mqtt.ca_file '{ca_file}'",
                f"cannot be used: {error.strerror or error}; name a PEM file that can be read",
            ) from error
        ingest.start()
        self._teardown.add(Step("ingest", ingest.stop, _INGEST_STOP_S))
        return ingest

    def _start_keeper(self, engine: Engine) -> JournalKeeper:
        journal = self._settings.journal
        policy = Policy(pack_after_days=journal.pack_after_days, keep_days=journal.keep_days)
        keeper = JournalKeeper(engine, policy, wall_clock_ms)
        keeper.start()
        self._teardown.add(Step("journal", keeper.stop, _JOURNAL_STOP_S))
        return keeper

    def _broker_address(self) -> BrokerAddress:
        mqtt = self._settings.mqtt
        return BrokerAddress(
            host=mqtt.host,
            port=self._mqtt_port,
            username=mqtt.username,
            password=self._mqtt_password,
            tls=mqtt.tls,
            ca_file=mqtt.ca_file,
        )


def build(
    settings: Settings,
    mqtt_password: str = "",
    on_failure: Callable[[], None] = lambda: None,
    *,
    any_host: bool = False,
) -> App:
    """Make the server from its settings; opens nothing."""
    return App(settings, mqtt_password, on_failure, any_host=any_host)


def _database_part(engine: Engine) -> Part:
    try:
        current = is_current(engine)
    except StoreError as error:
        return Part(name="database", ready=False, detail=str(error))
    detail = "current" if current else "its schema is not this program's: run saxaul-server migrate"
    return Part(name="database", ready=current, detail=detail)


def _ingest_part(ingest: IngestService, mqtt: MqttSection) -> Part:
    health = ingest.health()
    ready = health.connected and health.database_ok
    where = "the embedded broker" if mqtt.embedded else f"the broker at {mqtt.host}:{mqtt.port}"
    if ready:
        return Part(name="ingest", ready=True, detail=f"connected to {where}")
    detail = health.last_error or f"not connected to {where}"
    return Part(name="ingest", ready=False, detail=detail)


def _journal_parts(keeper: JournalKeeper) -> Sequence[Part]:
    """Speak of the journal's upkeep only while it fails: nothing else waits for it."""
    if not keeper.error:
        return []
    return [Part(name="journal", ready=False, detail=keeper.error)]
