"""The tables of telling people: subscribers, what they want to know, and each message to them.

Warnings themselves are in `server.db.alert_tables`.
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
)

from server.db.instant import Instant
from server.db.tables import BigId, Json, metadata

# A person. What is known of one who has gone is deleted; `deleted_at` stays, and consent_event.
# Quiet hours are minutes of the day in `time_zone`; NULL for none.
subscriber = Table(
    "subscriber",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, server_default=""),
    Column("language", Text, nullable=False, server_default="en"),
    Column("time_zone", Text, nullable=False, server_default="UTC"),
    Column("quiet_from", Integer),
    Column("quiet_until", Integer),
    # Whether what is most severe comes in quiet hours as well.
    Column("wake_for_critical", Boolean, nullable=False, server_default=false()),
    Column("limit_per_day", Integer, nullable=False, server_default="10"),
    Column("paused_until", Instant),
    Column("secret", Text, nullable=False),  # of the signed links; a new one voids all old links
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False, server_default=""),
    Column("deleted_at", Instant),
)

# What a person wants to know, and where to be told. NULL filters nothing. `mode`: immediate,
# daily, weekly. `turn`: 0 is told at once, 1 when nobody has acknowledged by then, and so on.
subscription = Table(
    "subscription",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("subscriber_id", Integer, ForeignKey("subscriber.id"), nullable=False, index=True),
    Column("channel", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("site_id", Integer, ForeignKey("site.id")),
    Column("thing_id", Integer, ForeignKey("thing.id")),
    Column("kind", Text),
    Column("min_level", Integer, nullable=False, server_default="2"),
    Column("mode", Text, nullable=False, server_default="immediate"),
    Column("turn", Integer, nullable=False, server_default="0"),
    Column("created_at", Instant, nullable=False),
    Column("confirmed_at", Instant),  # NULL: nothing but the question is sent
    Column("ended_at", Instant),
    # The address does not take messages: who must mend it, and why.
    Column("bounced_at", Instant),
    Column("bounce", Text, nullable=False, server_default=""),
    Column("digest_at", Instant),  # until when the last digest told
    Index("ix_subscription_site", "site_id"),
)

# One message to one subscription; `key` makes it one, however often it is queued: of several
# subscriptions of one person by one channel the first is told. It says a notice, or a letter:
# {"letter": …} or {"digest": [notice ids]}. States: queued (from `next_at` on), claimed, sent, dead
# (given up), unsure (perhaps sent), withdrawn (no longer true), digest (left to the next digest).
message = Table(
    "message",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("key", Text, nullable=False),
    Column("subscription_id", Integer, ForeignKey("subscription.id"), nullable=False),
    Column("subscriber_id", Integer, ForeignKey("subscriber.id"), nullable=False),
    Column("channel", Text, nullable=False),
    Column("notice_id", BigInteger, ForeignKey("alert_notice.id")),
    # What goes together when it comes together; "" for what goes alone.
    Column("group_key", Text, nullable=False, server_default=""),
    # Those that go as one: the message of this id carries it.
    Column("carried_by", BigInteger),
    Column("state", Text, nullable=False, server_default="queued"),
    Column("letter", Json),
    Column("created_at", Instant, nullable=False),
    Column("next_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("claimed_at", Instant),
    Column("claimed_by", Text),
    Column("sent_at", Instant),
    Column("receipt", Text, nullable=False, server_default=""),
    Column("error", Text, nullable=False, server_default=""),
    UniqueConstraint("key"),
    Index(
        "ix_message_due",
        "channel",
        "next_at",
        "id",
        postgresql_where=text("state = 'queued'"),
        sqlite_where=text("state = 'queued'"),
    ),
    Index(
        "ix_message_claimed",
        "claimed_at",
        postgresql_where=text("state = 'claimed'"),
        sqlite_where=text("state = 'claimed'"),
    ),
    Index("ix_message_group", "subscription_id", "group_key", "created_at"),
    Index("ix_message_subscriber", "subscriber_id", "sent_at"),
    Index("ix_message_notice", "notice_id"),
)

# What people agreed to and took back: kept when the rest of what is known of them is deleted.
consent_event = Table(
    "consent_event",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("subscriber_id", Integer, nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("what", Text, nullable=False),  # asked, confirmed, changed, paused, ended, deleted
    Column("how", Text, nullable=False),  # page, link, list, one-click, command
    Column("detail", Text, nullable=False, server_default=""),
)

# The server's own secrets, made when they are first needed.
secret = Table(
    "secret",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("made_at", Instant, nullable=False),
)
