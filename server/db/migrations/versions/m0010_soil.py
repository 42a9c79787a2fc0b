"""What was said of the soils of sites, and which series are to be computed anew by it."""

import sqlalchemy as sa
from alembic import op

from server.db.instant import Instant

revision = "0010"
down_revision = "0009"

_DEPTHS = ("from_m", "to_m")
_SAID = ("sand", "clay", "organic_percent", "wilting_point", "field_capacity", "saturation")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "soil",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("site_id", sa.Integer, sa.ForeignKey("site.id", name="fk_soil_site_id_site")),
        sa.Column("thing_id", sa.Integer, sa.ForeignKey("thing.id", name="fk_soil_thing_id_thing")),
        *(sa.Column(one, sa.Double) for one in (*_DEPTHS, *_SAID)),
        sa.Column("said_at", Instant, nullable=False),
    )
    op.create_index("ix_soil_site_id", "soil", ["site_id"])
    op.create_index("ix_soil_thing_id", "soil", ["thing_id"])
    op.create_table(
        "soil_history",
        sa.Column(
            "datastream_id",
            sa.Integer,
            sa.ForeignKey("datastream.id", name="fk_soil_history_datastream_id_datastream"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("before", Instant),
    )
