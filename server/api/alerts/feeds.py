"""Feeds of a site's warnings: Atom (RFC 4287), and each change as CAP 1.2."""

from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field

from server.api.alerts.facts import Home, Surroundings, read_change, read_changes, read_surroundings
from server.api.edge import Id, Parameters, Services, ServicesDep, SiteKey
from server.api.problems import ProblemError, documented
from server.api.schemas import Items
from server.watch.reading import read_history
from server.words.feeds import atom, cap
from server.words.languages import DEFAULT, LANGUAGES

router = APIRouter(prefix="/feeds", tags=["feeds"])

_ENTRIES = 50
_PATTERN = f"^({'|'.join(LANGUAGES)})$"


class FeedParameters(Parameters):
    """In which language."""

    language: Annotated[str, Field(pattern=_PATTERN, examples=list(LANGUAGES))] = DEFAULT


class FeedAddress(BaseModel):
    """Where the feed of a site is read in a language."""

    site: str
    site_name: str
    language: str
    atom: str


def _answers(media_type: str) -> dict[int | str, dict[str, Any]]:
    schema = {"type": "string"}
    return {
        HTTPStatus.OK.value: {
            "description": "The document",
            "content": {media_type: {"schema": schema}},
        },
        **documented(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY),
    }


@router.get("", summary="List the feeds", responses=documented())
def list_feeds(request: Request, services: ServicesDep) -> Items[FeedAddress]:
    """List a feed for each site and language."""
    with services.engine.connect() as connection:
        sites = sorted(read_surroundings(connection).sites.values(), key=lambda one: one.key)
    return Items(
        items=[
            FeedAddress(
                site=one.key,
                site_name=one.name,
                language=language,
                atom=_feed_address(request, one.key, language),
            )
            for one in sites
            for language in LANGUAGES
        ]
    )


@router.get(
    "/{site}.atom",
    summary="Follow a site's warnings",
    response_class=Response,
    responses=_answers(atom.MEDIA_TYPE),
)
def read_feed(
    request: Request,
    services: ServicesDep,
    site: Annotated[SiteKey, Path()],
    wanted: Annotated[FeedParameters, Query()],
) -> Response:
    """Answer with the newest 50 changes as Atom."""
    with services.engine.connect() as connection:
        around = read_surroundings(connection)
        home = _home(around, site)
        changes = read_changes(connection, site, around, _ENTRIES)
    base = _base(request)
    entries = [
        atom.Entry(
            one.fact,
            one.recorded_at_ms,
            page=f"{base}/alerts/{one.watch_id}",
            cap=f"{base}/feeds/{site}/cap/{one.fact.key}.xml?language={wanted.language}",
        )
        for one in changes
    ]
    address = _feed_address(request, site, wanted.language)
    feed = atom.Feed(address.partition("?")[0], address, home.name, "Saxaul", services.clock())
    return Response(atom.atom(feed, entries, wanted.language), media_type=atom.MEDIA_TYPE)


@router.get(
    "/{site}/cap/{change_id}.xml",
    summary="Read a change of a warning as CAP 1.2",
    response_class=Response,
    responses=_answers(cap.MEDIA_TYPE),
)
def read_cap(
    request: Request,
    services: ServicesDep,
    site: Annotated[SiteKey, Path()],
    change_id: Id,
    wanted: Annotated[FeedParameters, Query()],
) -> Response:
    """Answer with one message, which refers to the earlier ones of its episode."""
    with services.engine.connect() as connection:
        around = read_surroundings(connection)
        home = _home(around, site)
        found = read_change(connection, site, change_id, around)
        if found is None:
            detail = f"Site '{site}' has no change {change_id}, or late data took it back."
            raise ProblemError(HTTPStatus.NOT_FOUND, detail)
        history = read_history(connection, found.watch_id)
    issuer = _issuer(request, home)
    earlier: list[cap.Reference] = []
    for one in history:
        if one.superseded_at_ms is not None or one.id >= change_id:
            continue
        if one.level_to == 0 and one.level_from > 0:
            break  # that was the end of the episode before
        earlier.append(cap.Reference(cap.identifier(issuer, str(one.id)), one.recorded_at_ms))
    written = cap.cap(found.fact, found.recorded_at_ms, issuer, [wanted.language], earlier[::-1])
    return Response(written, media_type=cap.MEDIA_TYPE)


def _home(around: Surroundings, site: str) -> Home:
    home = around.sites.get(site)
    if home is None:
        known = ", ".join(sorted(around.sites)) or "none yet"
        detail = f"There is no site '{site}'; known are: {known}."
        raise ProblemError(HTTPStatus.NOT_FOUND, detail)
    return home


def _base(request: Request) -> str:
    """Give the address of this server as people know it, else as it was asked."""
    services: Services = request.app.state.services
    return (services.base_url or str(request.base_url)).rstrip("/")


def _feed_address(request: Request, site: str, language: str) -> str:
    return f"{_base(request)}/feeds/{site}.atom?language={language}"


def _issuer(request: Request, home: Home) -> cap.Issuer:
    """Name who warns: the site, at the host that is asked."""
    host = urlsplit(_base(request)).hostname or "localhost"
    return cap.Issuer(f"{home.key}@{host}", home.name, home.key, _base(request))
