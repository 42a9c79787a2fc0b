"""Takes in a carried file that is uploaded."""

import asyncio
import threading
from collections.abc import AsyncIterator
from functools import partial
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.requests import ClientDisconnect

from server.api.edge import Services, ServicesDep
from server.api.imports.origin import is_own
from server.api.imports.schemas import ImportReport, present
from server.api.imports.threads import run_beside
from server.api.problems import ProblemError, documented
from server.carry.importer import FileImport, Hooks, StoppedError
from server.carry.report import Report
from wire.errors import ContractError

router = APIRouter(prefix="/api/v1/imports", tags=["imports"])

MEDIA_TYPE = "application/zip"
# A file of export's has at most half of that.
MAX_BYTES = 2_000_000_000

# Not /tmp, which may lie in memory. FHS 3.0, 5.15.
_FOLDER = "/var/tmp"  # noqa: S108 - the file there has no name

# For so long a body may pause; nobody else can hand a file in meanwhile.
_SILENCE_S = 60.0

# One at a time: each may take MAX_BYTES of the disk.
_turn = threading.Lock()


@router.post(
    "",
    summary="Take in a file that saxaul-gateway export wrote",
    responses=documented(
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.INSUFFICIENT_STORAGE,
    ),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def import_file(request: Request, services: ServicesDep) -> ImportReport:
    """Store its batches, each once; of a damaged file all that is whole.

    The body is the file itself. It may be sent again at any time. One that pauses for a minute is
    given up with 408, for one file is taken at a time.
    """
    _check(request)
    if not _turn.acquire(blocking=False):
        raise ProblemError(HTTPStatus.CONFLICT, "Another file is being taken in: try again then.")
    stop = threading.Event()
    try:
        stream = await _receive(request)
        report = await run_beside(partial(_take, services, stream, stop))
    except asyncio.CancelledError:
        # The server stops, and so does the import: at the latest with the process.
        raise _stopping() from None
    finally:
        stop.set()
        _turn.release()
    return present(report)


def _check(request: Request) -> None:
    if not is_own(request.headers):
        raise ProblemError(HTTPStatus.FORBIDDEN, "A page from elsewhere may not send files here.")
    # No plain form of a page can send this type without asking first (Fetch, CORS-safelisted).
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"Send the file itself as the body, with Content-Type: {MEDIA_TYPE}.",
        )
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > MAX_BYTES:
        raise _too_large()


def _too_large() -> ProblemError:
    return ProblemError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"The file has over {MAX_BYTES / 1e9:.0f} GB: use saxaul-server import on the server.",
    )


def _stopping() -> ProblemError:
    return ProblemError(
        HTTPStatus.SERVICE_UNAVAILABLE, "The server stops: send the file again later."
    )


async def _receive(request: Request) -> BinaryIO:
    """Keep the body in a file without a name, as it comes: it may be larger than the memory."""
    stream = _spool()
    try:
        await _copy(request, stream)
    except BaseException as error:
        stream.close()
        if isinstance(error, ClientDisconnect):
            detail = "The upload broke off: send it again."
            raise ProblemError(HTTPStatus.BAD_REQUEST, detail) from None
        if isinstance(error, OSError):
            detail = (
                f"The file cannot be kept meanwhile ({error.strerror}): make room in {_FOLDER} on "
                "the server, or use saxaul-server import there."
            )
            raise ProblemError(HTTPStatus.INSUFFICIENT_STORAGE, detail) from error
        raise
    return stream


def _spool() -> BinaryIO:
    folder = _FOLDER if Path(_FOLDER).is_dir() else None
    return TemporaryFile(dir=folder)


async def _copy(request: Request, stream: BinaryIO) -> None:
    size = 0
    chunks = aiter(request.stream())
    while (chunk := await _next(chunks)) is not None:
        size += len(chunk)
        if size > MAX_BYTES:
            raise _too_large()
        await to_thread.run_sync(stream.write, chunk)


async def _next(chunks: AsyncIterator[bytes]) -> bytes | None:
    """Wait for more of the body: not for ever on a computer that was put to sleep meanwhile."""
    try:
        async with asyncio.timeout(_SILENCE_S):
            return await anext(chunks, None)
    except TimeoutError:
        detail = f"Nothing more came for {_SILENCE_S:.0f} s: send the file again."
        raise ProblemError(HTTPStatus.REQUEST_TIMEOUT, detail) from None


def _take(services: Services, stream: BinaryIO, stop: threading.Event) -> Report:
    hooks = Hooks(committed=services.hub.publish, is_stopped=stop.is_set)
    with stream:
        try:
            return FileImport(services.engine, services.clock, stream, hooks).run()
        except ContractError as error:
            detail = f"The file cannot be used: {error}."
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail) from error
        except StoppedError:
            raise _stopping() from None
