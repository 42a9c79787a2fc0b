"""How complete a gateway's data are, and why what is not there is not there."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field

from server.api.edge import Parameters, ServicesDep
from server.api.instants import InstantParameter
from server.api.ledger.schemas import Ledger, present
from server.api.problems import ProblemError, documented
from server.ledger.account import read_account
from server.ledger.series import DEFAULT_DAYS, MAX_DAYS, Span

router = APIRouter(prefix="/api/v1/gateways", tags=["ledger"])

DAY_MS = 86_400_000

GatewayId = Annotated[
    str, Path(pattern="^[a-z0-9][a-z0-9-]{1,62}$", description="The gateway's name")
]


class LedgerParameters(Parameters):
    """Over which span the series are looked at: from <= time < to."""

    since: (
        Annotated[
            InstantParameter,
            Field(description=f"First instant; unless given, {DEFAULT_DAYS} days before `to`"),
        ]
        | None
    ) = Field(default=None, alias="from")
    to: (
        Annotated[
            InstantParameter, Field(description="Last instant, not included; unless given, now")
        ]
        | None
    ) = None


@router.get(
    "/{gateway_id}/ledger",
    summary="Tell how complete a gateway's data are",
    responses=documented(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY),
)
def read_ledger(
    services: ServicesDep, gateway_id: GatewayId, wanted: Annotated[LedgerParameters, Query()]
) -> Ledger:
    """Count its batches for all time, and list the gaps of its series over a span of up to a year.

    Of very many or very quick series only the newest part of the span is looked at; each says
    from when on.
    """
    now_ms = services.clock()
    to_ms = min(now_ms, now_ms if wanted.to is None else wanted.to)
    from_ms = max(0, to_ms - DEFAULT_DAYS * DAY_MS) if wanted.since is None else wanted.since
    if not 0 < to_ms - from_ms <= MAX_DAYS * DAY_MS:
        detail = f"from must lie before to and before now, by at most {MAX_DAYS} days."
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
    with services.engine.connect() as connection:
        span = Span(from_ms, to_ms, now_ms)
        account = read_account(connection, services.store, gateway_id, span)
    if account is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, f"There is no gateway '{gateway_id}'.")
    return present(account)
