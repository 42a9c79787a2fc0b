"""The hub: what subscribers get, what a slow one loses, and that it is told so."""

import asyncio
import threading
from collections.abc import Sequence

from server.live.hub import Hub, Resync, Update

SOON = 5.0


async def subscribed(hub):
    """A subscription past its first resync."""
    hub.attach(asyncio.get_running_loop())
    subscription = hub.subscribe()
    assert isinstance(await subscription.next(SOON), Resync)
    return subscription


async def test_a_subscription_begins_with_a_resync():
    """What was committed between the rendering of a page and now would be missed otherwise."""
    hub = Hub()
    hub.attach(asyncio.get_running_loop())

    assert await hub.subscribe().next(SOON) == Resync(0)


async def test_every_subscriber_gets_every_update_in_order():
    hub = Hub()
    first, second = await subscribed(hub), await subscribed(hub)

    hub.publish(["a"])
    hub.publish(["b", "c"])

    for one in (first, second):
        assert await one.next(SOON) == Update(1, ("a",))
        assert await one.next(SOON) == Update(2, ("b", "c"))


async def test_rows_may_be_published_from_another_thread():
    hub = Hub()
    subscription = await subscribed(hub)

    thread = threading.Thread(target=hub.publish, args=(["a"],))
    thread.start()

    assert await subscription.next(SOON) == Update(1, ("a",))
    thread.join()


async def test_nothing_new_within_the_timeout_is_none():
    subscription = await subscribed(Hub())

    assert await subscription.next(0.01) is None


async def test_a_slow_subscriber_loses_the_oldest_and_is_told_to_resync():
    hub = Hub(queue_events=3)
    slow = await subscribed(hub)

    for row in "abcde":
        hub.publish([row])
    await asyncio.sleep(0)

    assert await slow.next(SOON) == Resync(2)
    assert [(await slow.next(SOON)).rows for _ in range(3)] == [("c",), ("d",), ("e",)]


async def test_a_slow_subscriber_holds_nobody_else_up():
    hub = Hub(queue_events=1)
    slow, quick = await subscribed(hub), await subscribed(hub)

    for row in "ab":
        hub.publish([row])
        assert (await quick.next(SOON)).rows == (row,)

    assert isinstance(await slow.next(SOON), Resync)


async def test_closing_wakes_who_waits_and_ends_the_subscription():
    hub = Hub()
    subscription = await subscribed(hub)
    waiting = asyncio.create_task(subscription.next(60))
    await asyncio.sleep(0)

    hub.close()

    assert await asyncio.wait_for(waiting, SOON) is None
    assert subscription.closed


async def test_after_closing_publishing_is_harmless():
    hub = Hub()
    await subscribed(hub)
    hub.close()

    hub.publish(["late"])


def test_publishing_before_anyone_can_listen_is_harmless():
    Hub().publish(["early"])


async def test_a_subscriber_that_left_gets_nothing():
    hub = Hub()
    subscription = await subscribed(hub)

    hub.unsubscribe(subscription)
    hub.publish(["a"])

    assert hub.subscribers == 0
    assert await subscription.next(0.01) is None


async def test_the_hub_is_full_at_its_limit():
    hub = Hub(max_subscribers=2)

    await subscribed(hub)
    assert not hub.full
    await subscribed(hub)
    assert hub.full


async def test_rows_that_nobody_waits_for_are_not_looked_at():
    """Ingest gives columns that become rows when somebody looks: at 5,000 batches a second."""

    class Untouched(Sequence):
        def __len__(self):
            raise AssertionError("counted")

        def __getitem__(self, index):
            raise AssertionError("read")

    hub = Hub()
    hub.attach(asyncio.get_running_loop())

    hub.publish(Untouched())

    assert await hub.subscribe().next(SOON) == Resync(0)
