"""Errors as problem details (RFC 9457): what is wrong with a request or with the server."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.errors import StoreError
from server.store.reading.bounded import TooSlowError
from server.store.reading.raw import TooManyError

MEDIA_TYPE = "application/problem+json"
REQUEST_FAILED = "request_failed"
DATABASE_FAILED = "database_failed"

# What is read by the driver itself raises the driver's own.
_DATABASE_ERRORS = (
    StoreError,
    OperationalError,
    InterfaceError,
    PoolTimeoutError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
)

log = structlog.get_logger(__name__)


class InvalidParameter(BaseModel):
    """One thing wrong with a request."""

    parameter: str = Field(description="Which parameter, as in query.from")
    detail: str


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""
    errors: list[InvalidParameter] = []


class ProblemError(Exception):
    """A request that is answered with a problem instead of a result."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        """Say what is wrong and what to do about it."""
        super().__init__(detail)
        self.problem = Problem(title=status.phrase, status=status, detail=detail)


def documented(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Document the problems an operation may answer with; 503 is always one."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status.value: {"description": status.phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in (*statuses, HTTPStatus.SERVICE_UNAVAILABLE)
    }


def install(app: FastAPI) -> None:
    """Make every error of the application a problem."""
    app.exception_handler(ProblemError)(_own)
    app.exception_handler(HTTPException)(_http)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(TooManyError)(_too_many)
    app.exception_handler(TooSlowError)(_too_slow)
    for kind in _DATABASE_ERRORS:
        app.exception_handler(kind)(_database)
    app.add_middleware(Bugs)


def respond(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """Write a problem as a response."""
    return Response(
        problem.model_dump_json(exclude=None if problem.errors else {"errors"}),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers=headers,
    )


async def _own(_: Request, error: ProblemError) -> Response:
    return respond(error.problem)


async def _http(_: Request, error: HTTPException) -> Response:
    status = HTTPStatus(error.status_code)
    detail = "" if error.detail == status.phrase else error.detail
    return respond(Problem(title=status.phrase, status=status, detail=detail), error.headers)


async def _invalid(_: Request, error: RequestValidationError) -> Response:
    wrong = [
        InvalidParameter(
            parameter=".".join(str(step) for step in one["loc"]),
            detail=one["msg"].removeprefix("Value error, "),
        )
        for one in error.errors()
    ]
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    detail = "; ".join(f"{one.parameter}: {one.detail}" for one in wrong)
    return respond(Problem(title=status.phrase, status=status, detail=detail, errors=wrong))


async def _too_many(_: Request, error: Exception) -> Response:
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return respond(Problem(title=status.phrase, status=status, detail=str(error)))


async def _too_slow(_: Request, error: Exception) -> Response:
    # No Retry-After: the same question takes as long the next time.
    status = HTTPStatus.SERVICE_UNAVAILABLE
    return respond(Problem(title=status.phrase, status=status, detail=str(error)))


async def _database(request: Request, error: Exception) -> Response:
    # One line: while the database is away, every page that is open asks again and again.
    said = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
    log.error(DATABASE_FAILED, path=request.url.path, error=said)
    status = HTTPStatus.SERVICE_UNAVAILABLE
    detail = "The database did not answer; try again shortly. /readyz tells when it is back."
    problem = Problem(title=status.phrase, status=status, detail=detail)
    return respond(problem, {"Retry-After": "5"})


class Bugs:
    """ASGI middleware: what nobody foresaw becomes a problem and is logged once.

    Starlette's own handler of Exception raises it again, and uvicorn logs it a second time.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; answer it when the application fails to."""
        answering = False

        async def note_and_send(message: Message) -> None:
            nonlocal answering
            answering = True
            await send(message)

        try:
            await self._app(scope, receive, note_and_send)
        except Exception:
            if answering or scope["type"] != "http":
                raise  # uvicorn logs it and cuts the answer off, so that it is not taken for whole
            log.exception(REQUEST_FAILED, path=scope["path"])
            await _bug()(scope, receive, send)


def _bug() -> Response:
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    detail = "This is a fault of the server's; its log says more."
    return respond(Problem(title=status.phrase, status=status, detail=detail))
