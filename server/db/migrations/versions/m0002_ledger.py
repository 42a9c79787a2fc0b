"""The ledger: which sequence numbers are stored, as ranges, filled from the journal."""

import sqlalchemy as sa
from alembic import op

from server.db.instant import Instant

revision = "0002"
down_revision = "0001"

# A number may stand in the journal more than once: what was stored counts before what was refused.
_FILL_RANGES = """
INSERT INTO ledger_range (gateway, epoch, first, last, fate)
SELECT gateway, epoch, min(seq), max(seq),
       CASE strength WHEN 1 THEN 'stored' WHEN 2 THEN 'refused' ELSE 'waiting' END
FROM (
    SELECT gateway, epoch, seq, strength,
           seq - row_number() OVER (PARTITION BY gateway, epoch, strength ORDER BY seq) AS island
    FROM (
        SELECT gateway, epoch, seq,
               min(CASE status WHEN 'stored' THEN 1 WHEN 'refused' THEN 2 ELSE 3 END) AS strength
        FROM journal WHERE epoch IS NOT NULL AND seq IS NOT NULL
        GROUP BY gateway, epoch, seq
    ) AS batch
) AS numbered
GROUP BY gateway, epoch, strength, island
"""
_FILL_EPOCHS = """
INSERT INTO gateway_epoch (gateway, epoch, first_seen_at)
SELECT gateway, epoch, min(received_at) FROM journal
WHERE epoch IS NOT NULL AND seq IS NOT NULL GROUP BY gateway, epoch
"""


def upgrade() -> None:
    """Create the tables and fill them."""
    op.create_index("ix_journal_gateway", "journal", ["gateway", "id"])
    op.create_table(
        "ledger_range",
        sa.Column("gateway", sa.Text, nullable=False),
        sa.Column("epoch", sa.Text, nullable=False),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("fate", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("gateway", "epoch", "first", name="pk_ledger_range"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "gateway_epoch",
        sa.Column("gateway", sa.Text, nullable=False),
        sa.Column("epoch", sa.Text, nullable=False),
        sa.Column("first_seen_at", Instant, nullable=False),
        sa.Column("reported_at", Instant),
        *(_count(name) for name in ("sealed", "unconfirmed", "refused", "lost")),
        sa.PrimaryKeyConstraint("gateway", "epoch", name="pk_gateway_epoch"),
        sqlite_with_rowid=False,
    )
    op.execute(_FILL_RANGES)
    op.execute(_FILL_EPOCHS)


def _count(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")
