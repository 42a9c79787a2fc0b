"""Sends a body that is whole: 304 when the client has it already, compressed when it may be."""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from http import HTTPStatus

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from server.api.answers.timing import stopwatch_of

JSON = "application/json"
# Below this a packet is not saved.
_LEAST_BYTES = 1000
# The first level takes a third of the time of the usual one and gives up a tenth of its gain.
_LEVEL = 1
_GZIP = 16 + zlib.MAX_WBITS


def send(request: Request, body: bytes, media_type: str, headers: Mapping[str, str]) -> Response:
    """Answer with the body, unless the client names its tag; call it where it may take a while."""
    with stopwatch_of(request).part("pack"):
        tag = sha256(body).digest()
    return send_made(request, tag, lambda: body, media_type, headers)


def send_made(
    request: Request,
    content: bytes,
    make: Callable[[], bytes],
    media_type: str,
    headers: Mapping[str, str],
) -> Response:
    """Answer with a body that is only made when the client has not got it: `content` names it."""
    # Weak: the same tag stands for the body as it is and compressed (RFC 9110, section 8.8.1).
    tag = f'W/"{content.hex()[:32]}"'
    told = {"ETag": tag, "Vary": "Accept-Encoding", **headers}
    if _has(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=told)
    watch = stopwatch_of(request)
    with watch.part("write"):
        body = make()
    if len(body) >= _LEAST_BYTES and takes_gzip(request):
        with watch.part("pack"):
            body = zlib.compress(body, _LEVEL, _GZIP)
        told["Content-Encoding"] = "gzip"
    return Response(body, media_type=media_type, headers=told)


def stream(
    request: Request, parts: Iterable[bytes], media_type: str, headers: Mapping[str, str]
) -> StreamingResponse:
    """Answer with what is made as it goes out, compressed on the way when it may be."""
    told = {"Vary": "Accept-Encoding", **headers}
    if takes_gzip(request):
        parts = _compressed(parts)
        told["Content-Encoding"] = "gzip"
    return StreamingResponse(parts, media_type=media_type, headers=told)


def takes_gzip(request: Request) -> bool:
    """Tell whether the client takes gzip (RFC 9110, section 12.5.3)."""
    for one in request.headers.get("accept-encoding", "").lower().split(","):
        coding, _, weight = one.replace(" ", "").partition(";q=")
        if coding in ("gzip", "*"):
            return not weight or weight.strip("0.") != ""
    return False


def _has(tags: str, tag: str) -> bool:
    """Tell whether a client's If-None-Match names the tag, by the weak comparison."""
    return tags.strip() == "*" or any(
        one.strip().removeprefix("W/") == tag.removeprefix("W/") for one in tags.split(",")
    )


def _compressed(parts: Iterable[bytes]) -> Iterator[bytes]:
    packing = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    for part in parts:
        yield packing.compress(part)
    yield packing.flush()
