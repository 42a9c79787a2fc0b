"""Windows sent every way: bytes counted, payloads read back, the figures of it all. Pure."""

import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from benchmarks.wire_suite import ours, senml_packs, sparkplug, thingsboard
from benchmarks.wire_suite.window import Codec, Readings, Window

PEERS = (senml_packs.JSON, senml_packs.CBOR, thingsboard.CODEC, sparkplug.CODEC)
MINUTES_IN_HOUR, SELDOM = 60, 10

_ZLIB = "_zlib"


@dataclass(slots=True)
class Tally:
    """Bytes and readings by what was sent, the worst window of ours, and what came back changed."""

    sizes: Counter[str] = field(default_factory=Counter)
    readings: Counter[str] = field(default_factory=Counter)
    worst: dict[str, float] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        """Give bytes a reading over all windows of a kind."""
        means = {f"{key}_b": size / self.readings[key] for key, size in self.sizes.items()}
        worst = {f"worst_{key}_b": most for key, most in self.worst.items()}
        return means | worst


def windows(day: Window) -> dict[str, Sequence[Window]]:
    """Cut a day of 1-minute rows as it would be sent."""
    return {
        "hour_1min": day.hours(MINUTES_IN_HOUR),
        "hour_10min": day.every(SELDOM).hours(MINUTES_IN_HOUR // SELDOM),
        "day_1min": [day],
    }


def add_day(tally: Tally, day: Window) -> None:
    """Send a day in all ways."""
    for kind, cut in windows(day).items():
        for window in cut:
            size = _add(tally, ours.CODEC, kind, window)
            tally.worst[kind] = max(tally.worst.get(kind, 0.0), size / len(window))
            for peer in PEERS:
                _add(tally, peer, f"{peer.name}_{kind}", window)


def _add(tally: Tally, codec: Codec, key: str, window: Window) -> int:
    messages = codec.write(window)
    if not came_back(codec, messages, window):
        tally.changed.append(f"{key}, window of {window.times_ms[0]} ms")
    size = sum(map(len, messages))
    tally.sizes[key] += size
    tally.readings[key] += len(window)
    if codec is not ours.CODEC:
        tally.sizes[key + _ZLIB] += sum(len(zlib.compress(one, level=9)) for one in messages)
        tally.readings[key + _ZLIB] += len(window)
    return size


def came_back(codec: Codec, messages: Iterable[bytes], window: Window) -> bool:
    """Tell whether the messages give every reading back exactly, and nothing else."""
    found: dict[str, list[tuple[int, Decimal]]] = {}
    for message in messages:
        for name, rows in codec.read(message, window.channels).items():
            found.setdefault(name, []).extend(rows)
    return _plain(found) == _plain(window.readings())


def _plain(readings: Readings) -> Mapping[str, Sequence[tuple[int, Decimal]]]:
    return {name: list(rows) for name, rows in readings.items()}
