"""The pages of what is active and of one warning, and what their forms do."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import Field

from server.alerts.machine import Change
from server.api.alerts.facts import Surroundings, fact_of_change, read_surroundings
from server.api.alerts.routes import AlertId, no_alert
from server.api.edge import Parameters, Services, ServicesDep, SiteKey
from server.api.series.known import known
from server.watch import acting
from server.watch.reading import (
    Acted,
    Asked,
    Happened,
    Shown,
    read_acts,
    read_history,
    read_lines,
    read_standing,
    read_watch,
)
from server.web import plots
from server.web.alerts.evidence import EvidencePlot, active_spans, hours_shown, level_lines
from server.web.alerts.forms import Form, OwnForm
from server.web.alerts.overview import Told, arrange, tell
from server.web.alerts.templating import show
from server.web.alerts.texts import LANGUAGE_PATTERN, Tongue, others, wished_language
from server.web.display import display_for
from server.words.languages import DEFAULT, LANGUAGES
from server.words.legible import legible
from server.words.saying import saying
from wire.errors import ConfigError

router = APIRouter(include_in_schema=False)

HOUR_MS = 3_600_000
_HISTORY = 100
# For so long a warning may be put aside, in hours.
SPANS = ("6", "24", "72", "168", "720")
_MAX_NAME, _MAX_TEXT = 100, 1000


class AlertParameters(Parameters):
    """In which language."""

    language: Annotated[str, Field(pattern=LANGUAGE_PATTERN)] | None = None


class OverviewParameters(AlertParameters):
    """And of which site."""

    site: SiteKey | None = None


@router.get("/alerts", response_class=HTMLResponse)
def show_alerts(
    request: Request, services: ServicesDep, wanted: Annotated[OverviewParameters, Query()]
) -> HTMLResponse:
    """List what is active, seen to, unknown, put aside."""
    now_ms, tongue = services.clock(), _tongue(request, wanted.language)
    with services.engine.connect() as connection:
        around = read_surroundings(connection)
        found = read_standing(connection, Asked(site=wanted.site), now_ms)
    sites = sorted(around.sites.values(), key=lambda one: one.key)
    return show(
        "overview.html",
        t=tongue,
        others=others(tongue.language),
        overview=arrange(found, around, now_ms, tongue),
        sites=sites,
        chosen=wanted.site,
    )


@router.get("/alerts/{alert_id}", response_class=HTMLResponse)
def show_alert(
    request: Request,
    services: ServicesDep,
    alert_id: AlertId,
    wanted: Annotated[AlertParameters, Query()],
) -> HTMLResponse:
    """Show one warning: how it stands, its evidence, its record, and what can be done."""
    return _show(services, alert_id, _tongue(request, wanted.language))


def _tongue(request: Request, asked: str | None) -> Tongue:
    wished = wished_language(asked, request.headers.get("accept-language", ""))
    return Tongue(wished, is_asked=asked is not None)


def _tongue_of(request: Request, form: Form) -> Tongue:
    """Go on in the language of the page that the form stood on."""
    asked = form.one("language")
    return _tongue(request, asked if asked in LANGUAGES else None)


@router.get("/alerts/{alert_id}/plot")
def read_evidence(
    services: ServicesDep,
    alert_id: AlertId,
    hours: Annotated[int, Query(ge=1, le=24 * 400)] = 168,
) -> EvidencePlot:
    """Give the series that a warning rests on, its levels, and when it was active."""
    with services.engine.connect() as connection:
        shown, lines = read_watch(connection, alert_id), read_lines(connection, alert_id)
        if shown is None or lines is None or not lines.datastream_ids:
            raise no_alert(alert_id)
        history = read_history(connection, alert_id)
        (series, *_) = known(connection, lines.datastream_ids[:1])
    columns = plots.read_plot(services, series.id, hours)
    display = display_for(series.property_key, series.unit)
    levels = level_lines(lines, str(shown.evidence.get("input", "")), display)
    return EvidencePlot(columns=columns, levels=levels, spans=active_spans(history))


@router.post("/alerts/{alert_id}/acknowledge")
def acknowledge(
    request: Request, services: ServicesDep, alert_id: AlertId, form: OwnForm
) -> Response:
    """Keep that somebody sees to it."""

    def act() -> str:
        taken = acting.acknowledge(
            services.engine, alert_id, form.one("who")[:_MAX_NAME], services.clock(), _note(form)
        )
        return "" if taken else "not_active"

    return _acted(services, alert_id, form, _tongue_of(request, form), act)


@router.post("/alerts/{alert_id}/comment")
def comment(request: Request, services: ServicesDep, alert_id: AlertId, form: OwnForm) -> Response:
    """Keep a remark."""

    def act() -> str:
        if not _note(form):
            return "no_note"
        who = form.one("who")[:_MAX_NAME]
        acting.comment(services.engine, alert_id, who, services.clock(), _note(form))
        return ""

    return _acted(services, alert_id, form, _tongue_of(request, form), act)


@router.post("/alerts/{alert_id}/shelve")
def shelve(request: Request, services: ServicesDep, alert_id: AlertId, form: OwnForm) -> Response:
    """Put it aside for a while."""

    def act() -> str:
        if form.one("hours") not in SPANS:
            return "no_span"
        now_ms = services.clock()
        until_ms = now_ms + int(form.one("hours")) * HOUR_MS
        who = form.one("who")[:_MAX_NAME]
        acting.shelve(services.engine, alert_id, who, now_ms, until_ms, _note(form))
        return ""

    return _acted(services, alert_id, form, _tongue_of(request, form), act)


@router.post("/alerts/{alert_id}/unshelve")
def unshelve(request: Request, services: ServicesDep, alert_id: AlertId, form: OwnForm) -> Response:
    """Tell of it again."""

    def act() -> str:
        who = form.one("who")[:_MAX_NAME]
        acting.unshelve(services.engine, alert_id, who, services.clock(), _note(form))
        return ""

    return _acted(services, alert_id, form, _tongue_of(request, form), act)


def _note(form: Form) -> str:
    return form.one("note")[:_MAX_TEXT]


def _acted(
    services: Services, alert_id: int, form: Form, tongue: Tongue, act: Callable[[], str]
) -> Response:
    """Do what a form asks; what cannot be done is said above the page, by the name of its text."""
    with services.engine.connect() as connection:
        if read_watch(connection, alert_id) is None:
            raise no_alert(alert_id)
    try:
        trouble = act() if form.one("who") else "no_name"
        said = tongue(trouble) if trouble else ""
    except ConfigError as error:
        said = tongue("bad", detail=f"{error}")
    if said:
        return _show(services, alert_id, tongue, HTTPStatus.UNPROCESSABLE_ENTITY, said)
    return RedirectResponse(f"/alerts/{alert_id}{tongue.query}", HTTPStatus.SEE_OTHER)


def _show(
    services: Services,
    alert_id: int,
    tongue: Tongue,
    status: int = HTTPStatus.OK,
    trouble: str = "",
) -> HTMLResponse:
    now_ms = services.clock()
    with services.engine.connect() as connection:
        shown = read_watch(connection, alert_id)
        if shown is None:
            raise no_alert(alert_id)
        around = read_surroundings(connection)
        history = read_history(connection, alert_id, _HISTORY)
        acts = read_acts(connection, alert_id, _HISTORY)
        lines = read_lines(connection, alert_id)
    told = tell(shown, around, now_ms, tongue)
    return show(
        "alert.html",
        status,
        t=tongue,
        others=others(tongue.language),
        now=now_ms,
        told=told,
        history=[
            (one, _sentence(shown, one, around, now_ms, tongue), tongue.clock(one.at_ms, told.zone))
            for one in history
        ],
        acts=[(one, _deed(one, told), legible(one.note, _MAX_TEXT)) for one in acts],
        has_plot=bool(lines and lines.datastream_ids),
        hours=hours_shown(shown.since_ms if shown.level else None, now_ms),
        spans=[(one, tongue.span(int(one))) for one in SPANS],
        trouble=trouble,
    )


def _deed(one: Acted, told: Told) -> str:
    """Say what somebody did."""
    tongue = told.tongue
    until = "" if one.until_ms is None else tongue.clock(one.until_ms, told.zone)
    return tongue(f"act_{one.act}", who=legible(one.who), until=until)


def _sentence(
    shown: Shown, one: Happened, around: Surroundings, now_ms: int, tongue: Tongue
) -> str:
    said = saying(tongue.language.code, fact_of_change(shown, one, around), now_ms)
    # Why it ended is on record in English.
    if one.kind is Change.ENDED and one.evidence.get("reason") and tongue.language.code == DEFAULT:
        return f"{said.headline} ({one.evidence['reason']})"
    return " ".join([said.headline, *said.sentences])
