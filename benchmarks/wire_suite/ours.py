"""Our own batches: what a gateway seals of the rows that wait, by its own rule of how many."""

from collections.abc import Callable, Mapping, Sequence

from benchmarks.wire_suite.window import Channel, Codec, Readings, Window
from gateway.outbox.sealing import SEAL_LIMIT, Release, Row, Waiting, seal
from wire import batch
from wire.batch import Sample
from wire.messages import ClockSource
from wire.quality import Flag

_REPEATS = 5


def write(window: Window) -> list[bytes]:
    """Seal what a gateway has kept of the window until then, batch after batch."""
    rows, payloads = _rows(window), []
    while rows:
        sealed = seal(Waiting(rows[:SEAL_LIMIT], Release(ClockSource.NTP)))
        rows = rows[sealed.count :]
        payloads.append(sealed.payload)
    return payloads


def read(payload: bytes, _channels: Sequence[Channel]) -> Readings:
    """Read a batch; a value that is missing in it is missing here."""
    return {
        series.name: [
            (sample.time_ms, sample.value)
            for sample in series.samples()
            if sample.value is not None
        ]
        for series in batch.decode(payload).series
    }


def cpu_us(window: Window, clock: Callable[[], float]) -> tuple[float, float]:
    """Time the codec by a clock in seconds: us a reading to encode and to decode, best of a few."""
    samples = _samples(window)
    payload = batch.encode(ClockSource.NTP, samples)
    encoding = _fastest(lambda: batch.encode(ClockSource.NTP, samples), clock)
    decoding = _fastest(lambda: batch.decode(payload), clock)
    return encoding / len(window) * 1e6, decoding / len(window) * 1e6


def _fastest(work: Callable[[], object], clock: Callable[[], float]) -> float:
    times = []
    for _ in range(_REPEATS):
        start = clock()
        work()
        times.append(clock() - start)
    return min(times)


def _rows(window: Window) -> Sequence[Row]:
    """Give the readings as they came, instant after instant, and as the outbox's table has them."""
    kept = (
        (time_ms, one.name, str(window.values[one.name][row]))
        for row, time_ms in enumerate(window.times_ms)
        for one in window.channels
    )
    return [
        Row(number, time_ms, time_ms, name, value, int(Flag.PASS), "")
        for number, (time_ms, name, value) in enumerate(kept)
    ]


def _samples(window: Window) -> Mapping[str, Sequence[Sample]]:
    return {
        name: [Sample(time_ms, value) for time_ms, value in rows]
        for name, rows in window.readings().items()
    }


CODEC = Codec("", write, read)
