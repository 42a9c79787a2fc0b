"""The live page, and the files that the pages are made of."""

from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from server.api import queries
from server.api.edge import Services, ServicesDep
from server.api.instants import iso
from server.web import board, carry, plots, sentences
from server.web.alerts import counting, links, subscribe
from server.web.alerts import pages as alerts
from server.web.alerts.rules import router as alert_rules
from server.web.display import age
from server.web.headers import SecurityHeaders
from server.web.soil.routes import router as soil_pages

router = APIRouter(include_in_schema=False)

_FOLDER = Path(__file__).parent


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"iso": iso, "age": age, "clock": _clock}
    return environment


def _clock(time_ms: int) -> str:
    """Write an instant for people, such as "2026-11-20 06:54 UTC"."""
    return f"{iso(time_ms)[:16].replace('T', ' ')} UTC"


_templates = _environment()


def install(app: FastAPI) -> None:
    """Add the pages, their files and the headers that keep them safe to the application."""
    app.include_router(router)
    app.include_router(plots.router)
    app.include_router(carry.router)
    # Before what takes any number: /alerts/rules.
    app.include_router(alert_rules)
    app.include_router(alerts.router)
    app.include_router(subscribe.router)
    app.include_router(links.router)
    app.include_router(soil_pages)
    app.mount("/static", StaticFiles(directory=_FOLDER / "static"), name="static")
    app.add_middleware(SecurityHeaders)


@router.get("/", response_class=HTMLResponse)
def show_board(services: ServicesDep) -> HTMLResponse:
    """Every station's newest values."""
    with services.engine.connect() as connection:
        warned = counting.read_counts(connection, services.clock())
    html = _templates.get_template("board.html").render(
        board=_board(services),
        warned=warned,
        gateway_state=board.gateway_state,
        sentence=sentences,
    )
    return HTMLResponse(html, headers={"Cache-Control": "no-store"})


def _board(services: Services) -> board.Board:
    now = services.clock()
    with services.engine.connect() as connection:
        return board.build(
            now,
            queries.sites(connection),
            queries.gateways(connection),
            queries.latest(connection),
            services.shares.read(connection, now),
        )
