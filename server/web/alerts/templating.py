"""Fills the templates of these pages."""

from pathlib import Path

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from server.api.instants import iso
from server.web.display import age

_FOLDER = Path(__file__).parent.parent / "templates" / "alerts"


def _clock(time_ms: int) -> str:
    """Write an instant for people, such as "2026-11-20 06:54 UTC"."""
    return f"{iso(time_ms)[:16].replace('T', ' ')} UTC"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"iso": iso, "age": age, "clock": _clock}
    return environment


_templates = _environment()


def show(template: str, status: int = 200, **values: object) -> HTMLResponse:
    """Fill a template; nobody keeps the page, for it is out of date at once."""
    html = _templates.get_template(template).render(values)
    return HTMLResponse(html, status, headers={"Cache-Control": "no-store"})
