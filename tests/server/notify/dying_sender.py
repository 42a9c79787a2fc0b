"""A sender in a process of its own that is killed at a chosen instant: URL, SMTP port, when."""

import os
import signal
import sys
import time

from server.db.engine import open_engine
from server.notify.channels.email import EmailChannel
from server.notify.sending.rate import Rate
from server.notify.sending.sender import Means, Sender
from tests.server.notify.village import BASE_URL, smtp


class Dying:
    """Sends, and is killed before or after."""

    def __init__(self, channel, when):
        self.channel = channel
        self.when = when

    def send(self, envelope):
        if self.when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        self.channel.send(envelope)
        os.kill(os.getpid(), signal.SIGKILL)

    def close(self):
        self.channel.close()


def main(url, port, when, now_ms):
    def clock():
        return int(now_ms)

    channel = Dying(EmailChannel(smtp(int(port)), clock, time.monotonic), when)
    means = Means("email", channel, Rate(60_000), BASE_URL, "dying:1")
    Sender(open_engine(url), means, clock).step()


if __name__ == "__main__":
    main(*sys.argv[1:])
