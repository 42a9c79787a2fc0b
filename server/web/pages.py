"""The live page, the columns its plots draw, and the files it is made of."""

from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, FastAPI, Query
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import BaseModel

from server.api import queries
from server.api.edge import DatastreamId, Services, ServicesDep
from server.api.instants import iso
from server.api.problems import ProblemError
from server.api.schemas import Datastream
from server.web import board, carry, sentences
from server.web.display import Display, age, display_for
from server.web.headers import SecurityHeaders
from server.web.plot import Plot, prepare
from wire.properties import Aggregate

router = APIRouter(include_in_schema=False)

_FOLDER = Path(__file__).parent
_HOUR_MS = 3_600_000
_MAX_HOURS = 24 * 400
# Sixty days at ten seconds; half a second to read.
MAX_PLOT_ROWS = 600_000
# A plot is at most about 1000 pixels wide; five points a pixel pair are drawn as one stroke.
_BUCKETS = 500


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"iso": iso, "age": age, "clock": _clock}
    return environment


def _clock(time_ms: int) -> str:
    """Write an instant for people, such as "2026-11-20 06:54 UTC"."""
    return f"{iso(time_ms)[:16].replace('T', ' ')} UTC"


_templates = _environment()


def install(app: FastAPI) -> None:
    """Add the pages, their files and the headers that keep them safe to the application."""
    app.include_router(router)
    app.include_router(carry.router)
    app.mount("/static", StaticFiles(directory=_FOLDER / "static"), name="static")
    app.add_middleware(SecurityHeaders)


@router.get("/", response_class=HTMLResponse)
def show_board(services: ServicesDep) -> HTMLResponse:
    """Every station's newest values."""
    html = _templates.get_template("board.html").render(
        board=_board(services), gateway_state=board.gateway_state, sentence=sentences
    )
    return HTMLResponse(html, headers={"Cache-Control": "no-store"})


def _board(services: Services) -> board.Board:
    now = services.clock()
    with services.engine.connect() as connection:
        return board.build(
            now,
            queries.sites(connection),
            queries.gateways(connection),
            queries.latest(connection),
        )


class PlotColumns(BaseModel):
    """What the browser draws: seconds since 1970, values in the unit people read."""

    style: str
    unit: str
    digits: int
    since: float
    until: float
    time: list[float]
    value: list[float | None]
    doubtful: list[float | None]
    sentence: str


@router.get("/plots/{datastream_id}")
def read_plot(
    services: ServicesDep,
    datastream_id: DatastreamId,
    hours: Annotated[int, Query(ge=1, le=_MAX_HOURS)] = 24,
) -> PlotColumns:
    """Columns of the last hours of a datastream, ready to be drawn."""
    until = services.clock()
    since = max(0, until - hours * _HOUR_MS)
    with services.engine.connect() as connection:
        series = queries.datastream(connection, datastream_id)
        if series is None:
            raise ProblemError(HTTPStatus.NOT_FOUND, f"There is no datastream {datastream_id}.")
        found = services.store.read_range(
            connection, datastream_id, since, until + 1, MAX_PLOT_ROWS
        )
    plot = prepare(found, series.interval_s, _BUCKETS)
    display, style = display_for(series.property, series.unit), _style(series)
    return PlotColumns(
        style=style,
        unit=display.symbol,
        digits=display.digits,
        since=since / 1000,
        until=until / 1000,
        time=(plot.time_ms / 1000).tolist(),
        value=_shown(plot.value.tolist(), display),
        doubtful=_shown(plot.flagged.tolist(), display),
        sentence=_sentence(plot, display, style),
    )


def _style(series: Datastream) -> str:
    """Draw sums as bars, and a direction as points: 359° lies beside 0°."""
    styles = {Aggregate.SUM.value: "bars", Aggregate.VECTOR_MEAN.value: "points"}
    return styles.get(series.aggregate, "line")


def _shown(values: Sequence[float], display: Display) -> list[float | None]:
    return [None if value != value else display.shown(value) for value in values]  # noqa: PLR0124 - NaN


def _sentence(plot: Plot, display: Display, style: str) -> str:
    """Say what the plot shows: "1,440 readings, from 4.1 % vol to 12.3 % vol; 2 gaps."."""
    if not plot.readings:
        return "No reading in this time."
    shown = [value for value in plot.value.tolist() if value == value]  # noqa: PLR0124 - NaN
    low, high = display.text(min(shown)), display.text(max(shown))
    said = f"{sentences.plural(plot.readings, 'reading')}, "
    if style == "bars":
        said += f"{display.text(plot.total)} in all, at most {high}"
    else:
        said += f"all {low}" if low == high else f"from {low} to {high}"
    extra = [
        sentences.plural(plot.gaps, "gap") if plot.gaps else "",
        f"{plot.missing:,} missing" if plot.missing else "",
        f"{plot.doubtful:,} suspect" if plot.doubtful else "",
    ]
    said = "; ".join([said, *filter(None, extra)]) + "."
    if plot.readings + plot.missing >= MAX_PLOT_ROWS:
        said += " There are more than can be drawn: what came after them is left out."
    return said
