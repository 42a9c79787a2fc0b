"""The catalog: sites, things, datastreams, gateways, and each datastream's newest value."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from server.api import queries
from server.api.answers.sending import JSON, send_made
from server.api.answers.timing import stopwatch_of
from server.api.edge import After, DatastreamId, Parameters, ServicesDep, SiteKey, next_address
from server.api.newest.answer import Part, choose
from server.api.newest.state import read_state
from server.api.problems import ProblemError, documented
from server.api.queries import DatastreamFilter
from server.api.schemas import (
    Completeness,
    Datastream,
    Gateway,
    Items,
    Latest,
    ListedDatastream,
    Paged,
    Site,
    Thing,
)
from server.completeness.shares import Share, Shares

router = APIRouter(prefix="/api/v1")

Limit = Annotated[int, Field(ge=1, le=5000)]


class SiteParameters(Parameters):
    """Which site."""

    site: SiteKey | None = None


class ThingParameters(SiteParameters):
    """Which things."""

    after: After = 0
    limit: Limit = 1000


class DatastreamParameters(ThingParameters):
    """Which datastreams."""

    thing: Annotated[int, Field(ge=1, le=2**31 - 1, description="A thing's id")] | None = None
    property: (
        Annotated[
            str,
            Field(pattern="^[a-z0-9_]{1,40}$", description="An observed property's key, as in vwc"),
        ]
        | None
    ) = None


class LatestParameters(SiteParameters):
    """Whose newest observations."""

    after: After = 0
    limit: Annotated[int, Field(ge=1, le=20_000)] = 20_000


_INVALID = documented(HTTPStatus.UNPROCESSABLE_ENTITY)


@router.get("/sites", tags=["catalog"], summary="List sites", responses=documented())
def list_sites(services: ServicesDep) -> Items[Site]:
    """All sites, by name."""
    with services.engine.connect() as connection:
        return Items(items=queries.sites(connection))


@router.get("/things", tags=["catalog"], summary="List things (stations)", responses=_INVALID)
def list_things(
    request: Request, services: ServicesDep, wanted: Annotated[ThingParameters, Query()]
) -> Paged[Thing]:
    """Things with their present location, by id."""
    with services.engine.connect() as connection:
        items = queries.things(connection, wanted.site, wanted.after, wanted.limit)
    more = next_address(request, after=items[-1].id) if len(items) == wanted.limit else None
    return Paged(items=items, next=more)


@router.get("/datastreams", tags=["catalog"], summary="List datastreams", responses=_INVALID)
def list_datastreams(
    request: Request, services: ServicesDep, wanted: Annotated[DatastreamParameters, Query()]
) -> Paged[ListedDatastream]:
    """Datastreams of a site, a thing or a property, by id, with how complete each is."""
    chosen = DatastreamFilter(**wanted.model_dump())
    with services.engine.connect() as connection:
        shares = services.shares.read(connection, services.clock())
        items = [_listed(one, shares) for one in queries.datastreams(connection, chosen)]
    more = next_address(request, after=items[-1].id) if len(items) == wanted.limit else None
    return Paged(items=items, next=more)


@router.get(
    "/datastreams/{datastream_id}",
    tags=["catalog"],
    summary="Read one datastream",
    responses=documented(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY),
)
def read_datastream(services: ServicesDep, datastream_id: DatastreamId) -> ListedDatastream:
    """Tell what a datastream measures, where, in which unit, how often and how completely."""
    with services.engine.connect() as connection:
        found = queries.datastream(connection, datastream_id)
        if found is None:
            raise ProblemError(HTTPStatus.NOT_FOUND, f"There is no datastream {datastream_id}.")
        return _listed(found, services.shares.read(connection, services.clock()))


def _listed(one: Datastream, shares: Mapping[int, Shares]) -> ListedDatastream:
    found = shares.get(one.id, Shares())
    return ListedDatastream(
        **one.model_dump(), complete_24h=_told(found.day), complete_30d=_told(found.month)
    )


def _told(share: Share | None) -> Completeness | None:
    if share is None:
        return None
    return Completeness.model_validate(
        {
            "percent": share.percent,
            "values": share.values,
            "expected": share.expected,
            "from": share.window.from_ms,
            "to": share.window.to_ms,
        }
    )


@router.get("/gateways", tags=["catalog"], summary="List gateways", responses=documented())
def list_gateways(services: ServicesDep) -> Items[Gateway]:
    """All gateways and what they last said of themselves."""
    with services.engine.connect() as connection:
        return Items(items=queries.gateways(connection))


@router.get(
    "/latest",
    tags=["observations"],
    summary="Read the newest observation of every datastream",
    response_model=Paged[Latest],
    responses=_INVALID,
)
def list_latest(
    request: Request, services: ServicesDep, wanted: Annotated[LatestParameters, Query()]
) -> Response:
    """Every datastream by id, also one that has not reported yet, with its newest observation."""
    with stopwatch_of(request).part("read"):
        written, found = read_state(services.engine, services.read_timeout_s, services.catalog)
    answer = choose(written, found, Part(wanted.site, wanted.after, wanted.limit))
    last = answer.last_id
    following = None if last is None else next_address(request, after=last)
    return send_made(request, answer.tag(following), lambda: answer.body(following), JSON, {})
