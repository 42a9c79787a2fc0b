"""What an ingest worker and the process that started it say to each other: lines of JSON.

The order goes down the worker's standard input first, then commands; when it ends, so does the
worker. Reports come up its standard output.
"""

import msgspec

from server.ingest.consumer import BrokerAddress, Part
from server.ingest.service import is_caught_up

ASK_AGAIN = b"ask-again\n"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker is to do.

    `answers_file` tells it of answers that are being written, "" for none.
    """

    database_url: str
    host: str
    port: int
    username: str
    password: str
    tls: bool
    ca_file: str
    number: int
    answers_file: str = ""

    def broker(self) -> BrokerAddress:
        """Say where its messages come from, and which they are."""
        return BrokerAddress(
            host=self.host,
            port=self.port,
            username=self.username,
            password=self.password,
            tls=self.tls,
            ca_file=self.ca_file,
            part=Part(self.number, shared=True),
        )


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """How a worker is: the words of IngestHealth, and what it counts since its start.

    `connections` to the broker, and how many of them found no session there: `new_sessions`.
    """

    connected: bool = False
    database_ok: bool = True
    queued: int = 0
    stored: int = 0
    refused: int = 0
    waiting: int = 0
    postponed: int = 0
    last_error: str = "not started yet"
    connections: int = 0
    new_sessions: int = 0

    @property
    def is_caught_up(self) -> bool:
        """Tell whether what was queued for it has come."""
        return is_caught_up(connected=self.connected, queued=self.queued)


def line(message: msgspec.Struct) -> bytes:
    """Write one line."""
    return msgspec.json.encode(message) + b"\n"
