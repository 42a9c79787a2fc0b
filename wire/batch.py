"""The batch codec: columns of scaled-integer differences as JSON, compressed (packing.py).

    {"v":1, "clock":"ntp", "t":[first_ms, step_ms, count],
     "s":[{"n":"dune-3/soil-30cm/vwc_raw", "e":-2, "d":[249340,-12,0], "q":[[1,2],[3,1]]},
          {"n":"dune-3/mast/rain", "e":-1, "t":[first_ms,[0,600000,1800000]], "d":[0,2,null],
           "m":[[2,"timeout"]]}]}

Exact: a decimal that went in comes out as the same decimal. Pure; written once for both sides.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import lru_cache
from itertools import accumulate, chain, groupby, pairwise, repeat
from typing import Annotated, Any, NamedTuple, cast

import msgspec

from wire import packing
from wire.errors import ContractError
from wire.messages import DATASTREAM_NAME, ClockSource
from wire.quality import Flag

VERSION = 1

# What one batch may cost the server, from the contract: decompression stops at the limit.
MAX_COMPRESSED_BYTES = 256 * 1024
MAX_JSON_BYTES = 4 * 1024 * 1024
MAX_VALUES = 200_000
# Up to 2^53 a double holds every integer, so `mantissa / 10^n` is the double nearest the decimal.
MAX_MANTISSA = 2**53
MIN_EXPONENT, MAX_EXPONENT = -12, 12
MAX_TIME_MS = 253_402_300_799_999  # 9999-12-31: the last instant both databases hold
MAX_REASON_CHARS = 80

_NAME = re.compile(DATASTREAM_NAME)
_MAX_DIGITS = len(str(MAX_MANTISSA))  # keeps 1E+1000000 from being written out in full
_MAX_INT64 = 2**63 - 1


class Sample(NamedTuple):
    """One observation of a series. `value` is None when missing, and `reason` then says why."""

    time_ms: int
    value: Decimal | None
    flag: Flag = Flag.PASS
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """One datastream's columns; value = mantissa x 10^exponent, None where missing.

    `flags` is None when all present values passed; `reasons` maps the index of a missing value.
    """

    name: str
    times_ms: Sequence[int]
    exponent: int
    mantissas: Sequence[int | None]
    flags: Sequence[Flag] | None = None
    reasons: Mapping[int, str] = field(default_factory=dict)

    def samples(self) -> Iterator[Sample]:
        """Read the columns as rows."""
        scale = Decimal(1).scaleb(self.exponent)
        flags = self.flags or repeat(Flag.PASS)
        rows = zip(self.times_ms, self.mantissas, flags, strict=False)
        for index, (time_ms, mantissa, flag) in enumerate(rows):
            if mantissa is None:
                yield Sample(time_ms, None, Flag.MISSING, self.reasons.get(index, ""))
            else:
                yield Sample(time_ms, mantissa * scale, flag)


@dataclass(frozen=True, slots=True)
class Batch:
    """A decoded batch: how its clock was known, and its series, one behind the other in columns.

    `counts` says how many rows each series has and `times_ms` at which instants; series that share
    their instants share one object. `mantissas`, `flags` and `reasons` are as in `Series`, over the
    rows of all.
    """

    clock: ClockSource
    names: Sequence[str]
    counts: Sequence[int]
    exponents: Sequence[int]
    times_ms: Sequence[Sequence[int]]
    mantissas: Sequence[int | None]
    flags: Sequence[Flag] | None = None
    reasons: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        """Count the observations, missing ones included."""
        return len(self.mantissas)

    @property
    def series(self) -> list[Series]:
        """Give each series by itself."""
        ends = accumulate(self.counts)
        rows = zip(self.names, self.exponents, self.times_ms, self.counts, ends, strict=True)
        return [
            self._cut(Series(name, times, exponent, ()), end - count, end)
            for name, exponent, times, count, end in rows
        ]

    def _cut(self, head: Series, start: int, end: int) -> Series:
        flags = None if self.flags is None else self.flags[start:end]
        reasons = {row - start: why for row, why in self.reasons.items() if start <= row < end}
        return replace(head, mantissas=self.mantissas[start:end], flags=flags, reasons=reasons)


# ---------------------------------------------------------------- writing


def representable(value: Decimal) -> bool:
    """Tell whether the codec can carry a value exactly."""
    if not value.is_finite() or value.adjusted() > _MAX_DIGITS:
        return False
    mantissa, exponent = _exact(value)
    return exponent >= MIN_EXPONENT and abs(mantissa) <= MAX_MANTISSA


def encode(clock: ClockSource, samples: Mapping[str, Sequence[Sample]]) -> bytes:
    """Write a batch; raises ValueError for whatever `decode` would refuse.

    That is too many values, one that is not `representable`, a name or an instant out of form.
    The series are asked for one after the other, so that a mapping may make each when it is wanted.
    """
    pieces: list[_Piece] = []
    count = 0
    for name, rows in samples.items():
        count += len(rows)
        if count > MAX_VALUES:
            raise ValueError(f"a batch holds at most {MAX_VALUES} values")
        _check_series(name, rows)
        ordered = sorted(rows, key=lambda sample: sample.time_ms)
        pieces += [_piece(name, block) for block in _blocks(ordered)]
    head: dict[str, Any] = {"v": VERSION, "clock": clock.value}
    shared = _most_common([piece.times for piece in pieces])
    if shared:
        head["t"] = msgspec.Raw(shared)
    head["s"] = _shortest_first(pieces, shared)
    return packing.pack(msgspec.json.encode(head))


class _Piece(NamedTuple):
    """A series, or what of it goes by one exponent, as JSON but for its times: these are put in.

    As text it takes a tenth of the room that its samples took.
    """

    name: str
    times: bytes
    head: bytes
    tail: bytes

    def text(self, shared: bytes) -> bytes:
        """Write it, its times only if they are not the shared ones."""
        times = b"" if self.times == shared else b',"t":' + self.times
        return self.head + times + self.tail


def _most_common(times: Sequence[bytes]) -> bytes:
    """Choose the times that most series share, to be written once; b"" where there are none."""
    return max(Counter(times).items(), key=lambda found: found[1], default=(b"", 0))[0]


def _shortest_first(pieces: Sequence[_Piece], shared: bytes) -> list[msgspec.Raw]:
    """Put together what is alike, quiet series before restless ones: zlib packs them 1 % better.

    The pieces of a name stay in their order.
    """
    texts = [piece.text(shared) for piece in pieces]
    lengths: Counter[str] = Counter()
    for piece, text in zip(pieces, texts, strict=True):
        lengths[piece.name] += len(text)
    order = sorted(range(len(texts)), key=lambda place: lengths[pieces[place].name])
    return [msgspec.Raw(texts[place]) for place in order]


def _check_series(name: str, rows: Sequence[Sample]) -> None:
    if not _NAME.match(name):
        raise ValueError(f"'{name[:80]}' is no datastream's name")
    if any(not 0 <= sample.time_ms <= MAX_TIME_MS for sample in rows):
        raise ValueError(f"{name}: an instant lies outside the years 1970 to 9999")


def _blocks(rows: Sequence[Sample]) -> Iterator[list[Sample]]:
    """Cut a series where one exponent could no longer carry all of its values exactly."""
    block: list[Sample] = []
    exponent, widest = 0, 0
    for sample in rows:
        if sample.value is not None:
            if not representable(sample.value):
                raise ValueError(f"the codec cannot carry {sample.value} exactly")
            mantissa, own = _exact(sample.value)
            magnitude = abs(mantissa)
            finest = min(exponent, own)
            grown = max(widest * 10 ** (exponent - finest), magnitude * 10 ** (own - finest))
            if grown > MAX_MANTISSA:
                yield block
                block, finest, grown = [], own, magnitude
            exponent, widest = finest, grown
        block.append(sample)
    if block:
        yield block


def _piece(name: str, block: Sequence[Sample]) -> _Piece:
    values = [None if sample.value is None else _exact(sample.value) for sample in block]
    exponent = min((value[1] for value in values if value is not None), default=0)
    mantissas = [None if v is None else v[0] * 10 ** (v[1] - exponent) for v in values]
    columns: dict[str, Any] = {"d": _differences(mantissas)}
    flags = [Flag.PASS if sample.value is None else sample.flag for sample in block]
    if any(flag != Flag.PASS for flag in flags):
        columns["q"] = [[int(flag), len(list(run))] for flag, run in groupby(flags)]
    reasons = [
        [i, s.reason[:MAX_REASON_CHARS]]
        for i, s in enumerate(block)
        if s.value is None and s.reason
    ]
    if reasons:
        columns["m"] = reasons
    times = msgspec.json.encode(_times([sample.time_ms for sample in block]))
    head = msgspec.json.encode({"n": name, "e": exponent})[:-1]
    return _Piece(name, times, head, b"," + msgspec.json.encode(columns)[1:])


def _exact(value: Decimal) -> tuple[int, int]:
    """Split a finite decimal into mantissa and exponent <= 0, without trailing zeros.

    By its digits, not by Decimal arithmetic, which would round to the context's precision.
    """
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise TypeError(f"{value} is not a finite number")
    mantissa = int("".join(map(str, digits)))
    if mantissa == 0:
        return 0, 0
    while exponent < 0 and mantissa % 10 == 0:
        mantissa, exponent = mantissa // 10, exponent + 1
    if exponent > 0:
        mantissa, exponent = mantissa * 10**exponent, 0
    return (-mantissa if sign else mantissa), exponent


def _differences(mantissas: Sequence[int | None]) -> list[int | None]:
    out: list[int | None] = []
    last = 0
    for mantissa in mantissas:
        out.append(None if mantissa is None else mantissa - last)
        last = last if mantissa is None else mantissa
    return out


def _times(times: Sequence[int]) -> list[Any]:
    """Write instants as [first, step, count] where they are regular, else [first, [offsets]]."""
    first = times[0]
    steps = {later - earlier for earlier, later in pairwise(times)}
    if len(steps) <= 1:
        return [first, steps.pop() if steps else 0, len(times)]
    return [first, [instant - first for instant in times]]


# ---------------------------------------------------------------- reading

_Delta = Annotated[int, msgspec.Meta(ge=-2 * MAX_MANTISSA, le=2 * MAX_MANTISSA)]
_Int64 = Annotated[int, msgspec.Meta(ge=-_MAX_INT64, le=_MAX_INT64)]
_Times = list[_Int64 | list[_Int64]]


class _SeriesFields(msgspec.Struct, gc=False):
    n: str  # checked by `_check_name`, which remembers
    d: list[_Delta | None]
    e: Annotated[int, msgspec.Meta(ge=MIN_EXPONENT, le=MAX_EXPONENT)] = 0
    t: _Times | None = None
    q: list[tuple[int, _Int64]] | None = None
    m: list[tuple[_Int64, str]] = []


class _BatchFields(msgspec.Struct, gc=False):
    v: int
    s: list[_SeriesFields]
    clock: ClockSource = ClockSource.UNKNOWN
    t: _Times | None = None


_decoder = msgspec.json.Decoder(_BatchFields)


def decode(payload: bytes) -> Batch:
    """Read a batch; raises ContractError with a reason for anything that is not one."""
    try:
        fields = _decoder.decode(_decompress(payload))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ContractError(f"not a batch: {error}") from None
    if fields.v != VERSION:
        raise ContractError(
            f"batch version {fields.v} is not known; this server reads version {VERSION}"
        )
    counts = [len(one.d) for one in fields.s]
    if sum(counts) > MAX_VALUES:
        raise ContractError(f"batch holds over {MAX_VALUES} values")
    names = [one.n for one in fields.s]
    for name in names:
        _check_name(name)
    times_ms = _read_all_times(fields, counts)
    mantissas = _read_mantissas(fields.s)
    return Batch(
        clock=fields.clock,
        names=names,
        counts=counts,
        exponents=[one.e for one in fields.s],
        times_ms=times_ms,
        mantissas=mantissas,
        flags=_read_flags(fields.s, mantissas),
        reasons=_read_reasons(fields.s, mantissas),
    )


@lru_cache(maxsize=50_000)
def _check_name(name: str) -> None:
    """Refuse what is no datastream's name; a fleet says the same few again and again."""
    if not _NAME.match(name):
        raise ContractError(f"'{name[:80]}' is no datastream's name: thing/sensor/property")


def _decompress(payload: bytes) -> bytes:
    if len(payload) > MAX_COMPRESSED_BYTES:
        raise ContractError(f"batch of {len(payload)} bytes is over {MAX_COMPRESSED_BYTES}")
    text = packing.unpack(payload, MAX_JSON_BYTES)
    if text is None:
        raise ContractError(f"batch is over {MAX_JSON_BYTES} bytes when decompressed")
    return text


def _read_all_times(fields: _BatchFields, counts: Sequence[int]) -> list[Sequence[int]]:
    """Give the instants of each series; what is shared is read once for each length."""
    shared: dict[int, Sequence[int]] = {}
    times: list[Sequence[int]] = []
    for one, count in zip(fields.s, counts, strict=True):
        if one.t is not None:
            times.append(_read_times(one.t, count, one.n))
            continue
        if count not in shared:
            shared[count] = _read_times(fields.t, count, one.n)
        times.append(shared[count])
    return times


def _read_times(times: _Times | None, count: int, name: str) -> Sequence[int]:
    match times:
        case [int(first), int(step), int(given)] if given == count and count > 0:
            instants: Sequence[int] = (
                range(first, first + step * count, step) if step else [first] * count
            )
            ends = first, first + step * (count - 1)
        case [int(first), list(offsets)] if len(offsets) == count and count > 0:
            instants = [first + offset for offset in offsets]
            ends = min(instants), max(instants)
        case _:
            raise ContractError(f"{name}: its times do not match its {count} values")
    if min(ends) < 0 or max(ends) > MAX_TIME_MS:
        raise ContractError(f"{name}: an instant lies outside the years 1970 to 9999")
    return instants


def _read_mantissas(series: Sequence[_SeriesFields]) -> list[int | None]:
    """Add up the differences of each series, and put all series into one column."""
    mantissas = list(chain.from_iterable([one.d for one in series]))
    is_whole = None not in mantissas
    if len(mantissas) > len(series):
        sums = [_accumulate(one.d, is_whole=is_whole) for one in series]
        mantissas = list(chain.from_iterable(sums))
    present = cast("list[int]", mantissas) if is_whole else [m for m in mantissas if m is not None]
    if present and (max(present) > MAX_MANTISSA or min(present) < -MAX_MANTISSA):
        raise ContractError(f"{_owner_of_too_large(series)}: a value has over 53 bits")
    return mantissas


def _accumulate(deltas: Sequence[int | None], *, is_whole: bool) -> Iterable[int | None]:
    if is_whole:
        return accumulate(deltas)
    out: list[int | None] = []
    last = 0
    for delta in deltas:
        last += delta or 0
        out.append(None if delta is None else last)
    return out


def _owner_of_too_large(series: Sequence[_SeriesFields]) -> str:
    for one in series:
        if any(abs(sum_) > MAX_MANTISSA for sum_ in accumulate(delta or 0 for delta in one.d)):
            return one.n
    return ""


def _read_flags(
    series: Sequence[_SeriesFields], mantissas: Sequence[int | None]
) -> list[Flag] | None:
    """Lay out the runs of flags; a missing value is MISSING whatever is said of it."""
    is_whole = None not in mantissas
    if is_whole and all(one.q is None for one in series):
        return None
    flags = list(chain.from_iterable(_read_runs(one) for one in series))
    if is_whole:
        return flags
    return [Flag.MISSING if m is None else flag for m, flag in zip(mantissas, flags, strict=True)]


def _read_runs(fields: _SeriesFields) -> Iterable[Flag]:
    if fields.q is None:
        return repeat(Flag.PASS, len(fields.d))
    if any(run < 0 for _, run in fields.q) or sum(run for _, run in fields.q) != len(fields.d):
        raise ContractError(f"{fields.n}: its quality runs do not add up to its values")
    try:
        return list(chain.from_iterable(repeat(Flag(flag), run) for flag, run in fields.q))
    except ValueError:
        raise ContractError(f"{fields.n}: a quality flag is none of QARTOD's") from None


def _read_reasons(
    series: Sequence[_SeriesFields], mantissas: Sequence[int | None]
) -> dict[int, str]:
    """Map the rows of missing values to why they are missing."""
    reasons: dict[int, str] = {}
    start = 0
    for one in series:
        for index, reason in one.m:
            if not 0 <= index < len(one.d) or mantissas[start + index] is not None:
                raise ContractError(f"{one.n}: a reason is given for a value that is not missing")
            reasons[start + index] = reason[:MAX_REASON_CHARS]
        start += len(one.d)
    return reasons
