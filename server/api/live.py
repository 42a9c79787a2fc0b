"""The event stream of newly committed observations."""

from collections.abc import Sequence
from http import HTTPStatus

import msgspec
from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from server.api.edge import ServicesDep
from server.api.instants import iso
from server.api.problems import ProblemError, documented
from server.api.schemas import failing_tests, flag_word
from server.live import sse
from server.store.port import LatestRow

router = APIRouter(prefix="/api/v1", tags=["observations"])

_EVENTS = """Server-sent events. `resync` comes first and whenever updates were missed: read
`/api/v1/latest` once. `latest` carries a JSON list of `{datastream, time, value, quality, flag,
tests, reason}`. A comment line comes every 15 s when nothing else does."""


@router.get(
    "/live",
    summary="Follow new observations as they are committed",
    response_class=StreamingResponse,
    responses={
        HTTPStatus.OK.value: {
            "description": _EVENTS,
            "content": {sse.MEDIA_TYPE: {"schema": {"type": "string"}}},
        },
        **documented(),
    },
)
async def follow_live(services: ServicesDep) -> StreamingResponse:
    """Stream until the client leaves or the server stops."""
    if services.hub.full:
        raise ProblemError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "As many live connections are open as this server serves; use /api/v1/latest.",
        )
    return StreamingResponse(
        sse.stream(services.hub, encode_rows),
        media_type=sse.MEDIA_TYPE,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def encode_rows(rows: Sequence[LatestRow]) -> bytes:
    """Write rows as a JSON list on one line."""
    return msgspec.json.encode([_row(row) for row in rows])


def _row(row: LatestRow) -> dict[str, object]:
    return {
        "datastream": row.datastream_id,
        "time": iso(row.time_ms),
        "value": row.value,
        "quality": row.quality,
        "flag": flag_word(row.quality).value,
        "tests": failing_tests(row.quality),
        "reason": row.reason,
    }
