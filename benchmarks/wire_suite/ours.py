"""Our own batch, as a gateway seals it: the contract's codec and nothing else."""

from collections.abc import Callable, Mapping, Sequence

from benchmarks.wire_suite.window import Channel, Codec, Readings, Window
from wire import batch
from wire.batch import Sample
from wire.messages import ClockSource

_REPEATS = 5


def write(window: Window) -> list[bytes]:
    """Seal the window as one batch."""
    return [batch.encode(ClockSource.NTP, _samples(window))]


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


def _samples(window: Window) -> Mapping[str, Sequence[Sample]]:
    return {
        name: [Sample(time_ms, value) for time_ms, value in rows]
        for name, rows in window.readings().items()
    }


CODEC = Codec("", write, read)
