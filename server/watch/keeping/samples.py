"""The samples that a watch is judged on, read from what is stored: as they came, or by the hour."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from sqlalchemy import Connection

from server.alerts import inputs
from server.alerts.condition import HOUR_MS, Season
from server.alerts.inputs import Hours, Layer, hours_of
from server.alerts.kinds import InputKind
from server.alerts.samples import THERMOMETER_MS, Samples, is_frozen
from server.store.reading.raw import Rows, TooManyError, Windows, read_windows
from server.watch.evidence import series_in
from server.watch.folding import samples_in, stored_samples
from server.watch.judging import SETTLED_MS
from server.watch.rows import Basis, Source
from wire.batch import MAX_TIME_MS
from wire.quality import Test

# Of one watch: half a century of a value every five minutes. 200 MB at most.
_MOST_ROWS = 5_000_000
# Of several together: some 10 MB.
_PORTION = 200_000
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


@dataclass(frozen=True, slots=True)
class Asked:
    """What is judged, of one series or of those of the basis by the hour; later than `from_ms`."""

    datastream_id: int | None
    basis: Basis
    from_ms: int


def read_judged(
    connection: Connection, datastream_id: int | None, basis: Basis, from_ms: int, now_ms: int
) -> Read:
    """Read what one watch is judged on."""
    (read,) = read_many(connection, [Asked(datastream_id, basis, from_ms)], now_ms)
    return read


def read_many(connection: Connection, asked: Sequence[Asked], now_ms: int) -> list[Read]:
    """Read what many are judged on: at once if that is little, else in portions."""
    windows = [_windows(one, now_ms) for one in asked]
    try:
        return _read_some(connection, asked, windows, now_ms, _PORTION)
    except TooManyError:
        return [
            read
            for some in _portions(windows, now_ms)
            for read in _read_some(connection, asked[some], windows[some], now_ms, _MOST_ROWS)
        ]


@dataclass(frozen=True, slots=True)
class _Window:
    """What is needed of a series: from_ms <= time < to_ms; a value comes every `interval_ms`."""

    datastream_id: int
    from_ms: int
    to_ms: int
    interval_ms: int

    def expected(self, now_ms: int) -> int:
        """Tell about how many observations lie within."""
        return max(0, min(self.to_ms, now_ms) - self.from_ms) // max(self.interval_ms, 1_000) + 1


def _windows(asked: Asked, now_ms: int) -> list[_Window]:
    basis, from_ms = asked.basis, asked.from_ms
    if asked.datastream_id is not None:
        return _windows_of_samples(asked.datastream_id, basis, from_ms + 1)
    begins_ms = max(0, from_ms - from_ms % HOUR_MS - _lookback_ms(basis))
    every = {one.datastream_id: one.interval_ms for one in basis.sources}
    return [
        _Window(one, begins_ms, max(0, settled_hour(now_ms)), every.get(one, HOUR_MS))
        for one in sorted({*series_in(basis), *_thermometers(basis)})
    ]


def _windows_of_samples(datastream_id: int, basis: Basis, begins_ms: int) -> list[_Window]:
    """Go back further with a thermometer: it tells of what is measured after it."""
    ends_ms, every_ms = MAX_TIME_MS + 1, basis.condition.interval_ms
    own = _Window(datastream_id, max(0, begins_ms), ends_ms, every_ms)
    if basis.thermometer is None:
        return [own]
    warm_ms = max(0, begins_ms - THERMOMETER_MS)
    warmth = _Window(basis.thermometer.datastream_id, warm_ms, ends_ms, every_ms)
    return sorted([own, warmth], key=lambda one: one.datastream_id)


def _portions(windows: Sequence[Sequence[_Window]], now_ms: int) -> Iterator[slice]:
    """Part what is needed so that not too much is read at once, as far as one alone is not."""
    first, count = 0, 0
    for at, own in enumerate(windows):
        more = sum(one.expected(now_ms) for one in own)
        if at > first and count + more > _PORTION:
            yield slice(first, at)
            first, count = at, 0
        count += more
    if windows:
        yield slice(first, len(windows))


def _read_some(
    connection: Connection,
    asked: Sequence[Asked],
    windows: Sequence[Sequence[_Window]],
    now_ms: int,
    limit: int,
) -> list[Read]:
    """Read what some need, each observation once; raises TooManyError beyond the limit."""
    needs: dict[int, tuple[int, int]] = {}
    for one in chain.from_iterable(windows):
        from_ms, to_ms = needs.get(one.datastream_id, (one.from_ms, one.to_ms))
        needs[one.datastream_id] = (min(from_ms, one.from_ms), max(to_ms, one.to_ms))
    ends = np.array(list(needs.values()), dtype=np.int64).reshape(len(needs), 2)
    wanted = Windows(np.array(list(needs), dtype=np.int32), ends[:, 0], ends[:, 1])
    rows = read_windows(connection, wanted, limit, _REMEDY)
    pairs = zip(asked, windows, strict=True)
    return [_read(one, _part(rows, own), now_ms) for one, own in pairs]


def _part(rows: Rows, windows: Sequence[_Window]) -> Rows:
    """Take out what one needs, as if that alone had been read."""
    parts = [_within(rows.of(one.datastream_id), one) for one in windows]
    if len(parts) == 1:
        return parts[0]
    return Rows(
        np.concatenate([one.datastream_id for one in parts]),
        np.concatenate([one.time_ms for one in parts]),
        np.concatenate([one.value for one in parts]),
        np.concatenate([one.quality for one in parts]),
    )


def _within(rows: Rows, window: _Window) -> Rows:
    first, end = np.searchsorted(rows.time_ms, [window.from_ms, window.to_ms])
    part = slice(int(first), int(end))
    return Rows(rows.datastream_id[part], rows.time_ms[part], rows.value[part], rows.quality[part])


def _read(asked: Asked, rows: Rows, now_ms: int) -> Read:
    basis = asked.basis
    if asked.datastream_id is None:
        samples = samples_of(basis, rows, asked.from_ms)
        return Read(samples.since(asked.from_ms + 1), settled_hour(now_ms))
    season = basis.condition.season
    samples = samples_in(rows, asked.datastream_id, basis.thermometer, season)
    own = rows.of(asked.datastream_id)
    # What a clock that ran ahead said is no measure of how far was looked.
    told_ms = own.time_ms[(own.quality & int(Test.FUTURE_TIME)) == 0]
    return Read(samples, int(told_ms[-1]) if len(told_ms) else None)


def samples_of(basis: Basis, rows: Rows, from_ms: int) -> Samples:
    """Make samples by the hour of observations of the series they are made of."""
    season = basis.condition.season
    hours = {one.datastream_id: _hours(rows, one, season) for one in basis.sources}
    own, window_ms = hours[basis.sources[0].datastream_id], basis.window_ms
    if basis.input is InputKind.ROOT_ZONE_MEAN:
        return _root_zone(basis, hours)
    if basis.input is InputKind.DIFFERENCE and basis.other is not None:
        return inputs.difference(own, _hours(rows, basis.other, season))
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


def _hours(rows: Rows, source: Source, season: Season | None) -> Hours:
    """Make the hours of a series; what was measured in frozen soil is in none of them."""
    own, thermometer = rows.of(source.datastream_id), source.thermometer
    value = own.value
    if thermometer is not None:
        told = rows.of(thermometer.datastream_id)
        warmth = stored_samples(told.time_ms, told.value, told.quality)
        frozen = is_frozen(own.time_ms, warmth, thermometer.thawed_above, season)
        value = np.where(frozen, np.nan, value)
    return hours_of(own.time_ms, value, own.quality, source.interval_ms)


def _thermometers(basis: Basis) -> list[int]:
    sources = (*basis.sources, *([basis.other] if basis.other else []))
    return [one.thermometer.datastream_id for one in sources if one.thermometer is not None]


def _lookback_ms(basis: Basis) -> int:
    """Tell how much of the past a value by the hour looks at."""
    return basis.window_ms + HOUR_MS + (THERMOMETER_MS if _thermometers(basis) else 0)
