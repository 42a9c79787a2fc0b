"""What stood where when: references and fields belong to deployments; remarks on inventories."""

import re

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"

_JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
_REFERENCE = re.compile(r"\breference_m=([0-9.eE+-]+)")


def upgrade() -> None:
    """Add the columns; a reference is taken from the formula that was computed by it so far."""
    op.add_column("gateway", sa.Column("remarks", _JSON))
    op.add_column("datastream", sa.Column("unknown", sa.Text, nullable=False, server_default=""))
    op.add_column("deployment", sa.Column("reference_m", sa.Double))
    op.add_column("deployment", sa.Column("fields", _JSON))
    connection = op.get_bind()
    rows = connection.execute(
        sa.text("SELECT thing_id, sensor_key, transform FROM datastream WHERE transform LIKE '%(%'")
    ).all()
    for thing_id, key, transform in rows:
        found = _REFERENCE.search(transform)
        if found:
            connection.execute(
                sa.text(
                    "UPDATE deployment SET reference_m = :reference WHERE thing_id = :thing AND "
                    "key = :key"
                ),
                {"reference": float(found[1]), "thing": thing_id, "key": key},
            )
