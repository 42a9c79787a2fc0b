"""A field whose soil dries, people who want to know, and all that tells them; by hand, no threads."""

import time
from dataclasses import dataclass, field

from sqlalchemy import Engine, insert, select

from server.db.engine import writing
from server.db.notify_tables import message, subscriber, subscription
from server.notify.channels.email import EmailChannel, Smtp
from server.notify.channels.port import Channel
from server.notify.expansion import expand
from server.notify.sending.rate import Rate
from server.notify.sending.sender import Means, Sender
from tests.server.alerts.stories import CONDITIONS
from tests.server.alerts.timeline import HOUR_MS, START_MS, Row
from tests.server.notify.mailbox import MailServer
from tests.server.watch.field import DatabaseWatch, Field
from wire.quality import Flag, pack

BASE_URL = "https://saxaul.example"
DRY, PARCHED, WET = 0.4, 0.05, 0.8
MINUTE_MS = 60_000


def smtp(port: int, **changes) -> Smtp:
    values = {
        "host": "127.0.0.1",
        "port": port,
        "tls": "none",
        "user": "",
        "password": "",
        "sender": "warnings@saxaul.example",
        "sender_name": "Saxaul 治沙",
    }
    return Smtp(**(values | changes))


@dataclass
class Village:
    """One watch that follows each sample at once, and a clock that stands."""

    engine: Engine
    mails: MailServer
    now_ms: int = START_MS
    watch: DatabaseWatch = field(init=False)

    def __post_init__(self) -> None:
        self.watch = DatabaseWatch(Field(self.engine), CONDITIONS, name="at once")
        with writing(self.engine) as connection:
            connection.exec_driver_sql("UPDATE alert_rule SET kind = 'dry_soil', enabled = true")

    def add(self, address: str, person: dict | None = None, **values) -> int:
        """Add a person with one confirmed subscription; gives the subscription's id."""
        of_person = {"secret": f"secret of {address}", "created_at": 0, "limit_per_day": 100}
        with writing(self.engine) as connection:
            who = connection.execute(
                insert(subscriber).values(of_person | (person or {})).returning(subscriber.c.id)
            ).scalar_one()
            row = {"channel": "email", "address": address, "created_at": 0, "confirmed_at": 0}
            query = insert(subscription).values({**row, "subscriber_id": who, **values})
            return connection.execute(query.returning(subscription.c.id)).scalar_one()

    def measure(self, value: float, after_ms: int = HOUR_MS) -> None:
        """Let one sample arrive later; judged as it comes."""
        self.now_ms += after_ms
        self.watch.arrive([Row(self.now_ms, value, pack(Flag.PASS))], self.now_ms)

    def tell(self, after_ms: int = 0, **changes) -> Sender:
        """Expand what is new and send what is due."""
        self.now_ms += after_ms
        self.expand()
        channel = EmailChannel(smtp(self.mails.port, **changes), self.clock, time.monotonic)
        sender = self.sender(channel)
        sender.step()
        channel.close()
        return sender

    def expand(self) -> None:
        """Make messages of what is new."""
        while expand(self.engine, self.now_ms):
            pass

    def sender(self, channel: Channel) -> Sender:
        means = Means("email", channel, Rate(60_000), BASE_URL, "test:1")
        return Sender(self.engine, means, self.clock)

    def clock(self) -> int:
        return self.now_ms

    def states(self) -> list[str]:
        with self.engine.connect() as connection:
            query = select(message.c.state).order_by(message.c.id)
            return list(connection.execute(query).scalars())

    def messages(self):
        with self.engine.connect() as connection:
            return connection.execute(select(message).order_by(message.c.id)).all()
