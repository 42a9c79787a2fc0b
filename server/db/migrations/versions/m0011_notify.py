"""Who is told of what, and each message to them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from server.db.instant import Instant

revision = "0011"
down_revision = "0010"

_BIG_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    """Add the tables."""
    _create_subscribers()
    _create_subscriptions()
    _create_messages()
    op.create_table(
        "consent_event",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("subscriber_id", sa.Integer, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("how", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_consent_event"),
    )
    op.create_index("ix_consent_event_subscriber_id", "consent_event", ["subscriber_id"])
    op.create_table(
        "secret",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("made_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_secret"),
    )


def _create_subscribers() -> None:
    op.create_table(
        "subscriber",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False, server_default=""),
        sa.Column("language", sa.Text, nullable=False, server_default="en"),
        sa.Column("time_zone", sa.Text, nullable=False, server_default="UTC"),
        sa.Column("quiet_from", sa.Integer),
        sa.Column("quiet_until", sa.Integer),
        sa.Column("wake_for_critical", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("limit_per_day", sa.Integer, nullable=False, server_default="10"),
        sa.Column("paused_until", Instant),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False, server_default=""),
        sa.Column("deleted_at", Instant),
        sa.PrimaryKeyConstraint("id", name="pk_subscriber"),
    )


def _create_subscriptions() -> None:
    op.create_table(
        "subscription",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("subscriber_id", sa.Integer, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("site_id", sa.Integer),
        sa.Column("thing_id", sa.Integer),
        sa.Column("kind", sa.Text),
        sa.Column("min_level", sa.Integer, nullable=False, server_default="2"),
        sa.Column("mode", sa.Text, nullable=False, server_default="immediate"),
        sa.Column("turn", sa.Integer, nullable=False, server_default="0"),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("confirmed_at", Instant),
        sa.Column("ended_at", Instant),
        sa.Column("bounced_at", Instant),
        sa.Column("bounce", sa.Text, nullable=False, server_default=""),
        sa.Column("digest_at", Instant),
        sa.PrimaryKeyConstraint("id", name="pk_subscription"),
        *_references("subscription", "subscriber", "site", "thing"),
    )
    op.create_index("ix_subscription_subscriber_id", "subscription", ["subscriber_id"])
    op.create_index("ix_subscription_site", "subscription", ["site_id"])


def _create_messages() -> None:
    op.create_table(
        "message",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("subscription_id", sa.Integer, nullable=False),
        sa.Column("subscriber_id", sa.Integer, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("notice_id", sa.BigInteger),
        sa.Column("group_key", sa.Text, nullable=False, server_default=""),
        sa.Column("carried_by", sa.BigInteger),
        sa.Column("state", sa.Text, nullable=False, server_default="queued"),
        sa.Column("letter", _JSON),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("next_at", Instant, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("claimed_at", Instant),
        sa.Column("claimed_by", sa.Text),
        sa.Column("sent_at", Instant),
        sa.Column("receipt", sa.Text, nullable=False, server_default=""),
        sa.Column("error", sa.Text, nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_message"),
        sa.UniqueConstraint("key", name="uq_message_key"),
        *_references("message", "subscription", "subscriber"),
        sa.ForeignKeyConstraint(["notice_id"], ["alert_notice.id"], name="fk_message_notice_id"),
    )
    due, claimed = sa.text("state = 'queued'"), sa.text("state = 'claimed'")
    op.create_index(
        "ix_message_due",
        "message",
        ["channel", "next_at", "id"],
        postgresql_where=due,
        sqlite_where=due,
    )
    op.create_index(
        "ix_message_claimed",
        "message",
        ["claimed_at"],
        postgresql_where=claimed,
        sqlite_where=claimed,
    )
    op.create_index("ix_message_group", "message", ["subscription_id", "group_key", "created_at"])
    op.create_index("ix_message_subscriber", "message", ["subscriber_id", "sent_at"])
    op.create_index("ix_message_notice", "message", ["notice_id"])


def _references(table: str, *others: str) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint([f"{other}_id"], [f"{other}.id"], name=f"fk_{table}_{other}_id")
        for other in others
    ]
