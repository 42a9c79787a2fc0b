"""The columns that the plots of the live page draw, and what they say in words.

A short range is drawn from its observations, each suspect one marked; of a long one buckets are
drawn, with mean, lowest and highest.
"""

from http import HTTPStatus
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query
from pydantic import BaseModel

from server.api.edge import DatastreamId, ServicesDep
from server.api.problems import ProblemError
from server.api.series.assembly import Question, assemble, level_for
from server.api.series.choice import HOUR_MS, Level
from server.api.series.known import Known, reading_known
from server.store.port import Floats
from server.store.reading.series import Span
from server.web import sentences
from server.web.display import Display, display_for
from server.web.envelope import Envelope, envelope
from server.web.plot import Plot, prepare

router = APIRouter(include_in_schema=False)

_MAX_HOURS = 24 * 400
# What is read of observations is far less when the interval is right; a few minutes at most.
MAX_PLOT_ROWS = 600_000
# A plot is at most about 1000 pixels wide; five points a pixel pair are drawn as one stroke.
_SLICES = 500
_BUCKETS = 1000
# Up to how many observations a plot is drawn from them.
_POINTS_READ = 2000
# What is told as 100.0 % is not told.
_COMPLETE = 0.9995


class PlotColumns(BaseModel):
    """What the browser draws: seconds since 1970, values in the unit people read.

    `low` and `high` are None where observations are drawn, and where they would say nothing.
    """

    style: str
    unit: str
    digits: int
    since: float
    until: float
    time: list[float]
    value: list[float | None]
    doubtful: list[float | None]
    low: list[float | None] | None = None
    high: list[float | None] | None = None
    sentence: str


@router.get("/plots/{datastream_id}")
def read_plot(
    services: ServicesDep,
    datastream_id: DatastreamId,
    hours: Annotated[int, Query(ge=1, le=_MAX_HOURS)] = 24,
) -> PlotColumns:
    """Columns of the last hours of a datastream, ready to be drawn."""
    until = services.clock()
    span = Span(max(0, until - hours * HOUR_MS), until + 1)
    with reading_known(services.engine, services.read_timeout_s, [datastream_id]) as opened:
        if not opened.known:
            raise ProblemError(HTTPStatus.NOT_FOUND, f"There is no datastream {datastream_id}.")
        (series,) = opened.known
        level = level_for(opened.known, Question(span, _POINTS_READ), opened.horizons)
        if level is not Level.RAW:
            question = Question(span, _BUCKETS, level)
            answer = assemble(opened, question, until)
            return _of_buckets(series, span, envelope(answer))
        rows = services.store.read_range(
            opened.connection, datastream_id, span.from_ms, span.to_ms, MAX_PLOT_ROWS
        )
    return _of_observations(series, span, prepare(rows, series.interval_s, _SLICES))


def _of_observations(series: Known, span: Span, plot: Plot) -> PlotColumns:
    display, style = display_for(series.property_key, series.unit), _style(series)
    return PlotColumns(
        style=style,
        unit=display.symbol,
        digits=display.digits,
        since=span.from_ms / 1000,
        until=(span.to_ms - 1) / 1000,
        time=(plot.time_ms / 1000).tolist(),
        value=_shown(plot.value, display),
        doubtful=_shown(plot.flagged, display),
        sentence=_sentence(plot, display, style),
    )


def _of_buckets(series: Known, span: Span, plot: Envelope) -> PlotColumns:
    display, style = display_for(series.property_key, series.unit), _style(series)
    is_band = style == "line"
    return PlotColumns(
        style=style,
        unit=display.symbol,
        digits=display.digits,
        since=span.from_ms / 1000,
        until=(span.to_ms - 1) / 1000,
        time=(plot.time_ms / 1000).tolist(),
        value=_shown(plot.value, display),
        doubtful=[None] * len(plot.value),
        low=_shown(plot.low, display) if is_band else None,
        high=_shown(plot.high, display) if is_band else None,
        sentence=_sentence_of_buckets(plot, display, style),
    )


def _style(series: Known) -> str:
    """Draw sums as bars, and a direction as points: 359° lies beside 0°."""
    if series.is_amount:
        return "bars"
    return "points" if series.is_direction else "line"


def _shown(values: Floats, display: Display) -> list[float | None]:
    return [None if one != one else display.shown(one) for one in values.tolist()]  # noqa: PLR0124 - NaN


def _sentence(plot: Plot, display: Display, style: str) -> str:
    """Say what the plot shows: "1,440 readings, from 4.1 % vol to 12.3 % vol; 2 gaps."."""
    if not plot.readings:
        return "No reading in this time."
    said = f"{sentences.plural(plot.readings, 'reading')}, "
    said += _extent(plot.value, plot.total, display, style)
    said = _with_extra(
        said,
        sentences.plural(plot.gaps, "gap") if plot.gaps else "",
        f"{plot.missing:,} missing" if plot.missing else "",
        f"{plot.doubtful:,} suspect" if plot.doubtful else "",
    )
    if plot.readings + plot.missing >= MAX_PLOT_ROWS:
        said += " There are more than can be drawn: what came after them is left out."
    return said


def _sentence_of_buckets(plot: Envelope, display: Display, style: str) -> str:
    """Say it of buckets: "525,600 readings by the day, from 4.1 % vol to 12.3 % vol."."""
    if not plot.readings:
        return "No reading in this time."
    by = f"{sentences.plural(plot.readings, 'reading')} by {_length(plot.bucket_ms)}, "
    values = plot.value if style != "line" else np.concatenate([plot.low, plot.high])
    return _with_extra(
        by + _extent(values, plot.total, display, style),
        sentences.plural(plot.gaps, "gap") if plot.gaps else "",
        f"{plot.failed:,} failed" if plot.failed else "",
        f"{plot.share:.1%} complete" if plot.share is not None and plot.share < _COMPLETE else "",
    )


def _extent(values: Floats, total: float, display: Display, style: str) -> str:
    shown = values[~np.isnan(values)]
    if not len(shown):
        return "none of them good"
    low, high = display.text(float(shown.min())), display.text(float(shown.max()))
    if style == "bars":
        return f"{display.text(total)} in all, at most {high}"
    return f"all {low}" if low == high else f"from {low} to {high}"


def _with_extra(said: str, *extra: str) -> str:
    return "; ".join([said, *filter(None, extra)]) + "."


def _length(bucket_ms: int) -> str:
    hours = bucket_ms // HOUR_MS
    if hours < 24:
        return "the hour" if hours == 1 else f"{hours} hours"
    return "the day" if hours == 24 else f"{hours // 24} days"
