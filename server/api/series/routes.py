"""Series for plots and tables."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from server.api.answers.sending import JSON, send
from server.api.answers.timing import stopwatch_of
from server.api.edge import Parameters, ServicesDep
from server.api.instants import InstantParameter, iso
from server.api.problems import ProblemError, documented
from server.api.series.answer import encode
from server.api.series.assembly import Downsample, Question, assemble
from server.api.series.choice import DAY_MS, Level
from server.api.series.known import Known, reading_known
from server.api.series.schemas import Series
from server.store.reading.series import Span
from wire.batch import MAX_TIME_MS

router = APIRouter(prefix="/api/v1", tags=["observations"])

MAX_DATASTREAMS = 50
MAX_POINTS = 10_000
DEFAULT_POINTS = 2000
# To lay a year out in the days of a time zone takes about a millisecond; none measured longer.
MAX_YEARS = 200

_AUTO = "auto"
_YEAR_MS = 366 * DAY_MS


class SeriesParameters(Parameters):
    """Which series, over which range, at how many points."""

    datastream: Annotated[
        list[Annotated[int, Field(ge=1, le=2**31 - 1)]],
        Field(
            min_length=1,
            max_length=MAX_DATASTREAMS,
            description="A datastream's id; give it again for each further one",
        ),
    ]
    since: (
        Annotated[
            InstantParameter,
            Field(description="First instant, included; unless given, a day before `to`"),
        ]
        | None
    ) = Field(default=None, alias="from")
    to: (
        Annotated[
            InstantParameter, Field(description="Last instant, not included; unless given, now")
        ]
        | None
    ) = None
    points: Annotated[int, Field(ge=10, le=MAX_POINTS, description="So many buckets at most")] = (
        DEFAULT_POINTS
    )
    resolution: Annotated[
        Level | Literal["auto"],
        Field(description="What is read; auto: the finest that takes little to read"),
    ] = "auto"
    downsample: Annotated[
        Downsample,
        Field(
            description="envelope: mean, lowest and highest of each bucket. lttb: of one series "
            "those values that draw its line best, no bucket wider than the resolution"
        ),
    ] = Downsample.ENVELOPE


@router.get(
    "/series",
    summary="Read series at a bounded number of points, with lowest and highest",
    response_model=Series,
    responses=documented(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY),
)
def read_series(
    request: Request, services: ServicesDep, wanted: Annotated[SeriesParameters, Query()]
) -> Response:
    """Answer on one axis of time. No peak is averaged away, and no line leads through a gap."""
    now_ms = services.clock()
    question = _question(wanted, now_ms)
    watch = stopwatch_of(request)
    ids = list(dict.fromkeys(wanted.datastream))
    with (
        watch.part("read"),
        reading_known(services.engine, services.read_timeout_s, ids) as opened,
    ):
        _require_all(opened.known, wanted.datastream)
        answer = assemble(opened, question, now_ms)
    with watch.part("write"):
        body = encode(answer)
    return send(request, body, JSON, {})


def _question(wanted: SeriesParameters, now_ms: int) -> Question:
    to_ms = min(now_ms, MAX_TIME_MS) if wanted.to is None else wanted.to
    from_ms = max(0, to_ms - DAY_MS) if wanted.since is None else wanted.since
    if to_ms <= from_ms:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"query.to ({iso(to_ms)}) must lie after query.from ({iso(from_ms)})",
        )
    if to_ms - from_ms > MAX_YEARS * _YEAR_MS:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"From query.from ({iso(from_ms)}) to query.to ({iso(to_ms)}) are more than "
            f"{MAX_YEARS} years: ask for a shorter range.",
        )
    if wanted.downsample is Downsample.LTTB and len(set(wanted.datastream)) > 1:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "query.downsample: lttb takes one datastream: each has other instants that matter. "
            "Ask for each by itself, or for downsample=envelope.",
        )
    level = None if wanted.resolution == _AUTO else Level(wanted.resolution)
    return Question(Span(from_ms, to_ms), wanted.points, level, wanted.downsample)


def _require_all(found: Sequence[Known], wanted: Sequence[int]) -> None:
    missing = sorted(set(wanted) - {one.id for one in found})
    if missing:
        raise ProblemError(HTTPStatus.NOT_FOUND, f"There is no datastream {missing[0]}.")
