"""Observations of one datastream over a range of time: JSON columns, CSV, Arrow, Parquet."""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field, model_validator
from sqlalchemy import Connection

from server.api import queries
from server.api.answers.sending import JSON, send, stream
from server.api.answers.tables import ARROW, PARQUET, arrow_stream, parquet
from server.api.columns import Columns, Source, Window, csv_lines, json_parts
from server.api.edge import Parameters, Services, ServicesDep, next_address
from server.api.instants import InstantParameter, iso
from server.api.problems import ProblemError, documented
from server.api.schemas import Datastream, Observations
from server.store.reading.bounded import reading
from wire.batch import MAX_TIME_MS

router = APIRouter(prefix="/api/v1", tags=["observations"])

DEFAULT_LIMIT = 20_000
# About 5 MB: what a phone still takes. Other formats are written as they are read, and take more.
MAX_JSON_LIMIT = 200_000
MAX_LIMIT = 10_000_000
DAY_MS = 86_400_000


class Format(StrEnum):
    """How observations are written."""

    JSON = "json"
    CSV = "csv"
    ARROW = "arrow"
    PARQUET = "parquet"


_MEDIA_TYPES = {
    Format.JSON: JSON,
    Format.CSV: "text/csv; charset=utf-8",
    Format.ARROW: ARROW,
    Format.PARQUET: PARQUET,
}


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
    limit: Annotated[
        int, Field(ge=1, le=MAX_LIMIT, description=f"As JSON at most {MAX_JSON_LIMIT}")
    ] = DEFAULT_LIMIT

    @model_validator(mode="after")
    def _json_is_short(self) -> "ObservationParameters":
        if self.format is Format.JSON and self.limit > MAX_JSON_LIMIT:
            raise ValueError(
                f"limit is at most {MAX_JSON_LIMIT} as JSON: follow `next`, or ask for "
                "format=csv, arrow or parquet"
            )
        return self


@router.get(
    "/observations",
    summary="Read the observations of a datastream in a range of time",
    response_model=Observations,
    responses={
        HTTPStatus.OK.value: {
            "description": "Columns as JSON; or CSV with the columns time, value, unit, quality, "
            "flag, reason; or an Arrow stream or Parquet file with the same columns, the unit in "
            "its metadata. But for JSON, what follows is in the header Link with rel=next",
            "content": {
                "text/csv": {"schema": {"type": "string"}},
                ARROW: {"schema": {"type": "string", "format": "binary"}},
                PARQUET: {"schema": {"type": "string", "format": "binary"}},
            },
        },
        **documented(
            HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.NOT_IMPLEMENTED
        ),
    },
)
def read_observations(
    request: Request, services: ServicesDep, wanted: Annotated[ObservationParameters, Query()]
) -> Response:
    """Answer in time order. Times are ISO 8601 with Z or an offset, or milliseconds since 1970."""
    from_ms = _start(services, wanted.since, wanted.to)
    to_ms = MAX_TIME_MS + 1 if wanted.to is None else wanted.to
    window = Window(wanted.datastream, from_ms, to_ms)
    source = Source(services.engine, services.store, services.read_timeout_s)
    with reading(services.engine, services.read_timeout_s) as connection:
        series = _series(connection, wanted.datastream)
        found = source.begin(connection, window, wanted.limit)
    following = None
    if found.next_ms is not None:
        following = next_address(request, **{"from": iso(found.next_ms)})
    body = _written(wanted.format, series, source.parts(found, window), following)
    headers = {} if wanted.format is Format.JSON else _file_headers(series, wanted, following)
    media_type = _MEDIA_TYPES[wanted.format]
    if found.rest_ms is None:
        return send(request, b"".join(body), media_type, headers)
    return stream(request, body, media_type, headers)


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


def _written(
    kind: Format, series: Datastream, parts: Iterable[Columns], following: str | None
) -> Iterator[bytes]:
    if kind is Format.JSON:
        beginning = {"datastream": series.id, "name": series.name, "unit": series.unit}
        return json_parts(beginning, parts, following)
    if kind is Format.CSV:
        return csv_lines(parts, series.unit)
    write = arrow_stream if kind is Format.ARROW else parquet
    try:
        return write(parts, _metadata(series))
    except ImportError as error:
        raise ProblemError(
            HTTPStatus.NOT_IMPLEMENTED,
            f"This server has no pyarrow, which writes {kind.value}: ask for format=csv, or have "
            "its administrator run pip install 'saxaul[export]'.",
        ) from error


def _metadata(series: Datastream) -> Mapping[str, str]:
    """Say what the numbers are, for who finds the file without its address."""
    fields = ("name", "gateway", "site", "thing_name", "property", "cf_name", "unit", "statistic")
    told = {name: getattr(series, name) for name in (*fields, "interval_s", "depth_m", "height_m")}
    return {name: str(value) for name, value in told.items() if value is not None}


def _file_headers(
    series: Datastream, wanted: ObservationParameters, following: str | None
) -> dict[str, str]:
    name = series.name.replace("/", "_")
    headers = {"Content-Disposition": f'attachment; filename="{name}.{wanted.format.value}"'}
    if following is not None:
        headers["Link"] = f'<{following}>; rel="next"'
    return headers
