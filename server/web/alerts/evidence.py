"""What the evidence of a warning looks like: the series, where levels are, and when it was so."""

from collections.abc import Sequence

from pydantic import BaseModel

from server.alerts.condition import Severity
from server.alerts.kinds import InputKind
from server.alerts.machine import Change
from server.watch.reading import Happened, Lines
from server.web.display import Display
from server.web.plots import PlotColumns

HOUR_MS = 3_600_000
# Those that are judged on values of the series itself; of others a level is no value of it.
_OF_THE_SERIES = (InputKind.SAMPLE, InputKind.MEAN, InputKind.ROOT_ZONE_MEAN)
_LEAST_HOURS = 48
_MOST_HOURS = 24 * 400
_BY_CHANGE = (Change.LOST, Change.FOUND)


class LevelLine(BaseModel):
    """A level, in the unit of the plot."""

    value: float
    severity: str


class ActiveSpan(BaseModel):
    """While it was so: seconds since 1970; `until` is null while it is."""

    since: float
    until: float | None
    severity: str


class EvidencePlot(BaseModel):
    """What the browser draws."""

    columns: PlotColumns
    levels: list[LevelLine]
    spans: list[ActiveSpan]


def level_lines(lines: Lines, judged: str, display: Display) -> list[LevelLine]:
    """Give levels as values of the series, where they are."""
    if judged not in _OF_THE_SERIES:
        return []
    return [
        LevelLine(value=display.shown(one.threshold), severity=one.severity.name.lower())
        for one in lines.levels
    ]


def active_spans(history: Sequence[Happened]) -> list[ActiveSpan]:
    """Give the spans in which a level held, by what still stands of a record, newest first.

    A span begins where the run began that raised it, and ends where the one began that ended it.
    """
    spans: list[ActiveSpan] = []
    standing = [one for one in history if one.superseded_at_ms is None]
    for one in reversed(standing):
        if one.kind in _BY_CHANGE:
            continue
        if spans and spans[-1].until is None:
            spans[-1].until = one.since_ms / 1000
        if one.level_to:
            severity = Severity(one.level_to).name.lower()
            spans.append(ActiveSpan(since=one.since_ms / 1000, until=None, severity=severity))
    return spans


def hours_shown(since_ms: int | None, now_ms: int) -> int:
    """Choose how much is drawn: all of what lasts, and as much of what was before."""
    lasted = 0 if since_ms is None else (now_ms - since_ms) / HOUR_MS
    return round(min(_MOST_HOURS, max(_LEAST_HOURS, 2 * lasted)))
