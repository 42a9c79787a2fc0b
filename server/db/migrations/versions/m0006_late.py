"""How many observations came too late to be kept."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the count."""
    late = sa.Column("late", sa.BigInteger, nullable=False, server_default="0")
    op.add_column("retention_horizon", late)
