"""Whether an outbox is closed: its file was set aside, and a newer epoch goes on."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column; what is known so far is open."""
    closed = sa.Column("closed", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("gateway_epoch", closed)
