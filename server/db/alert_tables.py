"""The tables of warnings: rules, what they watch, what became of it, what is to be told of it.

A rule is expanded into watches, one a subject. The record of a watch is its transitions: they
follow from the stored observations alone, so that what comes late may supersede some and add
others. `machine` is how a watch stands (`server.alerts.machine`), NULL for the first state.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
    true,
)

from server.db.instant import Instant
from server.db.tables import BigId, Json, metadata

# `definition` is what server.alerts.rules reads; `rev` grows with each change of it.
alert_rule = Table(
    "alert_rule",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("rev", Integer, nullable=False, server_default="1"),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("site_id", Integer, ForeignKey("site.id")),
    Column("thing_id", Integer, ForeignKey("thing.id")),
    Column("definition", Json, nullable=False),
    Column("enabled", Boolean, nullable=False, server_default=true()),
    Column("is_default", Boolean, nullable=False, server_default=false()),
    Column("changed_at", Instant, nullable=False),
    Column("changed_by", Text, nullable=False, server_default=""),
)

# What a rule looks at in one place. It is written under its gateway's lock (server.db.locks), also
# where its inputs are of several: it belongs to that of the first.
alert_watch = Table(
    "alert_watch",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("rule_id", Integer, ForeignKey("alert_rule.id"), nullable=False),
    # Grows when what it is judged by becomes another: a record is by one revision.
    Column("rule_rev", Integer, nullable=False),
    Column("gateway_id", Text, ForeignKey("gateway.id"), nullable=False),
    Column("site_id", Integer, ForeignKey("site.id")),
    Column("thing_id", Integer, ForeignKey("thing.id")),
    # The series that is judged sample by sample; NULL where it is judged by the hour or by a timer.
    Column("datastream_id", Integer, ForeignKey("datastream.id")),
    Column("subject", Text, nullable=False),
    # What it is judged by, resolved from the rule: see server.watch.rules.expand.
    Column("input", Json, nullable=False, server_default="{}"),
    Column("level", Integer, nullable=False, server_default="0"),
    Column("since", Instant),
    Column("machine", Json),
    Column("folded_until", Instant),
    Column("last_transition_at", Instant),
    # A series that is judged sample by sample is silent after so long; NULL for the others.
    Column("silence_ms", BigInteger),
    Column("silent_since", Instant),
    # From when on the record must be made anew: what came late, or changed.
    Column("refold_from", Instant),
    # Where the record by the present rule begins, and how the watch stood by the one before.
    Column("base_at", Instant),
    Column("base", Json),
    # The level that was told last, and when.
    Column("told_level", Integer, nullable=False, server_default="0"),
    Column("told_at", Instant),
    Column("acked_at", Instant),
    Column("acked_by", Text),
    Column("shelved_until", Instant),
    Column("shelved_by", Text),
    # The watch that is the cause, while it is.
    Column("suppressed_by", Integer),
    Column("retired_at", Instant),
    UniqueConstraint("rule_id", "subject"),
    Index("ix_alert_watch_gateway", "gateway_id"),
    Index("ix_alert_watch_datastream", "datastream_id"),
    Index(
        "ix_alert_watch_refold",
        "refold_from",
        postgresql_where=text("refold_from IS NOT NULL"),
        sqlite_where=text("refold_from IS NOT NULL"),
    ),
    Index(
        "ix_alert_watch_active",
        "site_id",
        postgresql_where=text("level > 0"),
        sqlite_where=text("level > 0"),
    ),
)

# The series that a watch is judged by the hour on, also those of other gateways.
alert_input = Table(
    "alert_input",
    metadata,
    Column("watch_id", Integer, ForeignKey("alert_watch.id"), primary_key=True),
    Column("datastream_id", Integer, ForeignKey("datastream.id"), primary_key=True),
    Index("ix_alert_input_datastream", "datastream_id"),
    sqlite_with_rowid=False,
)

# `at` is the instant of the sample that completed it, `since` that of the first one of the run.
# `machine` is how the watch stood after it. Kinds: server.alerts.machine, and lost and found.
alert_transition = Table(
    "alert_transition",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("watch_id", Integer, ForeignKey("alert_watch.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("since", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("kind", Text, nullable=False),
    Column("level_from", Integer, nullable=False),
    Column("level_to", Integer, nullable=False),
    Column("rule_rev", Integer, nullable=False),
    Column("evidence", Json, nullable=False, server_default="{}"),
    Column("machine", Json),
    Column("corrected", Boolean, nullable=False, server_default=false()),
    Column("superseded_at", Instant),
    Index(
        "uq_alert_transition_record",
        *("watch_id", "rule_rev", "at", "kind", "level_to"),
        unique=True,
        postgresql_where=text("superseded_at IS NULL"),
        sqlite_where=text("superseded_at IS NULL"),
    ),
    Index("ix_alert_transition_watch", "watch_id", "at"),
)

# What people did: acknowledge, shelve, unshelve, comment.
alert_act = Table(
    "alert_act",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("watch_id", Integer, ForeignKey("alert_watch.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("who", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    Column("until", Instant),
    Index("ix_alert_act_watch", "watch_id", "at"),
)

# What is to be told, written with its transition. `mode`: immediate, digest. `reason`: new,
# reminder, escalation, correction. `key` is what makes it one, however often it is written.
alert_notice = Table(
    "alert_notice",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("transition_id", BigInteger, ForeignKey("alert_transition.id")),
    Column("watch_id", Integer, ForeignKey("alert_watch.id"), nullable=False),
    Column("mode", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expanded_at", Instant),
    Column("key", Text, nullable=False, unique=True),
    Index("ix_alert_notice_watch", "watch_id", "id"),
    Index(
        "ix_alert_notice_new",
        "id",
        postgresql_where=text("expanded_at IS NULL"),
        sqlite_where=text("expanded_at IS NULL"),
    ),
)
