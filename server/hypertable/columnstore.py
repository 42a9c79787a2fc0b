"""The columnstore of TimescaleDB's Community edition: old chunks compressed, by its own policy.

Segmented by datastream and ordered by time, a series lies together as every query reads it. The
statements are those of TimescaleDB 2.18 and later. Other editions keep rows, and lack nothing else.
"""

from datetime import timedelta

import structlog
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from server.db.engine import Edition, writing

COLUMNSTORE_SET = "columnstore_set"
COLUMNSTORE_REFUSED = "columnstore_refused"

_POLICY = text("""
SELECT CAST(config ->> 'compress_after' AS interval) FROM timescaledb_information.jobs
WHERE proc_name IN ('policy_compression', 'policy_columnstore')
  AND hypertable_schema = current_schema() AND hypertable_name = 'observation'
""")
_ENABLE = text("""
ALTER TABLE observation SET (
    timescaledb.enable_columnstore = true,
    timescaledb.segmentby = 'datastream_id',
    timescaledb.orderby = 'time'
)
""")
# What comes late into a compressed chunk is checked against rows that are decompressed for it: up
# to 100,000 a statement unless told otherwise, which a bundle of many stations' batches exceeds.
_UNLIMITED = text("""
DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET %s = 0', current_database(),
        'timescaledb.max_tuples_decompressed_per_dml_transaction');
END $$
""")
_REMOVE = text("CALL remove_columnstore_policy('observation', if_exists => true)")
_ADD = text("CALL add_columnstore_policy('observation', after => make_interval(days => :days))")

log = structlog.get_logger(__name__)


def settle(engine: Engine, edition: Edition, after_days: int) -> str:
    """Have chunks compressed that are older than so many days, 0 for none; say what comes of it.

    A database that refuses is no reason not to start: it goes on keeping rows.
    """
    if edition is not Edition.COMMUNITY:
        return "no columnstore"
    try:
        _settle(engine, after_days)
    except SQLAlchemyError as error:
        why = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        log.warning(COLUMNSTORE_REFUSED, reason=why)
        return f"the columnstore was refused ({why})"
    return f"columnstore after {after_days} days" if after_days else "columnstore switched off"


def _settle(engine: Engine, after_days: int) -> None:
    wanted = timedelta(days=after_days) if after_days else None
    with engine.connect() as connection:
        found = connection.execute(_POLICY).scalar()
    if found == wanted:
        return
    with writing(engine) as connection:
        if wanted is None:
            connection.execute(_REMOVE)
            return
        if found is None:
            connection.execute(_ENABLE)
            connection.execute(_UNLIMITED)
        connection.execute(_REMOVE)
        connection.execute(_ADD, {"days": after_days})
    engine.dispose()  # what is set for the database holds for connections from now on
    log.info(COLUMNSTORE_SET, after_days=after_days)
