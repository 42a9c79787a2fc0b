"""Asking for messages, without account and without script; an address must confirm it."""

import re
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import Field
from sqlalchemy import Connection, select

from server.alerts.condition import Severity
from server.alerts.kinds import KINDS, Pace
from server.api.edge import Parameters, Services, ServicesDep, SiteKey
from server.api.problems import ProblemError
from server.db.engine import writing
from server.db.tables import site, thing
from server.notify import people
from server.notify.channels.offer import masked
from server.notify.channels.web_push.vapid import read_or_make
from server.notify.wishes import MODES, Asker, Wish
from server.web.alerts.forms import Form, OwnForm
from server.web.alerts.templating import show
from server.web.alerts.texts import LANGUAGE_PATTERN, Tongue, others, wished_language
from server.words.phrases import PHRASES
from wire.errors import ConfigError

router = APIRouter(include_in_schema=False)

WEB_PUSH = "web_push"
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::00)?")
# So many stations are offered one by one; of more, sites.
_MOST_STATIONS = 60
_SEVERITIES = {
    int(Severity.NOTICE): "notices",
    int(Severity.WARNING): "warnings",
    int(Severity.CRITICAL): "serious",
}
# What people in the field are told of; the rest is for whoever keeps the stations running.
_KINDS = tuple(key for key, one in KINDS.items() if one.pace in (Pace.SAMPLE, Pace.HOUR))


class SubscribeParameters(Parameters):
    """In which language, and about which site."""

    language: Annotated[str, Field(pattern=LANGUAGE_PATTERN)] | None = None
    site: SiteKey | None = None


@router.get("/subscribe", response_class=HTMLResponse)
def show_form(
    request: Request, services: ServicesDep, wanted: Annotated[SubscribeParameters, Query()]
) -> HTMLResponse:
    """Show what can be asked for."""
    language = wished_language(wanted.language, request.headers.get("accept-language", ""))
    chosen = Form({"place": [wanted.site]} if wanted.site else {})
    return _form(services, Tongue(language), chosen)


@router.post("/subscribe", response_class=HTMLResponse)
def ask(services: ServicesDep, form: OwnForm) -> HTMLResponse:
    """Enter a wish, and write to its address. The same is answered whether it was there or not."""
    tongue = Tongue(form.one("language"))
    if not services.channels:
        return _form(services, tongue, form, tongue("not_set_up"))
    try:
        wish = read_wish(form, tongue)
        if wish.channel not in services.channels:
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "Choose a way of the list.")
        with writing(services.engine) as connection:
            asker = Asker(policy=services.channel_policy)
            people.ask(connection, wish, services.clock(), asker=asker)
    except ConfigError as error:
        return _form(services, tongue, form, _trouble(tongue, form, error))
    address = form.one("address")
    if wish.channel == WEB_PUSH:  # which is a long text for programs
        address = masked(wish.channel, address)
    said = tongue("asked", address=address)
    return done(tongue, tongue("asked_title"), said)


def done(tongue: Tongue, title: str, *said: str, status: int = HTTPStatus.OK) -> HTMLResponse:
    """Say what was done."""
    return show("done.html", status, t=tongue, title=title, said=said)


def read_wish(form: Form, tongue: Tongue) -> Wish:
    """Make a wish of what a form says; raises ConfigError."""
    site_key, _, thing_id = form.one("place").partition("|")
    level = form.one("level")
    return Wish(
        address=form.one("address"),
        channel=form.one("channel") or "email",
        language=tongue.language.code,
        time_zone=form.one("zone") or "UTC",
        quiet_from=_minutes(form.one("quiet_from")),
        quiet_until=_minutes(form.one("quiet_until")),
        wake_for_critical=form.one("wake") == "yes",
        site_key=site_key or None,
        thing_id=int(thing_id) if thing_id.isdecimal() and len(thing_id) < 10 else None,
        kind=form.one("kind") or None,
        min_level=int(level) if level in ("1", "2", "3") else int(Severity.WARNING),
        mode=form.one("mode") or MODES[0],
    )


def _minutes(text: str) -> int | None:
    """Read a time of the day as minutes since midnight."""
    if not text:
        return None
    found = _TIME.fullmatch(text)
    if found is None:
        raise ConfigError("quiet hours", f"'{text[:20]}' is no time of the day")
    return 60 * int(found[1]) + int(found[2])


def _trouble(tongue: Tongue, form: Form, error: ConfigError) -> str:
    if "address" in error.source:
        return tongue("bad_address", address=form.one("address")[:100] or "?")
    if error.source == "wishes":
        return tongue("too_many")
    if "quiet" in error.source:
        return tongue("bad_quiet")
    return tongue("bad", detail=f"{error}")


def _form(services: Services, tongue: Tongue, form: Form, trouble: str = "") -> HTMLResponse:
    with services.engine.connect() as connection:
        places = _places(connection, tongue)
        zones = [row.time_zone for row in connection.execute(select(site.c.time_zone).distinct())]
    push_key = ""
    if WEB_PUSH in services.channels:
        push_key = read_or_make(services.engine, services.clock()).public
    kinds = [(key, tongue.say(PHRASES[key].name)) for key in _KINDS]
    return show(
        "subscribe.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if trouble else HTTPStatus.OK,
        t=tongue,
        others=others(tongue.language),
        form=form,
        places=places,
        # An empty choice is all sites; before anything was chosen it is the first one.
        place=form.one("place") if "channel" in form.fields or not places else _first(form, places),
        kinds=kinds,
        levels=[(str(level), tongue(name)) for level, name in _SEVERITIES.items()],
        # Only a script can tell where messages to a browser can be left.
        channels=[(one, tongue(one)) for one in services.channels if one != WEB_PUSH],
        push_key=push_key,
        modes=[(one, tongue(one)) for one in MODES],
        zones=tongue.zones(zones),
        trouble=trouble,
    )


def _first(form: Form, places: list[tuple[str, str]]) -> str:
    wished = form.one("place")
    return wished if any(value == wished for value, _ in places) and wished else places[0][0]


def _places(connection: Connection, tongue: Tongue) -> list[tuple[str, str]]:
    rows = connection.execute(
        select(site.c.key, site.c.name, thing.c.id, thing.c.name.label("thing"))
        .join(thing, thing.c.site_id == site.c.id)
        .order_by(site.c.name, site.c.key, thing.c.name, thing.c.id)
        .limit(_MOST_STATIONS + 1)
    ).all()
    sites = connection.execute(select(site.c.key, site.c.name).order_by(site.c.name)).all()
    found: list[tuple[str, str]] = []
    for one in sites:
        found.append((one.key, tongue("whole_site", site=one.name)))
        if len(rows) <= _MOST_STATIONS:
            own = [row for row in rows if row.key == one.key]
            found += [(f"{one.key}|{row.id}", f"{one.name}: {row.thing}") for row in own]
    return found if len(sites) == 1 else [*found, ("", tongue("all_sites"))]
