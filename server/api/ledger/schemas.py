"""What the ledger answers with; batches are counted, and named by their sequence numbers."""

from pydantic import BaseModel, Field

from server.api.instants import Instant
from server.ledger.account import Account, Outbox
from server.ledger.gaps import Cause
from server.ledger.sentences import completeness
from server.ledger.series import SeriesGaps


class LedgerGap(BaseModel):
    """A stretch of a series without values: from <= time < to."""

    since: Instant = Field(serialization_alias="from")
    to: Instant
    absent: int = Field(description="How many values were expected and are not there")
    cause: Cause
    reason: str = Field(description="What the gateway noted where a value is missing")


class LedgerSeries(BaseModel):
    """How complete a series is, measured against its interval."""

    datastream: int
    name: str
    interval_s: float
    since: Instant = Field(
        serialization_alias="from", description="From when on something was expected and looked at"
    )
    expected: int
    values: int
    completeness: float = Field(description="Percent, rounded down to hundredths")
    gaps: list[LedgerGap] = Field(description="The longest 100, in order of time")
    more_gaps: int


class LedgerLack(BaseModel):
    """Batches first..last that are not stored, and between which instants they were sealed."""

    first: int
    last: int
    cause: Cause
    since: Instant | None = Field(serialization_alias="from")
    to: Instant | None


class LedgerOutbox(BaseModel):
    """One outbox file of a gateway (an epoch), in numbers of batches."""

    epoch: str
    summary: str
    first_seen_at: Instant
    reported_at: Instant | None = Field(description="When the gateway last spoke of it")
    completeness: float = Field(
        description="Stored of what is sealed and was not carried over, percent, rounded down"
    )
    sealed: int
    stored: int
    holes: int = Field(description="Sealed and not received; what may still come")
    refused: int
    waiting: int = Field(description="Received, and waiting for an inventory")
    lost: int = Field(description="What the gateway no longer has")
    closed: bool = Field(description="Its file was damaged and set aside; a newer outbox goes on")
    carried: int = Field(description="Not received, but its readings go on in a newer outbox")
    set_aside: int = Field(description="Not received; what may be in the file that was set aside")
    unconfirmed: int = Field(description="What the gateway says that it has yet to see confirmed")
    lacks: list[LedgerLack] = Field(description="Up to 50 of each cause, lowest numbers first")


class Ledger(BaseModel):
    """How complete everything is that a gateway has sealed and measured."""

    gateway: str
    summary: str = Field(examples=["99.97 %, 3 holes, 1 lost"])
    since: Instant = Field(serialization_alias="from")
    to: Instant
    outboxes: list[LedgerOutbox] = Field(description="The newest eight, newest first")
    series: list[LedgerSeries]


def present(account: Account) -> Ledger:
    """Write an account as the API answers it."""
    return Ledger(
        gateway=account.gateway,
        summary=completeness([one.tally for one in account.outboxes]),
        since=account.span.from_ms,
        to=account.span.to_ms,
        outboxes=[_outbox(one) for one in account.outboxes],
        series=[_series(one) for one in account.series],
    )


def _outbox(outbox: Outbox) -> LedgerOutbox:
    tally = outbox.tally
    return LedgerOutbox(
        epoch=tally.epoch,
        summary=completeness([tally]),
        first_seen_at=tally.first_seen_at,
        reported_at=tally.reported_at,
        completeness=tally.completeness,
        sealed=tally.sealed,
        stored=tally.stored,
        holes=tally.holes,
        refused=tally.refused,
        waiting=tally.waiting,
        lost=tally.lost,
        closed=tally.closed,
        carried=tally.carried,
        set_aside=tally.set_aside,
        unconfirmed=tally.unconfirmed,
        lacks=[
            LedgerLack(
                first=one.first, last=one.last, cause=one.cause, since=one.from_ms, to=one.to_ms
            )
            for one in outbox.lacks
        ],
    )


def _series(series: SeriesGaps) -> LedgerSeries:
    return LedgerSeries(
        datastream=series.datastream_id,
        name=series.name,
        interval_s=series.interval_s,
        since=series.from_ms,
        expected=series.expected,
        values=series.values,
        completeness=series.completeness,
        gaps=[
            LedgerGap(
                since=gap.from_ms,
                to=gap.to_ms,
                absent=gap.count,
                cause=gap.cause,
                reason=gap.reason,
            )
            for gap in series.gaps
        ],
        more_gaps=series.more_gaps,
    )
