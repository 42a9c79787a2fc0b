"""Observations of one datastream over a range of time, as JSON columns or CSV."""

from enum import StrEnum
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field
from sqlalchemy import Connection

from server.api import queries
from server.api.columns import Columns, Window, csv_lines, read_columns
from server.api.edge import Parameters, Services, ServicesDep, next_address
from server.api.instants import InstantParameter, iso
from server.api.problems import ProblemError, documented
from server.api.schemas import Datastream, Observations, Reason

router = APIRouter(prefix="/api/v1", tags=["observations"])

DEFAULT_LIMIT = 20_000
# About 5 MB as JSON: what a phone still takes, and a fraction of a second to read.
MAX_LIMIT = 200_000
DAY_MS = 86_400_000


class Format(StrEnum):
    """How observations are written."""

    JSON = "json"
    CSV = "csv"


class ObservationParameters(Parameters):
    """Which observations: from <= time < to, and at most `limit` of them."""

    datastream: Annotated[int, Field(ge=1, le=2**31 - 1, description="The datastream's id")]
    since: (
        Annotated[
            InstantParameter,
            Field(description="First instant, included; unless given, a day before `to` or now"),
        ]
        | None
    ) = Field(default=None, alias="from")
    to: (
        Annotated[
            InstantParameter,
            Field(description="Last instant, not included; without it there is no end"),
        ]
        | None
    ) = None
    format: Format = Format.JSON
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT


@router.get(
    "/observations",
    summary="Read the observations of a datastream in a range of time",
    response_model=Observations,
    responses={
        HTTPStatus.OK.value: {
            "description": "Columns as JSON; or CSV with the columns time, value, unit, quality, "
            "flag, reason, and what follows in the header Link with rel=next",
            "content": {"text/csv": {"schema": {"type": "string"}}},
        },
        **documented(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY),
    },
)
def read_observations(
    request: Request, services: ServicesDep, wanted: Annotated[ObservationParameters, Query()]
) -> Observations | Response:
    """Answer in time order. Times are ISO 8601 with Z or an offset, or milliseconds since 1970."""
    from_ms = _start(services, wanted.since, wanted.to)
    window = Window(wanted.datastream, from_ms, wanted.to, wanted.limit)
    with services.engine.connect() as connection:
        series = _series(connection, wanted.datastream)
        columns = read_columns(connection, services.store, window)
    more = None
    if columns.more:
        more = next_address(request, **{"from": iso(int(columns.time[-1]) + 1)})
    if wanted.format is Format.CSV:
        return _csv(series, columns, more)
    return _json(series, columns, more)


def _start(services: Services, since: int | None, to: int | None) -> int:
    if since is None:
        return max(0, (services.clock() if to is None else to) - DAY_MS)
    if to is not None and to < since:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"query.to ({iso(to)}) lies before query.from ({iso(since)})",
        )
    return since


def _series(connection: Connection, datastream_id: int) -> Datastream:
    found = queries.datastream(connection, datastream_id)
    if found is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, f"There is no datastream {datastream_id}.")
    return found


def _json(series: Datastream, columns: Columns, more: str | None) -> Observations:
    return Observations(
        datastream=series.id,
        name=series.name,
        unit=series.unit,
        time=columns.time.tolist(),
        value=columns.values(),
        quality=columns.quality.tolist(),
        reason=[Reason(index=index, reason=text) for index, text in columns.reasons.items()],
        next=more,
    )


def _csv(series: Datastream, columns: Columns, more: str | None) -> Response:
    name = series.name.replace("/", "_")
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    if more is not None:
        headers["Link"] = f'<{more}>; rel="next"'
    return StreamingResponse(
        csv_lines(columns, series.unit), media_type="text/csv; charset=utf-8", headers=headers
    )
