"""The page of soils: what is said of them, a form to say it, and what would follow."""

from dataclasses import replace
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import Field
from sqlalchemy import Connection

from server.api.edge import Parameters, Services, ServicesDep, SiteKey
from server.api.problems import ProblemError
from server.soil import book, saying
from server.soil.book import Where
from server.soil.ground import ground_of
from server.soil.texture import CLASSES
from server.soil.waiting import waiting
from server.web.alerts.forms import OwnForm
from server.web.alerts.templating import show
from server.web.soil.fields import Fields, Wish, fields_of, filled, read_wish
from server.web.soil.picture import draw, figures
from server.web.soil.preview import foresee
from server.web.soil.showing import (
    Known,
    arrange,
    choices,
    depths_of,
    find_place,
    read_places,
    told,
)
from wire.errors import ConfigError

router = APIRouter(include_in_schema=False)

_Cm = Annotated[float | None, Field(ge=0, le=1000)]


class SoilParameters(Parameters):
    """Of which site; none: all."""

    site: SiteKey | None = None


class EditParameters(Parameters):
    """Of which place and depths (cm) something is to be said."""

    place: Annotated[str, Field(max_length=200, pattern=r"^[a-z0-9_.|-]*$")] = ""
    from_cm: _Cm = None
    to_cm: _Cm = None


@router.get("/soil", response_class=HTMLResponse)
def show_soils(services: ServicesDep, wanted: Annotated[SoilParameters, Query()]) -> HTMLResponse:
    """Show what is known of soils, and what each holds."""
    with services.engine.connect() as connection:
        places = read_places(connection)
        entries = book.read_entries(connection, wanted.site)
        left = waiting(connection)
    sites = arrange(entries, places, wanted.site)
    return show("soil.html", sites=sites, only=wanted.site, left=left)


@router.get("/soil/edit", response_class=HTMLResponse)
def show_edit(services: ServicesDep, wanted: Annotated[EditParameters, Query()]) -> HTMLResponse:
    """Show the form, filled with what is said of just that."""
    from_m, to_m = (None if it is None else it / 100 for it in (wanted.from_cm, wanted.to_cm))
    with services.engine.connect() as connection:
        said = None
        if wanted.place:
            where = _found(connection, wanted.place).where
            said = book.read_said(connection, replace(where, from_m=from_m, to_m=to_m))
    return _edit(services, filled(wanted.place, from_m, to_m, said))


@router.post("/soil/preview", response_class=HTMLResponse)
def preview(services: ServicesDep, form: OwnForm) -> HTMLResponse:
    """Tell what would follow; nothing is kept yet."""
    fields = fields_of(form)
    try:
        wish = read_wish(fields)
        with services.engine.connect() as connection:
            known = find_place(read_places(connection), fields.place)
            follows = foresee(connection, _where(known, wish), ground_of(wish.said))
    except ConfigError as error:
        return _edit(services, fields, f"{error}.")
    return show(
        "soil_preview.html",
        fields=fields,
        title=known.title,
        depths=depths_of(wish.from_m, wish.to_m),
        before=told(follows.before),
        after=told(follows.after),
        was=figures(follows.before),
        will=figures(follows.after),
        is_assumed=follows.before.is_assumed,
        follows=follows,
        picture=draw(follows.profile),
    )


@router.post("/soil", response_class=HTMLResponse)
def keep(services: ServicesDep, form: OwnForm) -> Response:
    """Keep what was said."""
    fields = fields_of(form)
    try:
        wish = read_wish(fields)
        with services.engine.connect() as connection:
            known = find_place(read_places(connection), fields.place)
        saying.say(services.engine, _where(known, wish), wish.said, services.clock())
    except ConfigError as error:
        return _edit(services, fields, f"{error}.")
    return _back(known)


@router.post("/soil/forget", response_class=HTMLResponse)
def forget(services: ServicesDep, form: OwnForm) -> Response:
    """Take back what was said; what is said around it holds again, or what is assumed."""
    fields = fields_of(form)
    try:
        wish = read_wish(fields)
    except ConfigError as error:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None
    with services.engine.connect() as connection:
        known = _found(connection, fields.place)
    saying.forget(services.engine, _where(known, wish))  # or somebody else has
    return _back(known)


def _where(known: Known, wish: Wish) -> Where:
    return replace(known.where, from_m=wish.from_m, to_m=wish.to_m)


def _found(connection: Connection, place: str) -> Known:
    try:
        return find_place(read_places(connection), place)
    except ConfigError as error:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None


def _back(known: Known) -> Response:
    return RedirectResponse(f"/soil?site={known.site_key}", HTTPStatus.SEE_OTHER)


def _edit(services: Services, fields: Fields, trouble: str = "") -> HTMLResponse:
    with services.engine.connect() as connection:
        places = read_places(connection)
    return show(
        "soil_edit.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if trouble else HTTPStatus.OK,
        fields=fields,
        places=choices(places),
        title=places[fields.place].title if fields.place in places else "",
        classes=list(CLASSES),
        trouble=trouble,
    )
