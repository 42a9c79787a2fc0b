"""How a technician left a gateway, as its installation record says."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"

_JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    """Add the record beside what is known of the gateway."""
    op.add_column("gateway", sa.Column("installation", _JSON))
