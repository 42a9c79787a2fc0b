"""The journal's old payloads move into blocks, and it keeps which messages had been retained."""

import sqlalchemy as sa
from alembic import op

from server.db.instant import Instant

revision = "0004"
down_revision = "0003"

_BIG_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
# Until now only the reason told that a pack had been retained.
_MARK_RETAINED = """
UPDATE journal SET retained = TRUE
WHERE status = 'refused' AND reason LIKE 'its times count from now, but the broker had kept it%'
"""


def upgrade() -> None:
    """Add the columns and the table; every payload stays where it is."""
    retained = sa.Column("retained", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("journal", retained)
    op.add_column("journal", sa.Column("block_id", sa.BigInteger))
    op.add_column("journal", sa.Column("packed_size", sa.Integer))
    op.create_index("ix_journal_block", "journal", ["block_id"])
    op.create_table(
        "journal_block",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("gateway", sa.Text, nullable=False),
        sa.Column("last_received_at", Instant, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_journal_block"),
    )
    op.execute(_MARK_RETAINED)
