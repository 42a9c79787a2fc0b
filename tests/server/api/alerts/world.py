"""A site with warnings: rules expanded and judged by the watchkeeper's own steps."""

from collections.abc import Sequence

from sqlalchemy import Engine

from server.alerts.rules import rule_from_json
from server.db.engine import writing
from server.watch.keeping.keeper import Grace, Rounds
from server.watch.rules.book import put_rule
from tests.server.api.factory import HOUR, NOW, Catalog, Sensor, store

DAY = 24 * HOUR
REW = "relative_extractable_water"
STEP = 30 * 60_000


def probe(depth_cm: int) -> Sensor:
    """A probe in the soil of which only the relative water is looked at."""
    return Sensor(f"probe-{depth_cm}cm", "METER TEROS 12", ((REW, "1"),), depth_m=depth_cm / 100)


def fall_dry(
    engine: Engine, datastream_id: int, since: int, until: int = NOW, dry: float = 0.34
) -> None:
    """Write five days of moist soil, dry since an instant, with a hole of six hours."""
    hole = range(since + 12 * HOUR, since + 18 * HOUR)
    times = [at for at in range(NOW - 5 * DAY, until, STEP) if at not in hole]
    store(engine, datastream_id, [(at, dry if at >= since else 0.7, 1) for at in times])


def add_rules(engine: Engine, rules: Sequence[dict], now: int = NOW) -> None:
    """Enter rules as people do."""
    with writing(engine) as connection:
        for one in rules:
            put_rule(connection, rule_from_json(one, "test"), now, "Bayar")


def judge(engine: Engine, now: int = NOW) -> None:
    """Let the watchkeeper do all that is due, as if nothing were queued."""
    rounds = Rounds(engine, Grace(lambda: True, grace_s=0.0))
    while rounds.step(now, now / 1000):
        pass


def warned(engine: Engine) -> dict[str, int]:
    """Fill a database: dune-1 is dry at 30 cm since three days, critical at 60 cm; 10 cm is moist.

    edge-1 at another site was dry, and has been silent for two days. Gives datastreams by name.
    """
    with writing(engine) as connection:
        catalog = Catalog(connection)
        for gateway, site, name, thing, title in (
            ("kubuqi-dune", "kubuqi-north", "Kubuqi North", "dune-1", "Dune 1"),
            ("ulan-edge", "ulan-buh", "Ulan Buh", "edge-1", "Edge 1"),
        ):
            catalog.gateway(gateway)
            catalog.thing(gateway, catalog.site(site, name), thing, title)
            for depth_cm in (10, 30, 60):
                catalog.sensor(gateway, thing, probe(depth_cm), interval_s=1800)
    ids = catalog.ids
    moist = [(at, 0.8, 1) for at in range(NOW - 5 * DAY, NOW, STEP)]
    store(engine, ids[f"dune-1/probe-10cm/{REW}"], moist)
    fall_dry(engine, ids[f"dune-1/probe-30cm/{REW}"], NOW - 3 * DAY)
    fall_dry(engine, ids[f"dune-1/probe-60cm/{REW}"], NOW - 2 * DAY, dry=0.04)
    fall_dry(engine, ids[f"edge-1/probe-30cm/{REW}"], NOW - 4 * DAY, until=NOW - 2 * DAY)
    with writing(engine) as connection:
        catalog = Catalog(connection)
        catalog.ids = ids
        for key, value, at in (
            ("dune-1/probe-30cm", 0.34, NOW),
            ("edge-1/probe-30cm", 0.34, NOW - 2 * DAY),
        ):
            catalog.latest(f"{key}/{REW}", value, at - STEP)
    rule = {"key": "dry", "kind": "dry_soil", "name": "Saplings need water"}
    add_rules(engine, [rule])
    judge(engine)
    return ids
