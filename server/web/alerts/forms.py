"""What a form of a page sends, read by hand: it takes no script, and no parser of attachments."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import Depends, Request

from server.api.imports.origin import is_own
from server.api.problems import ProblemError

# URL Standard, 5.1: what a form is sent as unless it says otherwise.
_MEDIA_TYPE = "application/x-www-form-urlencoded"
_MAX_BYTES = 64_000
_MAX_FIELDS = 200


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form by name; what was left empty is as if it were not there."""

    fields: Mapping[str, list[str]]

    def one(self, name: str) -> str:
        """Give a field without the blanks around it; "" when it is not there."""
        return self.fields.get(name, [""])[0].strip()

    def all(self, name: str) -> list[str]:
        """Give all that was ticked under a name."""
        return self.fields.get(name, [])


async def read_form(request: Request) -> Form:
    """Read what a form sends; raises ProblemError for what is none, or too large."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _MEDIA_TYPE:
        detail = f"Send the form as {_MEDIA_TYPE}."
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BYTES:
            detail = f"A form has at most {_MAX_BYTES} bytes: write less."
            raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
    try:
        fields = parse_qs(body.decode(), max_num_fields=_MAX_FIELDS, errors="strict")
    except ValueError:
        detail = "The form cannot be read: open the page again, and send it from there."
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail) from None
    if any("\0" in one for values in fields.values() for one in values):
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "The form holds what is no text.")
    return Form(fields)


async def read_own_form(request: Request) -> Form:
    """Read what a form of our own sends; a page from elsewhere may not have it sent."""
    if not is_own(request.headers):
        raise ProblemError(HTTPStatus.FORBIDDEN, "A page from elsewhere may not change this.")
    return await read_form(request)


OwnForm = Annotated[Form, Depends(read_own_form)]
