"""What is told of, and to whom: a rule that stations pass when made to, and subscribers."""

import secrets
from collections.abc import Sequence
from decimal import Decimal

from sqlalchemy import Engine, insert, select

from benchmarks.ingest_suite.databases import now_ms
from benchmarks.ingest_suite.station import CHANNELS
from server.alerts.rules import LevelRule, Rule, Scope
from server.db.engine import writing
from server.db.notify_tables import subscriber, subscription
from server.db.tables import thing
from server.watch.rules.book import put_rule
from wire.batch import Sample, encode
from wire.messages import ClockSource

PROPERTY = "air_temperature"
CALM, LOUD = Decimal("20.0"), Decimal("45.0")
_AT_ONCE = 5_000


def add_rule(engine: Engine) -> None:
    """Warn at 40 degrees, at once."""
    rule = Rule(
        key="bench-hot",
        kind="threshold",
        scope=Scope(property=PROPERTY),
        unit="Cel",
        levels=[LevelRule(severity="warning", above=Decimal(40), leave=Decimal(35))],
        on_delay="0 s",
        off_delay="0 s",
        min_share=Decimal(0),
    )
    with writing(engine) as connection:
        put_rule(connection, rule, now_ms(), "bench")


def address_of(number: int) -> str:
    """Give the address of a subscriber."""
    return f"person-{number}@bench.example"


def subscribe(engine: Engine, things: Sequence[int | None]) -> None:
    """Enter a person for each: for what concerns a thing by its id, or all (None)."""
    for first in range(0, len(things), _AT_ONCE):
        numbers = range(first, min(first + _AT_ONCE, len(things)))
        with writing(engine) as connection:
            ids = connection.execute(
                insert(subscriber).returning(subscriber.c.id, sort_by_parameter_order=True),
                [{"secret": secrets.token_hex(8), "created_at": 0} for _ in numbers],
            ).scalars()
            rows = [
                {
                    "subscriber_id": id_,
                    "channel": "email",
                    "address": address_of(number),
                    "thing_id": things[number],
                    "created_at": 0,
                    "confirmed_at": 0,
                }
                for number, id_ in zip(numbers, ids, strict=True)
            ]
            connection.execute(insert(subscription), rows)


def things_of(engine: Engine, gateways: Sequence[str]) -> list[int]:
    """Read the one thing of each gateway, in their order."""
    with engine.connect() as connection:
        rows = connection.execute(select(thing.c.gateway_id, thing.c.id)).all()
    found = {row.gateway_id: row.id for row in rows}
    return [found[one] for one in gateways if one in found]


def payload(time_ms: int, value: Decimal) -> bytes:
    """Write one reading of each of a station's series, with this air temperature."""
    return encode(
        ClockSource.NTP,
        {
            channel.name: [
                Sample(
                    time_ms,
                    value
                    if channel.key == PROPERTY
                    else Decimal(channel.base).scaleb(channel.exponent),
                )
            ]
            for channel in CHANNELS
        },
    )
