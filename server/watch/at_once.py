"""The record of many watches in one statement, on PostgreSQL: ingest waits for it once."""

import json
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, text

from server.db.instant import to_datetime

_AT = "timestamptz '1970-01-01 00:00Z' + {} * interval '1 millisecond'"
_INSTANTS = ("since", "folded_until", "last_transition_at", "told_at", "acked_at", "refold_from")
# What is there already (another program was first) makes no second notice.
_WRITE = text(f"""
WITH made AS (
    INSERT INTO alert_transition (watch_id, rule_rev, at, since, recorded_at, kind, level_from,
        level_to, evidence, machine, corrected)
    SELECT watch_id, rule_rev, {_AT.format("at")}, {_AT.format("since")}, :now, kind, level_from,
        level_to, evidence, machine, corrected
    FROM jsonb_to_recordset(CAST(:made AS jsonb)) AS new (watch_id integer, rule_rev integer,
        at bigint, since bigint, kind text, level_from integer, level_to integer, evidence jsonb,
        machine jsonb, corrected boolean)
    ON CONFLICT DO NOTHING
    RETURNING id, watch_id, at, kind, level_to
), told AS (
    INSERT INTO alert_notice (transition_id, watch_id, mode, reason, created_at, key)
    SELECT made.id, made.watch_id, new.mode, new.reason, :now, 'new:' || made.id
    FROM made JOIN jsonb_to_recordset(CAST(:told AS jsonb)) AS new (watch_id integer, at bigint,
        kind text, level_to integer, mode text, reason text)
        ON made.watch_id = new.watch_id AND made.kind = new.kind
        AND made.level_to = new.level_to AND made.at = {_AT.format("new.at")}
    ON CONFLICT DO NOTHING
), moved AS (
    UPDATE gateway SET watch_rev = watch_rev + 1 WHERE id = ANY(CAST(:gateways AS text[]))
)
UPDATE alert_watch SET level = new.level, machine = new.machine, told_level = new.told_level,
    {", ".join(f"{one} = {_AT.format(f'new.{one}')}" for one in _INSTANTS)}
FROM jsonb_to_recordset(CAST(:states AS jsonb)) AS new (of_id integer, level integer, machine jsonb,
    told_level integer, {", ".join(f"{one} bigint" for one in _INSTANTS)})
WHERE alert_watch.id = new.of_id
""")  # noqa: S608 - constants only

Rows = Sequence[Mapping[str, object]]


def write_at_once(
    connection: Connection,
    made: Rows,
    told: Rows,
    states: Rows,
    gateways: Sequence[str],
    now_ms: int,
) -> None:
    """Write transitions, the notices of some of them, how watches stand, and what moves on."""
    connection.execute(
        _WRITE,
        {
            "made": json.dumps(made),
            "told": json.dumps(told),
            "states": json.dumps(states),
            "gateways": list(gateways),
            "now": to_datetime(now_ms),
        },
    )
