"""The account of a gateway in words."""

from collections.abc import Iterator, Sequence

from server.db.instant import to_datetime
from server.ledger.account import Account, Lack
from server.ledger.gaps import Cause, Gap
from server.ledger.series import SeriesGaps
from server.ledger.tally import Tally, percent

_MAX_LACKS, _MAX_GAPS = 10, 5
_WORDS = {
    Cause.SENSOR_MISSING: "sensor missing",
    Cause.NOT_YET_RECEIVED: "not yet received",
    Cause.WAITING: "waiting for an inventory",
    Cause.REFUSED: "refused",
    Cause.LOST: "lost",
    Cause.SET_ASIDE: "in the damaged file that its gateway set aside",
    Cause.GATEWAY_OFF: "gateway off or cut off",
    Cause.UNEXPLAINED: "not explained: the gateway's other series are there",
}


def completeness(tallies: Sequence[Tally]) -> str:
    """Say how complete outboxes have arrived: "99.97 %, 3 holes, 1 lost"; counts are of batches."""
    if not any(one.sealed for one in tallies):
        return "nothing sealed yet"
    expected = sum(one.expected for one in tallies)
    counts = {
        "hole": sum(one.holes for one in tallies),
        "lost": sum(one.lost for one in tallies),
        "refused": sum(one.refused for one in tallies),
        "waiting": sum(one.waiting for one in tallies),
        "in a file set aside": sum(one.set_aside for one in tallies),
        "carried over": sum(one.carried for one in tallies),
    }
    parts = [_share(percent(sum(one.stored for one in tallies), expected))]
    for word, number in counts.items():
        if number:
            plural = "s" if word == "hole" and number > 1 else ""
            parts.append(f"{number} {word}{plural}")
    return ", ".join(parts)


def lines(account: Account) -> Iterator[str]:
    """Write an account for a terminal."""
    tallies = [one.tally for one in account.outboxes]
    yield f"{account.gateway}: {completeness(tallies)}"
    for outbox in account.outboxes:
        tally = outbox.tally
        name = f"{tally.epoch} (closed)" if tally.closed else tally.epoch
        yield f"  outbox {name}: {completeness([tally])} ({tally.sealed} batches sealed)"
        yield from (f"    {_lack(one)}" for one in outbox.lacks[:_MAX_LACKS])
        yield from _more(len(outbox.lacks) - _MAX_LACKS, "    ")
    if account.series:
        yield f"  series from {_utc(account.span.from_ms)} to {_utc(account.span.to_ms)} UTC:"
    for series in account.series:
        yield from _series(series, account.span.from_ms)


def _series(series: SeriesGaps, from_ms: int) -> Iterator[str]:
    since = f", since {_utc(series.from_ms)}" if series.from_ms > from_ms + 86_400_000 else ""
    yield (
        f"    {series.name}: {_share(series.completeness)}, {series.values} of "
        f"{series.expected} values{since}"
    )
    yield from (f"      {_gap(gap)}" for gap in series.gaps[-_MAX_GAPS:])
    yield from _more(len(series.gaps) - _MAX_GAPS + series.more_gaps, "      ")


def _gap(gap: Gap) -> str:
    reason = f" ({gap.reason})" if gap.reason else ""
    words = _WORDS[gap.cause]
    return f"{_utc(gap.from_ms)} to {_utc(gap.to_ms)}: {gap.count} absent, {words}{reason}"


def _lack(lack: Lack) -> str:
    numbers = f"{lack.first}" if lack.first == lack.last else f"{lack.first} to {lack.last}"
    since = f"from {_utc(lack.from_ms)} " if lack.from_ms is not None else ""
    until = f"until {_utc(lack.to_ms)}" if lack.to_ms is not None else ""
    when = f", {since}{until}".rstrip() if since or until else ""
    return f"{_WORDS[lack.cause]}: {numbers}{when}"


def _more(count: int, indent: str) -> Iterator[str]:
    if count > 0:
        yield f"{indent}and {count} more"


def _share(share: float) -> str:
    return "100 %" if share == 100 else f"{share:.2f} %"


def _utc(time_ms: int) -> str:
    return f"{to_datetime(time_ms):%Y-%m-%d %H:%M}"
