"""The first tables: catalog, journal, observations."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from server.db.engine import offers_timescale
from server.db.instant import Instant

revision = "0001"
down_revision = None

_JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
_BIG_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
# A chunk of a month: small enough to drop, large enough that decades of daily values, sent at once,
# stay far from the server's limit of locks in one transaction (max_locks_per_transaction).
_CHUNK = "30 days"


def upgrade() -> None:
    """Create everything."""
    _create_places()
    _create_instruments()
    _create_series()
    _create_journal()
    _create_observations()
    connection = op.get_bind()
    if connection.dialect.name == "postgresql" and offers_timescale(connection):
        op.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
        op.execute(
            "SELECT create_hypertable('observation', "
            f"by_range('time', INTERVAL '{_CHUNK}'), create_default_indexes => false)"
        )


def _create_places() -> None:
    op.create_table(
        "gateway",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="unknown"),
        sa.Column("status_at", Instant),
        sa.Column("status", _JSON),
        sa.Column("inventory_rev", sa.BigInteger),
        sa.Column("inventory_at", Instant),
        sa.Column("first_seen_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_gateway"),
    )
    op.create_table(
        "site",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_site"),
        sa.UniqueConstraint("key", name="uq_site_key"),
    )
    op.create_table(
        "thing",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("gateway_id", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("site_id", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False, server_default=""),
        sa.Column("properties", _JSON, nullable=False, server_default="{}"),
        sa.PrimaryKeyConstraint("id", name="pk_thing"),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateway.id"], name="fk_thing_gateway_id"),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name="fk_thing_site_id"),
        sa.UniqueConstraint("gateway_id", "key", name="uq_thing_gateway_id_key"),
    )
    _create_locations()


def _create_locations() -> None:
    op.create_table(
        "location",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("lat", sa.Double, nullable=False),
        sa.Column("lon", sa.Double, nullable=False),
        sa.Column("elevation_m", sa.Double),
        sa.PrimaryKeyConstraint("id", name="pk_location"),
    )
    op.create_table(
        "thing_location",
        sa.Column("thing_id", sa.Integer, nullable=False),
        sa.Column("location_id", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("thing_id", "location_id", name="pk_thing_location"),
        sa.ForeignKeyConstraint(["thing_id"], ["thing.id"], name="fk_thing_location_thing_id"),
        sa.ForeignKeyConstraint(
            ["location_id"], ["location.id"], name="fk_thing_location_location_id"
        ),
    )
    op.create_table(
        "historical_location",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("thing_id", sa.Integer, nullable=False),
        sa.Column("location_id", sa.Integer, nullable=False),
        sa.Column("since", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_historical_location"),
        sa.ForeignKeyConstraint(["thing_id"], ["thing.id"], name="fk_historical_location_thing_id"),
        sa.ForeignKeyConstraint(
            ["location_id"], ["location.id"], name="fk_historical_location_location_id"
        ),
    )
    op.create_index("ix_historical_location_thing_id", "historical_location", ["thing_id"])


def _create_instruments() -> None:
    op.create_table(
        "sensor",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("gateway_id", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("serial", sa.Text, nullable=False, server_default=""),
        sa.Column("firmware", sa.Text, nullable=False, server_default=""),
        sa.Column("properties", _JSON, nullable=False, server_default="{}"),
        sa.PrimaryKeyConstraint("id", name="pk_sensor"),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateway.id"], name="fk_sensor_gateway_id"),
    )
    op.create_index("ix_sensor_identity", "sensor", ["gateway_id", "model", "serial"])
    op.create_table(
        "deployment",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("sensor_id", sa.Integer, nullable=False),
        sa.Column("thing_id", sa.Integer, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("protocol", sa.Text, nullable=False, server_default=""),
        sa.Column("address", sa.Text, nullable=False, server_default=""),
        sa.Column("depth_m", sa.Double),
        sa.Column("height_m", sa.Double),
        sa.Column("since", Instant, nullable=False),
        sa.Column("until", Instant),
        sa.PrimaryKeyConstraint("id", name="pk_deployment"),
        sa.ForeignKeyConstraint(["sensor_id"], ["sensor.id"], name="fk_deployment_sensor_id"),
        sa.ForeignKeyConstraint(["thing_id"], ["thing.id"], name="fk_deployment_thing_id"),
    )
    op.create_index("ix_deployment_sensor_id", "deployment", ["sensor_id"])
    op.create_index("ix_deployment_place", "deployment", ["thing_id", "key"])


def _create_series() -> None:
    op.create_table(
        "observed_property",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("cf_name", sa.Text),
        sa.Column("aggregate", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_observed_property"),
        sa.UniqueConstraint("key", name="uq_observed_property_key"),
    )
    op.create_table(
        "datastream",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("gateway_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("thing_id", sa.Integer, nullable=False),
        sa.Column("sensor_key", sa.Text, nullable=False),
        sa.Column("observed_property_id", sa.Integer, nullable=False),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("statistic", sa.Text, nullable=False),
        sa.Column("interval_s", sa.Double, nullable=False),
        sa.Column("source_id", sa.Integer),
        sa.Column("transform", sa.Text),
        sa.Column("properties", _JSON, nullable=False, server_default="{}"),
        sa.PrimaryKeyConstraint("id", name="pk_datastream"),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateway.id"], name="fk_datastream_gateway_id"),
        sa.ForeignKeyConstraint(["thing_id"], ["thing.id"], name="fk_datastream_thing_id"),
        sa.ForeignKeyConstraint(
            ["observed_property_id"],
            ["observed_property.id"],
            name="fk_datastream_observed_property_id",
        ),
        sa.ForeignKeyConstraint(["source_id"], ["datastream.id"], name="fk_datastream_source_id"),
        sa.UniqueConstraint("gateway_id", "name", name="uq_datastream_gateway_id_name"),
    )
    op.create_index("ix_datastream_thing_id", "datastream", ["thing_id"])


def _create_journal() -> None:
    op.create_table(
        "journal",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("gateway", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("epoch", sa.Text),
        sa.Column("seq", sa.BigInteger),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("received_at", Instant, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("observations", sa.Integer, nullable=False, server_default="0"),
        sa.Column("first_time", Instant),
        sa.Column("last_time", Instant),
        sa.PrimaryKeyConstraint("id", name="pk_journal"),
    )
    op.create_index("ix_journal_identity", "journal", ["gateway", "epoch", "seq"])
    op.create_index("ix_journal_status", "journal", ["status", "id"])


def _create_observations() -> None:
    op.create_table(
        "observation",
        sa.Column("time", Instant, nullable=False),
        sa.Column("value", sa.Double),
        sa.Column("datastream_id", sa.Integer, nullable=False),
        sa.Column("quality", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("datastream_id", "time", name="pk_observation"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "observation_note",
        sa.Column("datastream_id", sa.Integer, nullable=False),
        sa.Column("time", Instant, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("datastream_id", "time", name="pk_observation_note"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "latest",
        sa.Column("datastream_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("time", Instant, nullable=False),
        sa.Column("value", sa.Double),
        sa.Column("quality", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("received_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("datastream_id", name="pk_latest"),
        sa.ForeignKeyConstraint(
            ["datastream_id"], ["datastream.id"], name="fk_latest_datastream_id"
        ),
    )
