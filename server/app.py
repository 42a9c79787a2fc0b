"""Wires the server: what it is made of, in which order it starts, and how it stops.

`build` opens nothing; `start` opens everything or nothing; `stop` may be called at any time.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from fastapi import FastAPI
from sqlalchemy import Engine

from server import readiness
from server.api import application
from server.api.edge import Services
from server.api.schemas import Part
from server.archive import keeper as journal_keeper
from server.broker import EmbeddedBroker
from server.courtesy.answers import Answers
from server.courtesy.asgi import GoesFirst
from server.courtesy.threads import take_turns
from server.db.engine import describe, open_engine
from server.db.migrate import upgrade
from server.housekeeping import Housekeeper
from server.hypertable.layout import Layout, Wishes
from server.hypertable.retention import Policy
from server.ingest.service import BrokerAddress, IngestService, wall_clock_ms
from server.live.follow import Follower
from server.live.hub import Hub
from server.notify.setup import make_notifier, offered, policy_of
from server.roles.crew import Crew
from server.roles.orders import Order
from server.roles.role import Duty, Role, Workers
from server.roles.sessions import Dropper
from server.rollup.worker import RollupWorker
from server.serving import HttpServer, bind
from server.settings import NotifySecrets, Settings
from server.soil import keeper as soil_keeper
from server.store.engines import store_for
from server.store.port import LatestRow
from server.watch.keeping.keeper import Watchkeeper
from server.web import pages
from server.web.hosts import LoopbackHosts
from wire.catalogue import bundled
from wire.errors import ConfigError

DATABASE_OPENED = "database_opened"
STOP_FAILED = "stop_failed"
STOP_LATE = "stop_late"

# Together under the 3 s within which the server stops, when it has no workers.
_HTTP_STOP_S = 0.9
_INGEST_STOP_S = 0.9
_BROKER_STOP_S = 0.4
_UPKEEP_STOP_S = 0.2
_DATABASE_STOP_S = 0.1
# Workers are processes: they finish a transaction, and need not be killed in it.
_WORKERS_STOP_S = 10.0

WHOLE = Duty()
NO_SECRETS = NotifySecrets()
Teller = Callable[[], Sequence[Part]]
"""Tells how a part of the server is, for /readyz."""

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
    may be called by any name, not only by those of this machine. `duty` says what of the whole
    this process does.
    """

    def __init__(
        self,
        settings: Settings,
        mqtt_password: str,
        on_failure: Callable[[], None],
        *,
        any_host: bool,
        duty: Duty,
        notify_secrets: NotifySecrets = NO_SECRETS,
    ) -> None:
        self._settings = settings
        self._notify_secrets = notify_secrets
        self._any_host = any_host
        self._duty = duty
        self._mqtt_password = mqtt_password
        self._on_failure = on_failure
        self._teardown = Teardown()
        self._http_port: int | None = None
        self._mqtt_port = settings.mqtt.port
        self._is_caught_up: Callable[[], bool] = lambda: False
        self._answers = Answers()

    @property
    def address(self) -> str:
        """The page's address, with the port it really has; known once started."""
        host = self._settings.http.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self._http_port}/"

    @property
    def duty(self) -> Duty:
        """What of the whole this process does."""
        return self._duty

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
        http, role = self._settings.http, self._duty.role
        listener = bind(http.host, http.port if role.serves_pages else http.ingest_port)
        self._teardown.add(Step("port", listener.close, _DATABASE_STOP_S))
        self._answers = Answers(self._duty.answers_file)
        self._teardown.add(Step("answers", self._answers.close, _DATABASE_STOP_S))
        engine = self._open_database()
        hub: Hub[LatestRow] = Hub()
        tellers: list[Teller] = [lambda: [readiness.database_part(engine)]]
        if role.takes_in:
            tellers += [self._start_intake(engine, hub), *self._start_upkeep(engine)]
        if role.serves_pages and not self._takes_in_here:
            tellers.append(self._start_follower(engine, hub))

        def tell_all() -> Sequence[Part]:
            return [part for tell in tellers for part in tell()]

        told = self._settings.notify
        services = Services(
            *(engine, store_for(engine), hub, wall_clock_ms, tell_all),
            base_url=told.base_url,
            channels=offered(told, self._notify_secrets),
            channel_policy=policy_of(told),
        )
        server = HttpServer(self._application(services), listener, self._on_failure)
        self._http_port = server.port
        self._teardown.add(Step("http", lambda: server.stop(_HTTP_STOP_S), _HTTP_STOP_S))
        self._teardown.add(Step("live", hub.close, _DATABASE_STOP_S))
        take_turns()
        server.start()

    @property
    def _takes_in_here(self) -> bool:
        """Tell whether ingest runs in this process."""
        return self._duty.role is Role.ALL and self._duty.workers is None

    def _application(self, services: Services) -> FastAPI:
        serves_pages = self._duty.role.serves_pages
        create = application.create if serves_pages else application.create_health
        app = create(services)
        if not self._any_host:
            app.add_middleware(LoopbackHosts)
        if serves_pages:
            pages.install(app)
            app.add_middleware(GoesFirst, answers=self._answers)
        return app

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

    def _start_intake(self, engine: Engine, hub: Hub[LatestRow]) -> Teller:
        """Begin to take in, here or in workers; gives who tells how that is."""
        if self._settings.mqtt.embedded:
            self._start_broker()
        if self._duty.workers is not None:
            crew = self._start_crew(self._duty.workers)
            self._is_caught_up = lambda: all(one.report.is_caught_up for one in crew.health())
            return lambda: [readiness.crew_part(crew, self._settings.mqtt)]
        ingest = self._start_ingest(engine, hub)
        self._is_caught_up = lambda: ingest.health().is_caught_up
        if not self._settings.mqtt.embedded:
            dropper = Dropper(self._broker_address(), 0, ingest.ask_again)
            dropper.start()
            self._teardown.add(Step("sessions", dropper.stop, _DATABASE_STOP_S))
        return lambda: [readiness.ingest_part(ingest, self._settings.mqtt)]

    def _start_upkeep(self, engine: Engine) -> Sequence[Teller]:
        """Begin what is done in the background, once for all workers; gives who tells of it."""
        layout = Layout(engine, describe(engine), _wishes(self._settings), wall_clock_ms)
        layout.settle()
        keeper = self._start_keeper(engine, layout)
        share = self._settings.rollup.share / 100
        rollups = RollupWorker(engine, share, wall_clock_ms, self._answers)
        rollups.start()
        self._teardown.add(Step("rollups", rollups.stop, _UPKEEP_STOP_S))
        watches = Watchkeeper(engine, wall_clock_ms, self._is_caught_up, answers=self._answers)
        watches.start()
        self._teardown.add(Step("watches", watches.stop, _UPKEEP_STOP_S))
        notifier = make_notifier(
            engine,
            self._settings.notify,
            self._notify_secrets,
            wall_clock_ms,
            self._broker_address(),
        )
        notifier.start()
        self._teardown.add(Step("messages", notifier.stop, _UPKEEP_STOP_S))
        return [
            lambda: [readiness.storage_part(layout)],
            lambda: readiness.upkeep_parts(keeper),
            lambda: [readiness.rollups_part(rollups)],
            lambda: [readiness.watches_part(watches)],
            lambda: [readiness.messages_part(notifier, self._settings.notify)],
        ]

    def _start_crew(self, workers: Workers) -> Crew:
        broker = self._broker_address()
        order = Order(
            database_url=self._settings.database.url,
            host=broker.host,
            port=broker.port,
            username=broker.username,
            password=broker.password,
            tls=broker.tls,
            ca_file=broker.ca_file,
            number=0,
            answers_file=str(self._duty.answers_file or ""),
        )
        crew = Crew(order, workers)
        self._teardown.add(
            Step("workers", lambda: crew.stop(_WORKERS_STOP_S), _WORKERS_STOP_S + _BROKER_STOP_S)
        )
        crew.start()
        return crew

    def _start_follower(self, engine: Engine, hub: Hub[LatestRow]) -> Teller:
        follower = Follower(engine, hub)
        follower.start()
        self._teardown.add(Step("follower", follower.stop, _UPKEEP_STOP_S))
        return lambda: readiness.follower_parts(follower)

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
        ingest.go_behind(self._answers)
        ingest.start()
        self._teardown.add(Step("ingest", ingest.stop, _INGEST_STOP_S))
        return ingest

    def _start_keeper(self, engine: Engine, layout: Layout) -> Housekeeper:
        journal = self._settings.journal
        policy = journal_keeper.Policy(journal.pack_after_days, journal.keep_days)
        chores = [
            journal_keeper.chore(engine, policy, wall_clock_ms),
            soil_keeper.chore(engine, bundled(), wall_clock_ms),
            *layout.chores(),
        ]
        keeper = Housekeeper(engine, chores)
        keeper.start()
        self._teardown.add(Step("housekeeping", keeper.stop, _UPKEEP_STOP_S))
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
    duty: Duty = WHOLE,
    notify_secrets: NotifySecrets = NO_SECRETS,
) -> App:
    """Make the server from its settings; opens nothing."""
    return App(
        settings,
        mqtt_password,
        on_failure,
        any_host=any_host,
        duty=duty,
        notify_secrets=notify_secrets,
    )


def _wishes(settings: Settings) -> Wishes:
    kept = settings.retention
    policy = Policy(kept.raw_days, kept.hour_days, kept.day_days)
    return Wishes(settings.database.columnstore_after_days, policy)
