"""How long it takes until a warning that 50,000 people want has become a message for each."""

import time
from dataclasses import dataclass

from sqlalchemy import Engine, func, select, text

from benchmarks.alerts_suite import village
from benchmarks.ingest_suite.databases import now_ms
from benchmarks.ingest_suite.station import gateway_names, inventory
from deploy.errors import SetupError
from server.alerts.settling import settle
from server.db.engine import open_engine, writing
from server.db.locks import lock_gateways
from server.db.migrate import upgrade
from server.db.notify_tables import message
from server.ingest.events import Message, Turn
from server.ingest.pipeline import Pipeline
from server.notify.expansion import expand
from server.store.engines import store_for
from server.watch.rules.book import read_rules
from server.watch.rules.expand import expand as expand_rules
from server.watch.rules.subjects import read_subjects
from server.watch.rules.wanted import Ruled, Wants
from wire import topics
from wire.catalogue import bundled


@dataclass(frozen=True, slots=True)
class Queued:
    """Seconds, and messages that were queued."""

    seconds: float
    messages: int


def measure(url: str, people: int) -> Queued:
    """Fill a fresh database; raises SetupError when not everybody has a message."""
    engine = open_engine(url)
    try:
        upgrade(engine)
        _warn(engine)
        village.subscribe(engine, [None] * people)
        with engine.begin() as connection:
            connection.execute(text("ANALYZE"))
        began_s = time.perf_counter()
        while expand(engine, now_ms()):
            pass
        seconds = time.perf_counter() - began_s
        with engine.connect() as connection:
            count = connection.execute(select(func.count(message.c.id))).scalar_one()
    finally:
        engine.dispose()
    if count != people:
        raise SetupError(f"{count} messages are queued for {people} people")
    return Queued(seconds, count)


def _warn(engine: Engine) -> None:
    """Let one station pass the line, as ingest judges it."""
    (name,) = gateway_names(1)
    pipeline = Pipeline(store_for(engine), bundled())
    _take(engine, pipeline, name, Message(topics.inventory(name), inventory(name), now_ms()))
    village.add_rule(engine)
    with writing(engine) as connection:
        ruled = [Ruled(one.id, settle(one.rule)) for one in read_rules(connection)]
        wants = Wants(ruled, lambda _scope: [])
        lock_gateways(connection, [name])
        expand_rules(connection, name, wants.at(read_subjects(connection, name)), now_ms())
    with engine.begin() as connection:
        connection.execute(text("UPDATE alert_watch SET refold_from = NULL"))
    payload = village.payload(now_ms(), village.LOUD)
    _take(engine, pipeline, name, Message(topics.batch(name, "c1c2c3c4", 1), payload, now_ms()))


def _take(engine: Engine, pipeline: Pipeline, name: str, sent: Message) -> None:
    with writing(engine) as connection:
        lock_gateways(connection, [name])
        pipeline.process(Turn(connection, now_ms(), alone=True), sent)
