"""A sensor as a list of answers: what a driver asks is checked, what it gets is written down."""

import pytest

from gateway.drivers.conversation import Ask, Wait, hold


class Script:
    """Plays (request, reply) pairs in order; None waits for seconds, b"" listens on.

    A wait of no time, which only lets others go first, is counted and is no step.
    """

    def __init__(self, *steps):
        self.steps = list(steps)
        self.waited = []
        self.shared = []
        self.timeouts = []
        self.asks = []
        self.gave_way = 0

    def __call__(self, step):
        if step == Wait(0, others=True):
            self.gave_way += 1
            return b""
        request, reply = self.steps.pop(0)
        if not isinstance(step, Ask):
            assert request is None, f"waits where {request!r} was expected"
            self.waited.append(step.seconds)
            self.shared.append(step.others)
            return b""
        assert step.request == request
        self.asks.append(step)
        self.timeouts.append(step.timeout_s)
        length = step.until(reply)
        return reply[:length] if length else reply

    def run(self, conversation):
        """Hold a conversation against the script; every step of it must have been taken."""
        result = hold(conversation, self)
        assert self.steps == []
        return result


@pytest.fixture
def script():
    return Script
