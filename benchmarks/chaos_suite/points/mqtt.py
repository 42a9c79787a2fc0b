"""An MQTT connection as far as a witness needs it: which packets are about batches. Pure."""

from collections.abc import Iterator, Sequence

from benchmarks.chaos_suite.mqtt_frames import Frame, Publish, Splitter
from benchmarks.chaos_suite.points.events import Event, Way, What
from wire import messages, topics
from wire.errors import ContractError

_RECEIPT_END = "/receipt"


class MqttTalk:
    """One MQTT connection on the wire of `peer`."""

    def __init__(self, peer: str) -> None:
        """Begin with the first byte."""
        self._peer = peer
        self._splitters = {way: Splitter() for way in Way}
        self._opaque: set[Way] = set()
        self._unanswered: dict[tuple[Way, int], Event] = {}

    def hear(self, way: Way, data: bytes) -> Iterator[tuple[bytes, Sequence[Event]]]:
        """Take bytes; see Talk."""
        if way in self._opaque:
            yield data, ()
            return
        splitter = self._splitters[way]
        try:
            for frame in splitter.feed(data):
                yield frame.data, self._meaning(way, frame)
        except ValueError:  # no MQTT: carried as it is
            self._opaque.add(way)
            yield splitter.rest(), ()

    def rest(self, way: Way) -> bytes:
        """See Talk."""
        return b"" if way in self._opaque else self._splitters[way].rest()

    def end(self) -> Sequence[Event]:
        """See Talk."""
        return ()

    def _meaning(self, way: Way, frame: Frame) -> Sequence[Event]:
        answered = frame.packet_id()
        if answered is not None:
            first = self._unanswered.pop((_back(way), answered), None)
            return () if first is None else (self._answer(first, way),)
        publish = frame.publish()
        event = None if publish is None else self._event(way, publish)
        if publish is None or event is None:
            return ()
        if publish.packet_id is not None:
            self._unanswered[way, publish.packet_id] = event
        return (event,)

    def _event(self, way: Way, publish: Publish) -> Event | None:
        if is_batch(publish.topic):
            return Event(self._peer, What.PUBLISH, way, (publish.topic,))
        if publish.topic.endswith(_RECEIPT_END):
            return Event(self._peer, What.RECEIPT, way, _confirmed(publish))
        return None

    def _answer(self, first: Event, way: Way) -> Event:
        what = What.PUBACK if first.what is What.PUBLISH else What.RECEIPT_PUBACK
        return Event(self._peer, what, way, first.topics)


def is_batch(topic: str) -> bool:
    """Tell whether a topic carries a batch."""
    try:
        return isinstance(topics.parse_up(topic), topics.BatchTopic)
    except ContractError:
        return False


def _confirmed(publish: Publish) -> tuple[str, ...]:
    """Name the batches that a receipt says are stored."""
    try:
        receipt = messages.decode(publish.payload, messages.Receipt)
        gateway = topics.gateway_of(publish.topic)
    except ContractError:
        return ()
    return tuple(
        topics.batch(gateway, receipt.epoch, seq)
        for first, last in receipt.stored
        for seq in range(first, last + 1)
    )


def _back(way: Way) -> Way:
    return Way.UP if way is Way.DOWN else Way.DOWN
