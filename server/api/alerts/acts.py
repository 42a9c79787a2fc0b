"""What people do about warnings.

There is no login yet: the server listens on loopback by default, and takes these only from its own
pages, or from programs that are no browsers.
"""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from server.api.alerts.facts import read_surroundings
from server.api.alerts.routes import AlertId, no_alert
from server.api.alerts.schemas import (
    Acknowledging,
    Alert,
    Commenting,
    Shelving,
    present,
)
from server.api.edge import Services, ServicesDep
from server.api.imports.origin import is_own
from server.api.instants import parse
from server.api.problems import ProblemError, documented
from server.watch import acting
from server.watch.reading import read_watch
from wire.errors import ConfigError

router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"])

REFUSALS = documented(
    HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY
)


async def require_own(request: Request) -> None:
    """Refuse what a page from elsewhere has a browser send."""
    if not is_own(request.headers):
        raise ProblemError(HTTPStatus.FORBIDDEN, "A page from elsewhere may not change this.")


Own = Annotated[None, Depends(require_own)]


@router.post("/{alert_id}/acknowledge", summary="Say that somebody sees to it", responses=REFUSALS)
def acknowledge_alert(
    services: ServicesDep, alert_id: AlertId, said: Acknowledging, _own: Own
) -> Alert:
    """Nobody is reminded until it gets worse. Only what is active can be acknowledged."""
    _require(services, alert_id)
    if not acting.acknowledge(services.engine, alert_id, said.who, services.clock(), said.note):
        detail = f"Warning {alert_id} is not active: there is nothing to acknowledge."
        raise ProblemError(HTTPStatus.CONFLICT, detail)
    return _answer(services, alert_id)


@router.post("/{alert_id}/comment", summary="Keep a remark", responses=REFUSALS)
def comment_alert(services: ServicesDep, alert_id: AlertId, said: Commenting, _own: Own) -> Alert:
    """Keep it with the warning; nothing else changes."""
    _require(services, alert_id)
    acting.comment(services.engine, alert_id, said.who, services.clock(), said.note)
    return _answer(services, alert_id)


@router.post("/{alert_id}/shelve", summary="Tell nobody of it for a while", responses=REFUSALS)
def shelve_alert(services: ServicesDep, alert_id: AlertId, said: Shelving, _own: Own) -> Alert:
    """Go on watching, and tell nobody until then; at most 180 days."""
    _require(services, alert_id)
    now_ms = services.clock()
    try:
        until_ms = parse(said.until)
        acting.shelve(services.engine, alert_id, said.who, now_ms, until_ms, said.note)
    except (ValueError, ConfigError) as error:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, f"until: {error}") from None
    return _answer(services, alert_id)


@router.post("/{alert_id}/unshelve", summary="Tell of it again", responses=REFUSALS)
def unshelve_alert(
    services: ServicesDep, alert_id: AlertId, said: Acknowledging, _own: Own
) -> Alert:
    """End what shelve began."""
    _require(services, alert_id)
    acting.unshelve(services.engine, alert_id, said.who, services.clock(), said.note)
    return _answer(services, alert_id)


def _require(services: Services, alert_id: int) -> None:
    with services.engine.connect() as connection:
        if read_watch(connection, alert_id) is None:
            raise no_alert(alert_id)


def _answer(services: Services, alert_id: int) -> Alert:
    with services.engine.connect() as connection:
        shown = read_watch(connection, alert_id)
        if shown is None:
            raise no_alert(alert_id)
        return present(shown, read_surroundings(connection), services.clock())
