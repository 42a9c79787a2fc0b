"""The pages of what is active and of one warning, and what their forms do."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from server.alerts.machine import Change
from server.api.alerts.facts import Surroundings, fact_of_change, read_surroundings
from server.api.alerts.routes import AlertId, no_alert
from server.api.edge import Parameters, Services, ServicesDep, SiteKey
from server.api.series.known import known
from server.watch import acting
from server.watch.reading import (
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
from server.web.alerts.overview import arrange, tell
from server.web.alerts.templating import show
from server.web.display import display_for
from server.words.saying import saying
from wire.errors import ConfigError

router = APIRouter(include_in_schema=False)

HOUR_MS = 3_600_000
_HISTORY = 100
# For so long a warning may be put aside, in hours.
SPANS = {"6": "6 hours", "24": "1 day", "72": "3 days", "168": "1 week", "720": "30 days"}
_MAX_TEXT = 1000


class OverviewParameters(Parameters):
    """Of which site."""

    site: SiteKey | None = None


@router.get("/alerts", response_class=HTMLResponse)
def show_alerts(
    services: ServicesDep, wanted: Annotated[OverviewParameters, Query()]
) -> HTMLResponse:
    """List what is active, seen to, unknown, put aside."""
    now_ms = services.clock()
    with services.engine.connect() as connection:
        around = read_surroundings(connection)
        found = read_standing(connection, Asked(site=wanted.site), now_ms)
    sites = sorted(around.sites.values(), key=lambda one: one.key)
    overview = arrange(found, around, now_ms)
    return show("overview.html", overview=overview, sites=sites, chosen=wanted.site)


@router.get("/alerts/{alert_id}", response_class=HTMLResponse)
def show_alert(services: ServicesDep, alert_id: AlertId) -> HTMLResponse:
    """Show one warning: how it stands, its evidence, its record, and what can be done."""
    return _show(services, alert_id)


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
def acknowledge(services: ServicesDep, alert_id: AlertId, form: OwnForm) -> Response:
    """Keep that somebody sees to it."""

    def act() -> str:
        taken = acting.acknowledge(
            services.engine, alert_id, _who(form), services.clock(), _note(form)
        )
        return "" if taken else "It is no longer active: there is nothing to acknowledge."

    return _acted(services, alert_id, act)


@router.post("/alerts/{alert_id}/comment")
def comment(services: ServicesDep, alert_id: AlertId, form: OwnForm) -> Response:
    """Keep a remark."""

    def act() -> str:
        acting.comment(services.engine, alert_id, _who(form), services.clock(), _note(form))
        return ""

    return _acted(services, alert_id, act)


@router.post("/alerts/{alert_id}/shelve")
def shelve(services: ServicesDep, alert_id: AlertId, form: OwnForm) -> Response:
    """Put it aside for a while."""

    def act() -> str:
        if form.one("hours") not in SPANS:
            return "Choose for how long."
        now_ms = services.clock()
        until_ms = now_ms + int(form.one("hours")) * HOUR_MS
        acting.shelve(services.engine, alert_id, _who(form), now_ms, until_ms, _note(form))
        return ""

    return _acted(services, alert_id, act)


@router.post("/alerts/{alert_id}/unshelve")
def unshelve(services: ServicesDep, alert_id: AlertId, form: OwnForm) -> Response:
    """Tell of it again."""

    def act() -> str:
        acting.unshelve(services.engine, alert_id, _who(form), services.clock(), _note(form))
        return ""

    return _acted(services, alert_id, act)


def _who(form: Form) -> str:
    who = form.one("who")[:100]
    if not who:
        raise ConfigError("who", "write your name")
    return who


def _note(form: Form) -> str:
    return form.one("note")[:_MAX_TEXT]


def _acted(services: Services, alert_id: int, act: Callable[[], str]) -> Response:
    """Do what a form asks; what cannot be done is said above the page."""
    with services.engine.connect() as connection:
        if read_watch(connection, alert_id) is None:
            raise no_alert(alert_id)
    try:
        trouble = act()
    except ConfigError as error:
        trouble = f"{error}."
    if trouble:
        return _show(services, alert_id, HTTPStatus.UNPROCESSABLE_ENTITY, trouble)
    return RedirectResponse(f"/alerts/{alert_id}", HTTPStatus.SEE_OTHER)


def _show(
    services: Services, alert_id: int, status: int = HTTPStatus.OK, trouble: str = ""
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
    return show(
        "alert.html",
        status,
        now=now_ms,
        told=tell(shown, around, now_ms),
        history=[(one, _sentence(shown, one, around, now_ms)) for one in history],
        acts=acts,
        has_plot=bool(lines and lines.datastream_ids),
        hours=hours_shown(shown.since_ms if shown.level else None, now_ms),
        spans=SPANS,
        trouble=trouble,
    )


def _sentence(shown: Shown, one: Happened, around: Surroundings, now_ms: int) -> str:
    said = saying("en", fact_of_change(shown, one, around), now_ms)
    if one.kind is Change.ENDED and one.evidence.get("reason"):
        return f"{said.headline} ({one.evidence['reason']})"
    return " ".join([said.headline, *said.sentences])
