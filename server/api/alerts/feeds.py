"""Feeds of a site's warnings: Atom (RFC 4287), and each change as CAP 1.2."""

from hashlib import sha256
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field

from server.api.alerts.facts import (
    TAKEN_BACK,
    Home,
    Recorded,
    Surroundings,
    is_told,
    read_change,
    read_changes,
    read_surroundings,
)
from server.api.edge import Id, Parameters, Services, ServicesDep, SiteKey
from server.api.problems import ProblemError, documented
from server.api.schemas import Items
from server.watch.reading import Happened, read_history
from server.words.feeds import atom, cap
from server.words.languages import DEFAULT, LANGUAGES

router = APIRouter(prefix="/feeds", tags=["feeds"])

_ENTRIES = 50
_DAY_MS = 86_400_000
_PATTERN = f"^({'|'.join(LANGUAGES)})$"


class FeedParameters(Parameters):
    """In which language."""

    language: Annotated[str, Field(pattern=_PATTERN, examples=list(LANGUAGES))] = DEFAULT


class CapParameters(Parameters):
    """In which languages: in all, unless one is wished for."""

    language: Annotated[str, Field(pattern=_PATTERN, examples=list(LANGUAGES))] | None = None

    @property
    def languages(self) -> list[str]:
        """List the languages of the message; the same name stands for the same message."""
        return list(LANGUAGES) if self.language is None else [self.language]


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
    """Answer with the newest 50 changes as Atom; readers that send If-None-Match pay for news."""
    with services.engine.connect() as connection:
        around = read_surroundings(connection)
        home = _home(around, site)
        changes = read_changes(connection, site, around, _ENTRIES)
    base = _base(request)
    entries = [
        atom.Entry(
            one.fact,
            one.told_at_ms,
            page=f"{base}/alerts/{one.watch_id}?language={wanted.language}",
            cap=f"{base}/feeds/{site}/cap/{one.fact.key}.xml",
        )
        for one in changes
    ]
    address = _feed_address(request, site, wanted.language)
    # A feed in which nothing stands says the same all day.
    today_ms = services.clock() // _DAY_MS * _DAY_MS
    feed = atom.Feed(address.partition("?")[0], address, home.name, "Saxaul", today_ms)
    return _answer(request, atom.atom(feed, entries, wanted.language), atom.MEDIA_TYPE)


@router.get(
    f"/{{site}}/cap/{{change_id}}{TAKEN_BACK}.xml",
    summary="Read as CAP 1.2 that late data took a change back",
    response_class=Response,
    responses=_answers(cap.MEDIA_TYPE),
)
def read_cancel(
    request: Request,
    services: ServicesDep,
    site: Annotated[SiteKey, Path()],
    change_id: Id,
    wanted: Annotated[CapParameters, Query()],
) -> Response:
    """Answer with the message that cancels the one of a change that turned out not to be so."""
    found, home, _ = _read_change(services, site, change_id)
    if not found.fact.is_taken_back:
        detail = f"Change {change_id} of site '{site}' holds: read {change_id}.xml."
        raise ProblemError(HTTPStatus.NOT_FOUND, detail)
    issuer = _issuer(request, home, found.watch_id)
    cancelled = _reference(issuer, change_id, found.recorded_at_ms)
    written = cap.cap(found.fact, found.told_at_ms, issuer, wanted.languages, [cancelled])
    return _answer(request, written, cap.MEDIA_TYPE)


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
    wanted: Annotated[CapParameters, Query()],
) -> Response:
    """Answer with one message, which refers to the earlier ones of its episode."""
    found, home, history = _read_change(services, site, change_id)
    if found.fact.is_taken_back:
        detail = (
            f"Change {change_id} of site '{site}' was taken back by late data: read "
            f"{found.fact.key}.xml, which cancels it."
        )
        raise ProblemError(HTTPStatus.NOT_FOUND, detail)
    issuer = _issuer(request, home, found.watch_id)
    earlier: list[cap.Reference] = []
    for one in history:
        if one.superseded_at_ms is not None or one.id >= change_id:
            continue
        if one.level_to == 0 and one.level_from > 0:
            break  # that was the end of the episode before
        if is_told(one.kind, one.level_to):
            earlier.append(_reference(issuer, one.id, one.recorded_at_ms))
    told_ms = found.recorded_at_ms
    written = cap.cap(found.fact, told_ms, issuer, wanted.languages, earlier[::-1])
    return _answer(request, written, cap.MEDIA_TYPE)


def _read_change(
    services: Services, site: str, change_id: int
) -> tuple[Recorded, Home, list[Happened]]:
    with services.engine.connect() as connection:
        around = read_surroundings(connection)
        home = _home(around, site)
        found = read_change(connection, site, change_id, around)
        if found is None:
            detail = f"Site '{site}' has no change {change_id}."
            raise ProblemError(HTTPStatus.NOT_FOUND, detail)
        return found, home, read_history(connection, found.watch_id)


def _reference(issuer: cap.Issuer, change_id: int, sent_ms: int) -> cap.Reference:
    return cap.Reference(cap.identifier(issuer, str(change_id)), sent_ms)


def _answer(request: Request, written: bytes, media_type: str) -> Response:
    """Answer with a document, or that the reader has it (RFC 9110, 13.1.2)."""
    tag = f'"{sha256(written).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "public, no-cache"}
    held = request.headers.get("if-none-match", "")
    if tag in held or held.strip() == "*":
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(written, media_type=media_type, headers=headers)


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


def _issuer(request: Request, home: Home, watch_id: int) -> cap.Issuer:
    """Name who warns: the site, at the host that is asked."""
    base = _base(request)
    host = urlsplit(base).hostname or "localhost"
    return cap.Issuer(f"{home.key}@{host}", home.name, home.key, f"{base}/alerts/{watch_id}")
