"""The tables, as SQLAlchemy Core; `migrations/` creates them. No behaviour here.

Instants are integer milliseconds UTC in Python on every engine (`Instant`). The catalog is shaped
like SensorThings 1.1 (OGC 18-088); `observation` keeps its columns in an order that needs no
padding, `quality` is packed as in `wire.quality`, and a missing value is NULL, its reason in
`observation_note`.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    FetchedValue,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.dialects import postgresql

from server.db.instant import Instant

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

Json = JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
# SQLite numbers rows by itself only in a column declared INTEGER.
BigId = BigInteger().with_variant(Integer, "sqlite")

gateway = Table(
    "gateway",
    metadata,
    Column("id", Text, primary_key=True),
    Column("state", Text, nullable=False, server_default="unknown"),  # online, offline, unknown
    Column("status_at", Instant),
    Column("status", Json),
    Column("inventory_rev", BigInteger),
    Column("inventory_at", Instant),
    Column("first_seen_at", Instant, nullable=False),
    Column("installation", Json),  # the newest record of how a technician left it
    Column("remarks", Json),  # on its inventory; see server.catalog.remarks
    # Moves on whenever one of its watches does; see server.watch.known.
    Column("watch_rev", BigInteger, nullable=False, server_default="0"),
)

site = Table(
    "site",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    # IANA name; its days are what daily rollups are over. See server.rollup.zones.
    Column("time_zone", Text, nullable=False, server_default="UTC"),
)

thing = Table(
    "thing",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("gateway_id", Text, ForeignKey("gateway.id"), nullable=False),
    Column("key", Text, nullable=False),
    Column("site_id", Integer, ForeignKey("site.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("properties", Json, nullable=False, server_default="{}"),
    UniqueConstraint("gateway_id", "key"),
)

# Degrees WGS 84, metres.
location = Table(
    "location",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("lat", Double, nullable=False),
    Column("lon", Double, nullable=False),
    Column("elevation_m", Double),
)

# Where a thing is now; where it was is in historical_location.
thing_location = Table(
    "thing_location",
    metadata,
    Column("thing_id", Integer, ForeignKey("thing.id"), primary_key=True),
    Column("location_id", Integer, ForeignKey("location.id"), primary_key=True),
)

historical_location = Table(
    "historical_location",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("thing_id", Integer, ForeignKey("thing.id"), nullable=False, index=True),
    Column("location_id", Integer, ForeignKey("location.id"), nullable=False),
    Column("since", Instant, nullable=False),
)

# A physical instrument: it keeps its row when it moves. `serial` is "" while nobody knows it.
sensor = Table(
    "sensor",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("gateway_id", Text, ForeignKey("gateway.id"), nullable=False),
    Column("model", Text, nullable=False),
    Column("serial", Text, nullable=False, server_default=""),
    Column("firmware", Text, nullable=False, server_default=""),
    Column("properties", Json, nullable=False, server_default="{}"),
    Index("ix_sensor_identity", "gateway_id", "model", "serial"),
)

# An instrument on a thing, at a depth or height, from a date to a date (NULL: until now). `key` is
# the sensor's name there, such as soil-10cm.
deployment = Table(
    "deployment",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sensor_id", Integer, ForeignKey("sensor.id"), nullable=False, index=True),
    Column("thing_id", Integer, ForeignKey("thing.id"), nullable=False),
    Column("key", Text, nullable=False),
    Column("protocol", Text, nullable=False, server_default=""),
    Column("address", Text, nullable=False, server_default=""),
    Column("depth_m", Double),
    Column("height_m", Double),
    Column("since", Instant, nullable=False),
    Column("until", Instant),
    # How far it was from the surface below when it was put up, in metres.
    Column("reference_m", Double),
    # What its gateway says of a model that only it knows: wire.messages.FieldInfo.
    Column("fields", Json),
    Index("ix_deployment_place", "thing_id", "key"),
)

observed_property = Table(
    "observed_property",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("label", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("cf_name", Text),
    Column("aggregate", Text, nullable=False),
)

# `source_id` and `transform` are set on series that the server derives from another one. `unknown`
# says why it cannot be told what a series measures: then it is stored as it comes.
datastream = Table(
    "datastream",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("gateway_id", Text, ForeignKey("gateway.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("thing_id", Integer, ForeignKey("thing.id"), nullable=False, index=True),
    Column("sensor_key", Text, nullable=False),
    Column("observed_property_id", Integer, ForeignKey("observed_property.id"), nullable=False),
    Column("unit", Text, nullable=False),
    Column("statistic", Text, nullable=False),
    Column("interval_s", Double, nullable=False),
    Column("source_id", Integer, ForeignKey("datastream.id")),
    Column("transform", Text),
    Column("properties", Json, nullable=False, server_default="{}"),
    Column("unknown", Text, nullable=False, server_default=""),
    UniqueConstraint("gateway_id", "name"),
)

# The bytes as they came. `gateway`, `epoch`, `seq` are what the topic said: hence no foreign key.
journal = Table(
    "journal",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("gateway", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("epoch", Text),
    Column("seq", BigInteger),
    Column("digest", LargeBinary, nullable=False),  # SHA-256 of the payload as it came
    Column("received_at", Instant, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("status", Text, nullable=False),  # stored, refused, waiting
    Column("reason", Text, nullable=False, server_default=""),
    Column("observations", Integer, nullable=False, server_default="0"),
    Column("first_time", Instant),
    Column("last_time", Instant),
    Column("retained", Boolean, nullable=False, server_default=false()),
    # Where the bytes are when `payload` is empty, and how many they were there.
    Column("block_id", BigInteger),
    Column("packed_size", Integer),
    Index("ix_journal_identity", "gateway", "epoch", "seq"),
    Index("ix_journal_status", "status", "id"),
    Index("ix_journal_gateway", "gateway", "id"),
    Index("ix_journal_block", "block_id"),
)

# Many payloads of one gateway, compressed together; see server.archive.block.
journal_block = Table(
    "journal_block",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("gateway", Text, nullable=False),
    Column("last_received_at", Instant, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

# What became of each sequence number, as closed ranges that never overlap; in none of them is what
# has not arrived. `fate` is one of server.ledger.runs.Fate.
ledger_range = Table(
    "ledger_range",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("epoch", Text, primary_key=True),
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
    Column("fate", Text, nullable=False),
    sqlite_with_rowid=False,
)

# An outbox file of a gateway, and what it last said of it (NULL: nothing yet). Counts of batches.
gateway_epoch = Table(
    "gateway_epoch",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("epoch", Text, primary_key=True),
    Column("first_seen_at", Instant, nullable=False),
    Column("reported_at", Instant),
    Column("sealed", BigInteger, nullable=False, server_default="0"),
    Column("unconfirmed", BigInteger, nullable=False, server_default="0"),
    Column("refused", BigInteger, nullable=False, server_default="0"),
    Column("lost", BigInteger, nullable=False, server_default="0"),
    # Its file was set aside: what of it has not arrived will not come by itself.
    Column("closed", Boolean, nullable=False, server_default=false()),
    sqlite_with_rowid=False,
)

observation = Table(
    "observation",
    metadata,
    Column("time", Instant, nullable=False),
    Column("value", Double),
    Column("datastream_id", Integer, nullable=False, autoincrement=False),
    Column("quality", Integer, nullable=False),
    PrimaryKeyConstraint("datastream_id", "time"),
    sqlite_with_rowid=False,
)

observation_note = Table(
    "observation_note",
    metadata,
    Column("datastream_id", Integer, primary_key=True, autoincrement=False),
    Column("time", Instant, primary_key=True),
    Column("reason", Text, nullable=False),
    sqlite_with_rowid=False,
)

# The newest observation of each series, so that a page need not search for it.
latest = Table(
    "latest",
    metadata,
    Column("datastream_id", Integer, ForeignKey("datastream.id"), primary_key=True),
    Column("time", Instant, nullable=False),
    Column("value", Double),
    Column("quality", Integer, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("received_at", Instant, nullable=False),
)


def _rollup(name: str) -> Table:
    """Give the table of one level: a row a series and bucket that has observations.

    What its columns mean stands in server.rollup.statistics; the order leaves nothing padded.
    """
    return Table(
        name,
        metadata,
        Column("start", Instant, nullable=False),
        *(Column(one, Double) for one in ("mean", "min", "max", "sum", "last", "x", "y")),
        Column("datastream_id", Integer, nullable=False, autoincrement=False),
        *(Column(one, Integer, nullable=False) for one in ("n", "n_good")),
        PrimaryKeyConstraint("datastream_id", "start"),
        sqlite_with_rowid=False,
    )


# Hours are UTC's; a day begins at the site's local midnight.
rollup_hour = _rollup("rollup_hour")
rollup_day = _rollup("rollup_day")

# Buckets that must be computed anew; rows are only added and deleted. See server.rollup.marks.
rollup_mark = Table(
    "rollup_mark",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("start", Instant, nullable=False),
    Column("marked_at", Instant, nullable=False, server_default=FetchedValue()),
    Column("level", Text, nullable=False),  # hour, day
    # int32, little-endian, on SQLite
    Column(
        "datastream_ids",
        LargeBinary().with_variant(postgresql.ARRAY(Integer), "postgresql"),
        nullable=False,
    ),
    Index("ix_rollup_mark_start", "level", "start", "id"),
)

# What is older is gone or going: `raw` for observations, else a rollup's level. A bucket that
# begins before the raw horizon is never computed anew. `door`: observations from before it are no
# longer taken in, and how many those were. See server.hypertable.horizon.
retention_horizon = Table(
    "retention_horizon",
    metadata,
    Column("level", Text, primary_key=True),
    Column("before", Instant, nullable=False),
    Column("late", BigInteger, nullable=False, server_default="0"),
)

# What was said of the soil of a site, or of a thing (one of the two), from one depth to before
# another (NULL: no limit), as server.soil.ground.Said has it.
soil = Table(
    "soil",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("site_id", Integer, ForeignKey("site.id"), index=True),
    Column("thing_id", Integer, ForeignKey("thing.id"), index=True),
    *(Column(one, Double) for one in ("from_m", "to_m", "sand", "clay", "organic_percent")),
    *(Column(one, Double) for one in ("wilting_point", "field_capacity", "saturation")),
    Column("said_at", Instant, nullable=False),
)

# Derived series that are still to be computed anew from what is stored: all of it before an instant
# (NULL: all of it). See server.soil.history.
soil_history = Table(
    "soil_history",
    metadata,
    Column("datastream_id", Integer, ForeignKey("datastream.id"), primary_key=True),
    Column("before", Instant),
)
