"""Was each reading of a sensor kept as a whole? An append keeps all of it or nothing. Pure."""

from collections import defaultdict
from collections.abc import Iterable

from benchmarks.chaos_suite.evidence import Kept

_MAX_EXAMPLES = 5


def find_torn(kept: Iterable[Kept]) -> list[str]:
    """Name the readings that lack what the same sensor's other readings have.

    Each reading of a sensor has something to say of each of its properties, if only "missing".
    """
    readings: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for one in kept:
        sensor, _, key = one.datastream.rpartition("/")
        readings[sensor][one.time_ms].add(key)
    found = [
        f"half a reading in the outbox: {sensor} at {time_ms} has {len(keys)} of {len(whole)}"
        for sensor, by_time in readings.items()
        for whole in [set[str]().union(*by_time.values())]
        for time_ms, keys in sorted(by_time.items())
        if keys < whole
    ]
    return found[:_MAX_EXAMPLES]
