"""The pages behind the links of messages. To look changes nothing: mail scanners follow links.

GET says what the link would do, with a button; POST does it, also the POST of RFC 8058 that mail
programs send by themselves. The link's signature is what lets it, wherever the request comes from.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from server.api.alerts.facts import fact_of, read_surroundings
from server.api.edge import Services, ServicesDep
from server.db.engine import writing
from server.notify import people
from server.notify.links import Grant, Purpose, read_token
from server.notify.reading import Held, Person, read_person
from server.notify.snoozing import snooze
from server.watch import acting
from server.watch.reading import Standing, read_watch
from server.web.alerts.forms import Form, read_form
from server.web.alerts.subscribe import done
from server.web.alerts.templating import show
from server.web.alerts.texts import Tongue, wished_language
from server.words.phrases import PHRASES
from server.words.quantities import instant
from server.words.saying import saying
from wire.errors import ConfigError

router = APIRouter(include_in_schema=False)

_WEEK_MS = 7 * 86_400_000
_MAX_BYTES = 64_000
_ONE_CLICK = b"One-Click"  # RFC 8058, 3.1: List-Unsubscribe=One-Click

Token = Annotated[str, Path(max_length=100)]


class _Visit:
    """A link that holds, who it is of, and how the request came."""

    def __init__(self, services: Services, grant: Grant, person: Person) -> None:
        self.services = services
        self.grant = grant
        self.person = person
        self.tongue = Tongue(person.language)

    @property
    def wish(self) -> Held:
        """The subscription that the link is about."""
        wishes = self.person.wishes
        return next(one for one in wishes if one.id == self.grant.subscription_id)

    @property
    def site(self) -> str:
        """Name where it is about."""
        return self.wish.site or self.tongue("all_sites")

    def kind_name(self, kind: str | None) -> str:
        """Name what is told; of no kind in particular, all of it."""
        return self.tongue.say(PHRASES[kind].name) if kind else self.tongue("everything")

    def until(self, time_ms: int) -> str:
        """Write an instant in the person's own time."""
        return instant(self.tongue.language.code, time_ms, self.person.time_zone)


@router.get("/a/{token}", response_class=HTMLResponse)
def look(request: Request, services: ServicesDep, token: Token) -> HTMLResponse:
    """Say what a link would do; does nothing."""
    visit = _visit(services, token)
    if visit is None:
        return _dead(request)
    if visit.grant.purpose is Purpose.MANAGE:
        return _manage(visit, visit.person)
    title, button = _question(visit)
    return show("button.html", t=visit.tongue, title=title, button=button, token=token)


@router.post("/a/{token}", response_class=HTMLResponse)
async def act(request: Request, services: ServicesDep, token: Token) -> HTMLResponse:
    """Do what a link is for."""
    is_manage = token.startswith(Purpose.MANAGE.value)
    form = await read_form(request) if is_manage else Form({})
    is_one_click = not is_manage and _ONE_CLICK in await _body(request)

    def work() -> HTMLResponse:
        visit = _visit(services, token)
        if visit is None:
            return _dead(request)
        if visit.grant.purpose is Purpose.MANAGE:
            return _managed(visit, form)
        return _DOES[visit.grant.purpose](visit, "one-click" if is_one_click else "link")

    return await run_in_threadpool(work)


async def _body(request: Request) -> bytes:
    """Read the body, whatever its form; what is too long is none of ours."""
    body = b""
    async for chunk in request.stream():
        body = (body + chunk)[:_MAX_BYTES]
    return body


def _visit(services: Services, token: str) -> _Visit | None:
    with services.engine.connect() as connection:
        grant = read_token(connection, token)
        person = None if grant is None else read_person(connection, grant.subscriber_id)
    if grant is None or person is None:
        return None
    return _Visit(services, grant, person)


def _dead(request: Request) -> HTMLResponse:
    language = wished_language(None, request.headers.get("accept-language", ""))
    tongue = Tongue(language)
    values = {"title": tongue("dead_link"), "said": (), "anew": tongue("anew")}
    return show("done.html", HTTPStatus.NOT_FOUND, t=tongue, **values)


def _question(visit: _Visit) -> tuple[str, str]:
    """Say what a link asks, and what its button says."""
    tongue = visit.tongue
    match visit.grant.purpose:
        case Purpose.CONFIRM:
            return tongue("confirm_ask", site=visit.site), tongue("confirm_do")
        case Purpose.UNSUBSCRIBE:
            return tongue("stop_ask", address=visit.wish.masked), tongue("stop_do")
        case Purpose.PAUSE:
            return tongue("pause_ask"), tongue("pause_do")
        case Purpose.ACKNOWLEDGE:
            return _headline(visit), tongue("care_do")
        case _:
            return _headline(visit), tongue("snooze_do")


def _headline(visit: _Visit) -> str:
    """Say how the warning stands now that a link is about."""
    with visit.services.engine.connect() as connection:
        shown = read_watch(connection, visit.grant.watch_id)
        around = read_surroundings(connection)
    if shown is None or shown.standing is Standing.NORMAL:
        return visit.tongue("over")
    code = visit.tongue.language.code
    return saying(code, fact_of(shown, around), visit.services.clock()).headline


def _confirm(visit: _Visit, how: str) -> HTMLResponse:
    with writing(visit.services.engine) as connection:
        holds = people.confirm(connection, visit.grant, visit.services.clock(), how)
    if not holds:
        return done(visit.tongue, visit.tongue("dead_link"), status=HTTPStatus.GONE)
    return done(visit.tongue, visit.tongue("confirm_done", site=visit.site))


def _unsubscribe(visit: _Visit, how: str) -> HTMLResponse:
    with writing(visit.services.engine) as connection:
        people.unsubscribe(connection, visit.grant, visit.services.clock(), how)
    return done(visit.tongue, visit.tongue("stop_done", address=visit.wish.masked))


def _pause(visit: _Visit, how: str) -> HTMLResponse:
    now_ms = visit.services.clock()
    until_ms = now_ms + _WEEK_MS
    with writing(visit.services.engine) as connection:
        people.pause(connection, visit.grant, now_ms, until_ms, how)
    return done(visit.tongue, visit.tongue("pause_done", until=visit.until(until_ms)))


def _acknowledge(visit: _Visit, how: str) -> HTMLResponse:
    services, tongue = visit.services, visit.tongue
    who = visit.person.name or f"subscriber {visit.person.id}"
    try:
        taken = acting.acknowledge(
            services.engine, visit.grant.watch_id, who, services.clock(), f"by {how}"
        )
    except ConfigError:
        taken = False
    return done(tongue, tongue("care_done") if taken else tongue("over"))


def _snooze(visit: _Visit, _how: str) -> HTMLResponse:
    with writing(visit.services.engine) as connection:
        is_kept = snooze(connection, visit.grant, visit.services.clock())
    return done(visit.tongue, visit.tongue("snooze_done" if is_kept else "over"))


_DOES: dict[Purpose, Callable[[_Visit, str], HTMLResponse]] = {
    Purpose.CONFIRM: _confirm,
    Purpose.UNSUBSCRIBE: _unsubscribe,
    Purpose.PAUSE: _pause,
    Purpose.ACKNOWLEDGE: _acknowledge,
    Purpose.SNOOZE: _snooze,
}


def _manage(visit: _Visit, person: Person, said: str = "") -> HTMLResponse:
    now_ms = visit.services.clock()
    paused_ms = person.paused_until_ms
    is_paused = paused_ms is not None and paused_ms > now_ms
    return show(
        "manage.html",
        t=visit.tongue,
        person=person,
        said=said,
        paused=visit.until(paused_ms) if is_paused and paused_ms is not None else "",
        kind_names={one.kind: visit.kind_name(one.kind) for one in person.wishes},
    )


def _managed(visit: _Visit, form: Form) -> HTMLResponse:
    """Do what a button of the page of all one's messages says."""
    now_ms, tongue, wish = visit.services.clock(), visit.tongue, form.one("wish")
    said = ""
    with writing(visit.services.engine) as connection:
        match form.one("do"):
            case "pause":
                people.pause(connection, visit.grant, now_ms, now_ms + _WEEK_MS, "page")
                said = tongue("pause_done", until=visit.until(now_ms + _WEEK_MS))
            case "resume":
                people.pause(connection, visit.grant, now_ms, None, "page")
                said = tongue("resume_done")
            case "forget":
                people.forget(connection, visit.person.id, now_ms, "page")
                return done(tongue, tongue("forget_done"))
            case "stop":
                own = next((one for one in visit.person.wishes if str(one.id) == wish), None)
                if own is not None:
                    grant = Grant(Purpose.UNSUBSCRIBE, visit.person.id, own.id)
                    people.end(connection, grant, now_ms, "page")
                    said = tongue("stop_done", address=own.masked)
        person = read_person(connection, visit.person.id)
    return _manage(visit, person or visit.person, said)
