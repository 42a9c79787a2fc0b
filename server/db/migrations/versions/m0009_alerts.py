"""Rules, what they watch, what became of it, and what is to be told."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from server.db.instant import Instant

revision = "0009"
down_revision = "0008"

_BIG_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    """Add the tables, and the column by which programs notice what others changed."""
    _create_rules()
    _create_watches()
    _create_inputs()
    _create_transitions()
    _create_acts()
    _create_notices()
    rev = sa.Column("watch_rev", sa.BigInteger, nullable=False, server_default="0")
    op.add_column("gateway", rev)


def _create_rules() -> None:
    op.create_table(
        "alert_rule",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("rev", sa.Integer, nullable=False, server_default="1"),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("site_id", sa.Integer),
        sa.Column("thing_id", sa.Integer),
        sa.Column("definition", _JSON, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("is_default", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("changed_at", Instant, nullable=False),
        sa.Column("changed_by", sa.Text, nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_alert_rule"),
        sa.UniqueConstraint("key", name="uq_alert_rule_key"),
        *_references("alert_rule", "site", "thing"),
    )


def _create_watches() -> None:
    op.create_table(
        "alert_watch",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("rule_id", sa.Integer, nullable=False),
        sa.Column("rule_rev", sa.Integer, nullable=False),
        sa.Column("gateway_id", sa.Text, nullable=False),
        *(sa.Column(one, sa.Integer) for one in ("site_id", "thing_id", "datastream_id")),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("input", _JSON, nullable=False, server_default="{}"),
        sa.Column("level", sa.Integer, nullable=False, server_default="0"),
        sa.Column("since", Instant),
        sa.Column("machine", _JSON),
        sa.Column("folded_until", Instant),
        sa.Column("last_transition_at", Instant),
        sa.Column("silence_ms", sa.BigInteger),
        sa.Column("silent_since", Instant),
        sa.Column("refold_from", Instant),
        sa.Column("base_at", Instant),
        sa.Column("base", _JSON),
        sa.Column("told_level", sa.Integer, nullable=False, server_default="0"),
        sa.Column("told_at", Instant),
        sa.Column("acked_at", Instant),
        sa.Column("acked_by", sa.Text),
        sa.Column("shelved_until", Instant),
        sa.Column("shelved_by", sa.Text),
        sa.Column("suppressed_by", sa.Integer),
        sa.Column("retired_at", Instant),
        sa.PrimaryKeyConstraint("id", name="pk_alert_watch"),
        sa.UniqueConstraint("rule_id", "subject", name="uq_alert_watch_rule_id_subject"),
        *_references("alert_watch", "gateway", "site", "thing", "datastream"),
        _reference("alert_watch", "rule_id", "alert_rule"),
    )
    op.create_index("ix_alert_watch_gateway", "alert_watch", ["gateway_id"])
    op.create_index("ix_alert_watch_datastream", "alert_watch", ["datastream_id"])
    _create_partial(
        "ix_alert_watch_refold", "alert_watch", ["refold_from"], "refold_from IS NOT NULL"
    )
    _create_partial("ix_alert_watch_active", "alert_watch", ["site_id"], "level > 0")


def _create_inputs() -> None:
    op.create_table(
        "alert_input",
        sa.Column("watch_id", sa.Integer, nullable=False),
        sa.Column("datastream_id", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("watch_id", "datastream_id", name="pk_alert_input"),
        _reference("alert_input", "watch_id", "alert_watch"),
        _reference("alert_input", "datastream_id", "datastream"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_alert_input_datastream", "alert_input", ["datastream_id"])


def _create_transitions() -> None:
    op.create_table(
        "alert_transition",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("watch_id", sa.Integer, nullable=False),
        *(sa.Column(one, Instant, nullable=False) for one in ("at", "since", "recorded_at")),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("level_from", sa.Integer, nullable=False),
        sa.Column("level_to", sa.Integer, nullable=False),
        sa.Column("rule_rev", sa.Integer, nullable=False),
        sa.Column("evidence", _JSON, nullable=False, server_default="{}"),
        sa.Column("machine", _JSON),
        sa.Column("corrected", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("superseded_at", Instant),
        sa.PrimaryKeyConstraint("id", name="pk_alert_transition"),
        _reference("alert_transition", "watch_id", "alert_watch"),
    )
    _create_partial(
        "uq_alert_transition_record",
        "alert_transition",
        ["watch_id", "rule_rev", "at", "kind", "level_to"],
        "superseded_at IS NULL",
        unique=True,
    )
    op.create_index("ix_alert_transition_watch", "alert_transition", ["watch_id", "at"])


def _create_acts() -> None:
    op.create_table(
        "alert_act",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("watch_id", sa.Integer, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("act", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False, server_default=""),
        sa.Column("until", Instant),
        sa.PrimaryKeyConstraint("id", name="pk_alert_act"),
        _reference("alert_act", "watch_id", "alert_watch"),
    )
    op.create_index("ix_alert_act_watch", "alert_act", ["watch_id", "at"])


def _create_notices() -> None:
    op.create_table(
        "alert_notice",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("transition_id", sa.BigInteger),
        sa.Column("watch_id", sa.Integer, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("expanded_at", Instant),
        sa.Column("key", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alert_notice"),
        sa.UniqueConstraint("key", name="uq_alert_notice_key"),
        _reference("alert_notice", "transition_id", "alert_transition"),
        _reference("alert_notice", "watch_id", "alert_watch"),
    )
    op.create_index("ix_alert_notice_watch", "alert_notice", ["watch_id", "id"])
    _create_partial("ix_alert_notice_new", "alert_notice", ["id"], "expanded_at IS NULL")


def _reference(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=f"fk_{table}_{column}")


def _references(table: str, *others: str) -> list[sa.ForeignKeyConstraint]:
    return [_reference(table, f"{other}_id", other) for other in others]


def _create_partial(
    name: str, table: str, columns: list[str], where: str, *, unique: bool = False
) -> None:
    op.create_index(
        name,
        table,
        columns,
        unique=unique,
        postgresql_where=sa.text(where),
        sqlite_where=sa.text(where),
    )
