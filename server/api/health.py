"""Health: is the process alive, and can it do its work."""

from http import HTTPStatus

from fastapi import APIRouter, Response

from server.api.edge import ServicesDep
from server.api.problems import MEDIA_TYPE, respond
from server.api.schemas import Alive, NotReady, Part, Readiness

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Tell whether the process is alive")
async def read_health() -> Alive:
    """Answer as long as the process serves requests at all."""
    return Alive()


@router.get(
    "/readyz",
    summary="Tell whether the server can do its work",
    response_model=Readiness,
    responses={
        HTTPStatus.SERVICE_UNAVAILABLE.value: {
            "description": "Not ready; parts says why",
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/NotReady"}}},
        }
    },
)
def read_readiness(services: ServicesDep) -> Readiness | Response:
    """Ready when the database is there and current, and ingest is connected to the broker."""
    parts = list(services.readiness())
    if all(part.ready for part in parts):
        return Readiness(ready=True, parts=parts)
    status = HTTPStatus.SERVICE_UNAVAILABLE
    return respond(
        NotReady(title=status.phrase, status=status, detail=_sentence(parts), parts=parts)
    )


def _sentence(parts: list[Part]) -> str:
    return "; ".join(f"{part.name}: {part.detail}" for part in parts if not part.ready)
