"""The journal: every batch as it came, and what became of it."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from sqlalchemy import Connection, RowMapping, Select, func, select

from server.api.edge import Id, Parameters, ServicesDep, next_address
from server.api.problems import ProblemError, documented
from server.api.schemas import JournalEntry, JournalStatus, Paged
from server.archive.reading import read_payload
from server.db.tables import journal

router = APIRouter(prefix="/api/v1/journal", tags=["journal"])


class JournalParameters(Parameters):
    """Which entries."""

    status: JournalStatus | None = None
    gateway: Annotated[str, Field(max_length=63, pattern="^[^\\x00]*$")] | None = None
    before: (
        Annotated[int, Field(ge=1, le=2**63 - 1, description="Only entries older than this id")]
        | None
    ) = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


@router.get(
    "", summary="List batches, newest first", responses=documented(HTTPStatus.UNPROCESSABLE_ENTITY)
)
def list_journal(
    request: Request, services: ServicesDep, wanted: Annotated[JournalParameters, Query()]
) -> Paged[JournalEntry]:
    """Tell what became of each batch, and of a refused one why."""
    with services.engine.connect() as connection:
        items = [_entry(row) for row in connection.execute(_entries(wanted)).mappings()]
    more = next_address(request, before=items[-1].id) if len(items) == wanted.limit else None
    return Paged(items=items, next=more)


@router.get(
    "/{entry_id}/payload",
    summary="Read a batch's bytes as they came",
    response_class=Response,
    responses={
        HTTPStatus.OK.value: {
            "description": "The bytes",
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            },
        },
        **documented(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY),
    },
)
def read_journal_payload(services: ServicesDep, entry_id: Id) -> Response:
    """Answer with the payload as it came; docs/wire.md says how to read it by hand."""
    with services.engine.connect() as connection:
        payload = _payload(connection, entry_id)
    if payload is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, f"The journal has no entry {entry_id}.")
    name = f"batch-{entry_id}.bin"
    return Response(
        payload,
        media_type="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _entries(wanted: JournalParameters) -> Select[Any]:
    without_payload = [column for column in journal.c if column is not journal.c.payload]
    size = func.coalesce(journal.c.packed_size, func.length(journal.c.payload)).label("size")
    found = select(*without_payload, size).order_by(journal.c.id.desc()).limit(wanted.limit)
    if wanted.status is not None:
        found = found.where(journal.c.status == wanted.status.value)
    if wanted.gateway is not None:
        found = found.where(journal.c.gateway == wanted.gateway)
    if wanted.before is not None:
        found = found.where(journal.c.id < wanted.before)
    return found


def _entry(row: RowMapping) -> JournalEntry:
    address = f"{router.prefix}/{row['id']}/payload"
    digest = bytes(row["digest"]).hex()
    return JournalEntry.model_validate({**row, "digest": digest, "payload": address})


def _payload(connection: Connection, entry_id: int) -> bytes | None:
    kept = read_payload(connection, entry_id)
    return None if kept is None else kept.payload
