"""Hourly and daily rollups, the marks of what must be computed, and each site's time zone."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from server.db.instant import Instant

revision = "0005"
down_revision = "0004"

_BIG_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_IDS = sa.LargeBinary().with_variant(postgresql.ARRAY(sa.Integer), "postgresql")
# A chunk holds so many buckets of a series that hours fill it as minutes fill a chunk of a week.
_CHUNKS = {"rollup_hour": "360 days", "rollup_day": "3600 days"}
_NOW_MS = "(CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))"
_HAS_EXTENSION = sa.text("SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'")
# A mark is read as a whole: it must not grow with the fleet.
_MOST_IDS = 50_000
# What is stored already: each series' hours, so that the worker comes to them.
_MARK_HOURS = f"""
INSERT INTO rollup_mark (level, start, datastream_ids)
SELECT 'hour', hour, array_agg(datastream_id)
FROM (SELECT DISTINCT datastream_id, date_trunc('hour', time, 'UTC') AS hour FROM observation) AS o
GROUP BY hour, datastream_id / {_MOST_IDS}
"""  # noqa: S608 - constants only
_READ_HOURS = sa.text(
    "SELECT DISTINCT time - time % 3600000 AS hour, datastream_id FROM observation ORDER BY 1, 2"
)


def upgrade() -> None:
    """Add the tables and the column, and mark what is stored already."""
    connection = op.get_bind()
    on_postgresql = connection.dialect.name == "postgresql"
    for table in _CHUNKS:
        _create_rollup(table, on_postgresql=on_postgresql)
    _create_marks(on_postgresql=on_postgresql)
    op.create_table(
        "retention_horizon",
        sa.Column("level", sa.Text, nullable=False),
        sa.Column("before", Instant, nullable=False),
        sa.PrimaryKeyConstraint("level", name="pk_retention_horizon"),
    )
    if on_postgresql:
        op.execute(_MARK_HOURS)
    else:
        _mark_stored_sqlite(connection)
    if on_postgresql and connection.execute(_HAS_EXTENSION).scalar_one():
        for table, interval in _CHUNKS.items():
            op.execute(
                f"SELECT create_hypertable('{table}', by_range('start', INTERVAL '{interval}'), "
                "create_default_indexes => false)"
            )
    # Last, for from here on nobody reads a site before the end.
    op.add_column("site", sa.Column("time_zone", sa.Text, nullable=False, server_default="UTC"))


def _create_rollup(table: str, *, on_postgresql: bool) -> None:
    name = f"pk_{table}"
    op.create_table(
        table,
        sa.Column("start", Instant, nullable=False),
        *(sa.Column(one, sa.Double) for one in ("mean", "min", "max", "sum", "last", "x", "y")),
        *(sa.Column(one, sa.Integer, nullable=False) for one in ("datastream_id", "n", "n_good")),
        *([] if on_postgresql else [sa.PrimaryKeyConstraint("datastream_id", "start", name=name)]),
        sqlite_with_rowid=False,
    )
    if on_postgresql:
        # The rows of a series lie far apart, since each hour is computed for all series together.
        op.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {name} PRIMARY KEY (datastream_id, start) "
            "INCLUDE (min, max, sum, last, x, y, n, n_good)"
        )


def _create_marks(*, on_postgresql: bool) -> None:
    now = sa.text("now()" if on_postgresql else _NOW_MS)
    op.create_table(
        "rollup_mark",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("start", Instant, nullable=False),
        sa.Column("marked_at", Instant, nullable=False, server_default=now),
        sa.Column("level", sa.Text, nullable=False),
        sa.Column("datastream_ids", _IDS, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_rollup_mark"),
    )
    op.create_index("ix_rollup_mark_start", "rollup_mark", ["level", "start", "id"])


def _mark_stored_sqlite(connection: sa.Connection) -> None:
    marks: dict[tuple[int, int], bytearray] = {}
    for hour, datastream_id in connection.execute(_READ_HOURS):
        ids = marks.setdefault((hour, datastream_id // _MOST_IDS), bytearray())
        ids.extend(datastream_id.to_bytes(4, "little"))
    if marks:
        connection.exec_driver_sql(
            "INSERT INTO rollup_mark (level, start, datastream_ids) VALUES ('hour', ?, ?)",
            [(hour, bytes(ids)) for (hour, _), ids in marks.items()],
        )
