"""The samples that a watch is judged on, read from what is stored: as they came, or by the hour."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from server.alerts import inputs
from server.alerts.condition import HOUR_MS
from server.alerts.inputs import Hours, Layer, hours_of
from server.alerts.kinds import InputKind
from server.alerts.samples import Samples
from server.store.reading.raw import Rows, Windows, read_windows
from server.watch.evidence import series_in
from server.watch.folding import stored_samples
from server.watch.judging import SETTLED_MS
from server.watch.rows import Basis, Source, Watch
from wire.batch import MAX_TIME_MS

# Of one watch: half a century of a value every five minutes. 200 MB at most.
_MOST_ROWS = 5_000_000
_REMEDY = "a record as long as that cannot be judged: shorten the rule's window"


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """Samples, and until when all that came by now is in them (ms UTC)."""

    samples: Samples
    until_ms: int | None


def settled_hour(now_ms: int) -> int:
    """Give the end of the last hour that is judged by now."""
    settled_ms = now_ms - SETTLED_MS
    return settled_ms - settled_ms % HOUR_MS


def read_samples(connection: Connection, watch: Watch, from_ms: int, now_ms: int) -> Read:
    """Read what a watch is judged on, later than `from_ms`."""
    return read_judged(connection, watch.datastream_id, watch.basis, from_ms, now_ms)


def read_judged(
    connection: Connection, datastream_id: int | None, basis: Basis, from_ms: int, now_ms: int
) -> Read:
    """Do the same for what is no watch (yet): of a series, or of those of the basis by the hour."""
    if datastream_id is not None:
        rows = _rows(connection, [datastream_id], from_ms + 1, MAX_TIME_MS + 1)
        until_ms = int(rows.time_ms[-1]) if len(rows.time_ms) else None
        return Read(stored_samples(rows.time_ms, rows.value, rows.quality), until_ms)
    until_ms = settled_hour(now_ms)
    begins_ms = from_ms - from_ms % HOUR_MS - _lookback_ms(basis)
    rows = _rows(connection, series_in(basis), begins_ms, until_ms)
    samples = samples_of(basis, rows, from_ms)
    later = samples.time_ms > from_ms
    return Read(
        Samples(samples.time_ms[later], samples.value[later], samples.good[later]), until_ms
    )


def samples_of(basis: Basis, rows: Rows, from_ms: int) -> Samples:
    """Make samples by the hour of observations of the series they are made of."""
    hours = {one.datastream_id: _hours(rows, one) for one in basis.sources}
    own, window_ms = hours[basis.sources[0].datastream_id], basis.window_ms
    if basis.input is InputKind.ROOT_ZONE_MEAN:
        return _root_zone(basis, hours)
    if basis.input is InputKind.DIFFERENCE and basis.other is not None:
        return inputs.difference(own, _hours(rows, basis.other))
    if basis.input is InputKind.DAYS_TO_THRESHOLD:
        return inputs.days_to_threshold(own, basis.threshold or 0.0, window_ms, from_ms)
    if basis.input is InputKind.RISE:
        return inputs.rise(own, window_ms, basis.condition.side)
    makes = {
        InputKind.MEAN: inputs.mean,
        InputKind.SUM: inputs.total,
        InputKind.RATE: inputs.rate,
        InputKind.FAULT_SHARE: inputs.fault_share,
    }
    return makes[basis.input](own, window_ms)


def _root_zone(basis: Basis, hours: Mapping[int, Hours]) -> Samples:
    layers = [Layer(one.depth_m or 0.0, hours[one.datastream_id]) for one in basis.sources]
    return inputs.root_zone_mean(layers, basis.span_m)


def _hours(rows: Rows, source: Source) -> Hours:
    own = rows.of(source.datastream_id)
    return hours_of(own.time_ms, own.value, own.quality, source.interval_ms)


def _lookback_ms(basis: Basis) -> int:
    """Tell how much of the past a value by the hour looks at."""
    return basis.window_ms + HOUR_MS


def _rows(connection: Connection, series: Iterable[int], from_ms: int, to_ms: int) -> Rows:
    ids = np.array(sorted(set(series)), dtype=np.int32)
    ends = (np.full(len(ids), max(one, 0), dtype=np.int64) for one in (from_ms, to_ms))
    return read_windows(connection, Windows(ids, *ends), _MOST_ROWS, _REMEDY)
