"""What is active now, and one warning with its record."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field

from server.alerts.kinds import KINDS
from server.api.alerts.facts import read_surroundings
from server.api.alerts.schemas import Alert, AlertDetail, present, present_all
from server.api.edge import After, Parameters, ServicesDep, SiteKey, next_address
from server.api.problems import ProblemError, documented
from server.api.schemas import Paged
from server.watch.reading import (
    Asked,
    Aspect,
    read_acts,
    read_history,
    read_standing,
    read_watch,
)

router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"])

AlertId = Annotated[int, Path(ge=1, le=2**31 - 1, description="The warning's id")]


class AlertParameters(Parameters):
    """Which warnings."""

    site: SiteKey | None = None
    kind: Annotated[str, Field(pattern="^[a-z_]{1,40}$", examples=list(KINDS))] | None = None
    state: Aspect | None = None
    after: After = 0
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


@router.get(
    "",
    summary="List warnings that are active, unknown or shelved",
    responses=documented(HTTPStatus.UNPROCESSABLE_ENTITY),
)
def list_alerts(
    request: Request, services: ServicesDep, wanted: Annotated[AlertParameters, Query()]
) -> Paged[Alert]:
    """List them by id; what is normal is not listed.

    What concerns a gateway is listed with each site that has a station of it.
    """
    now_ms = services.clock()
    asked = Asked(wanted.site, wanted.kind, wanted.state, wanted.after, wanted.limit)
    with services.engine.connect() as connection:
        around = read_surroundings(connection)
        found = read_standing(connection, asked, now_ms)
    items = [present(one, around, now_ms) for one in found]
    more = next_address(request, after=items[-1].id) if len(items) == wanted.limit else None
    return Paged(items=items, next=more)


@router.get(
    "/{alert_id}",
    summary="Read a warning with its record",
    responses=documented(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY),
)
def read_alert(services: ServicesDep, alert_id: AlertId) -> AlertDetail:
    """Answer with how it stands, its newest 1000 changes with their evidence, and what was done.

    A change that turned out not to be true is there still, with `superseded_at`.
    """
    with services.engine.connect() as connection:
        shown = read_watch(connection, alert_id)
        if shown is None:
            raise no_alert(alert_id)
        history, acts = read_history(connection, alert_id), read_acts(connection, alert_id)
        around = read_surroundings(connection)
    return present_all(shown, history, acts, around, services.clock())


def no_alert(alert_id: int) -> ProblemError:
    """Say that there is no such warning."""
    detail = f"There is no warning {alert_id}, or its rule no longer applies."
    return ProblemError(HTTPStatus.NOT_FOUND, detail)
