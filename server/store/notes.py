"""Why values are missing: read beside a range."""

from sqlalchemy import Connection, select

from server.db.tables import observation_note


def read_reasons(
    connection: Connection, datastream_id: int, from_ms: int, to_ms: int
) -> dict[int, str]:
    """Map the instants (ms) of missing values with from_ms <= time < to_ms to their reasons."""
    rows = connection.execute(
        select(observation_note.c.time, observation_note.c.reason).where(
            observation_note.c.datastream_id == datastream_id,
            observation_note.c.time >= from_ms,
            observation_note.c.time < to_ms,
        )
    )
    return {row.time: row.reason for row in rows}
