"""What the uplink makes of batches and brokers that do not come to an end: without a broker."""

from decimal import Decimal
from random import Random

import pytest

from gateway.app import uplink_settings
from gateway.health import Health
from gateway.inventory import InventoryBook
from gateway.uplink import Plan, Uplink, loop
from gateway.uplink.meter import Traffic
from gateway.uplink.ration import BATCH_COST, KEEP_BACK
from gateway.uplink.session import LinkError
from wire.batch import Sample

NAME = "dune-1/soil-10cm/vwc_raw"
DAY = 100_000  # the budget of these tests
HOUR_MS = 3_600_000


class Broker:
    """A connection on which everything is acknowledged at once."""

    def __init__(self):
        self.topics, self.bytes = [], 0

    def publish(self, topic, payload):
        self.topics.append(topic)
        self.bytes += len(payload) + 200
        return len(self.topics)


@pytest.fixture
def uplink_of(hand, clock_of, outbox_of, config_of):
    """Make an uplink that is not started, at a hand-set time: first midnight, all set."""
    hand.synchronised = True
    outbox, clock, config = outbox_of(hand), clock_of(hand), config_of()

    def make(plan=None):
        settings = uplink_settings(config, None)
        settings = loop.UplinkSettings(settings.link, 60.0, 60.0, plan or Plan())
        book = InventoryBook(config, outbox)
        return Uplink(settings, outbox, clock, book, Health(clock), Random(1)), outbox

    return make


def history(outbox, count, values=2_000):
    chance = Random(1)
    for first in range(count):
        samples = [
            (NAME, Sample(1_000_000 * first + n, Decimal(chance.randrange(10**5))))
            for n in range(values)
        ]
        outbox.append_stamped(samples)
        outbox.seal()


def send(uplink, broker):
    """Send what is due now, and have the broker acknowledge it."""
    uplink._send(broker)
    for mid in list(uplink._sent):
        uplink._window.acknowledged(uplink._sent.pop(mid), uplink._clock.mono_ms())


def test_what_is_sent_again_keeps_to_the_part_of_the_day_too(uplink_of, hand):
    """The server is away for hours, the broker is not: history must not eat the live readings'."""
    uplink, outbox = uplink_of(Plan(DAY))
    uplink._ration.rest()
    hand.advance(6 * HOUR_MS)
    history(outbox, 4)
    broker = Broker()
    uplink._ration.connecting()
    uplink._window.connected(hand.mono_ms)
    for minute in range(120):
        assert uplink._ration.rest() is None
        send(uplink, broker)
        uplink._ration.count(broker.bytes)
        assert broker.bytes <= DAY * (6 + (minute + 1) / 60) / 24
        hand.advance(60_000)
    assert len(broker.topics) > len(set(broker.topics)), "some was sent again"


def test_what_was_just_measured_goes_before_what_is_sent_again(uplink_of, hand, observe):
    """Late in the day history may use all that is left; then the new reading must be first."""
    uplink, outbox = uplink_of(Plan(DAY))
    uplink._ration.rest()
    hand.advance(24 * HOUR_MS - 120_000)
    history(outbox, 2, values=10)
    broker = Broker()
    uplink._ration.connecting()
    uplink._ration.rest()
    uplink._window.connected(hand.mono_ms)
    send(uplink, broker)
    assert len(broker.topics) == 2
    hand.advance(60_000)
    outbox.append([observe(hand.mono_ms)])
    outbox.seal()
    uplink._ration.rest()
    uplink._ration.count(DAY - KEEP_BACK - BATCH_COST - 300)
    send(uplink, broker)
    assert [topic.rsplit("/", 1)[1] for topic in broker.topics[2:]] == ["3"]


def test_a_batch_that_gave_way_to_the_budget_leaves_its_place(uplink_of, hand):
    """Sent, acknowledged, without a receipt, and then gone for want of room."""
    uplink, outbox = uplink_of()
    history(outbox, 2, values=10)
    broker = Broker()
    uplink._window.connected(hand.mono_ms)
    send(uplink, broker)
    outbox.prune(max_bytes=0)
    assert outbox.figures().lost == 2
    hand.advance(30_000)
    send(uplink, broker)
    assert (len(broker.topics), uplink._window.wire_bytes, len(uplink._window)) == (2, 0, 0)


def test_an_attempt_that_hangs_for_long_is_no_good_connection(uplink_of, hand, monkeypatch):
    """A resolver without a network takes its time; the back-off must grow all the same."""

    class Hanging:
        def __init__(self, *_, **__):
            pass

        def open(self, *_):
            hand.advance(40_000)
            raise LinkError("no answer")

        def abandon(self):
            pass

        def traffic(self):
            return Traffic(0, 0)

    uplink, _ = uplink_of()
    monkeypatch.setattr(loop, "Session", Hanging)
    monkeypatch.setattr(uplink, "_stay_away", lambda _: None)
    for _ in range(3):
        uplink._attempt()
    assert uplink._failures == 3
