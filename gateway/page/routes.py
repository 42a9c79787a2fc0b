"""What the page may ask of the desk, and tell it: the paths, and how much a body may have."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qs

import msgspec

from gateway.page.desk import Desk
from gateway.page.visits import MAX_PHOTO_BYTES, Position
from wire.messages import Text

MAX_BODY_BYTES = 64_000
_MOST_ASKED = 2_000


class _Leaving(msgspec.Struct, frozen=True):
    by: Text
    notes: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    anyway: bool = False


class _Asking(msgspec.Struct, frozen=True):
    sensors: Annotated[list[Text], msgspec.Meta(max_length=_MOST_ASKED)] = []


class _Scanning(msgspec.Struct, frozen=True):
    port: Text
    pause: bool = False


class _Adding(msgspec.Struct, frozen=True):
    thing: Text
    toml: str


@dataclass(frozen=True, slots=True)
class Route:
    """What takes a body and gives the answer.

    Raises ValueError, MsgspecError, StoreError, ConfigError and BusError.
    """

    work: Callable[[Desk, bytes], object]
    most_bytes: int = MAX_BODY_BYTES


def _ask(desk: Desk, body: bytes) -> object:
    desk.ask(msgspec.json.decode(body, type=_Asking).sensors)
    return {}


def _place(desk: Desk, body: bytes) -> object:
    desk.place(msgspec.json.decode(body, type=Position))
    return {}


def _photograph(desk: Desk, body: bytes) -> object:
    return {"photo": desk.photograph(body)}


def _leave(desk: Desk, body: bytes) -> object:
    asked = msgspec.json.decode(body, type=_Leaving)
    return desk.leave(asked.by, asked.notes, anyway=asked.anyway)


def _scan(desk: Desk, body: bytes) -> object:
    asked = msgspec.json.decode(body, type=_Scanning)
    desk.scanning.start(asked.port, pause=asked.pause)
    return {}


def _stop_scan(desk: Desk, body: bytes) -> object:
    del body
    desk.scanning.stop()
    return {}


def _add(desk: Desk, body: bytes) -> object:
    asked = msgspec.json.decode(body, type=_Adding)
    return {"said": desk.scanning.add(asked.thing, asked.toml)}


def _restart(desk: Desk, body: bytes) -> object:
    del body
    desk.restart()
    return {}


TAKES: Mapping[str, Route] = {
    "/api/ask": Route(_ask),
    "/api/position": Route(_place),
    "/api/photo": Route(_photograph, MAX_PHOTO_BYTES),
    "/api/installation": Route(_leave),
    "/api/scan": Route(_scan),
    "/api/scan/stop": Route(_stop_scan),
    "/api/scan/add": Route(_add),
    "/api/restart": Route(_restart),
}


def _progress(desk: Desk, query: str) -> object:
    return desk.scanning.progress(parse_qs(query).get("thing", [""])[0])


def _view(desk: Desk, query: str) -> object:
    del query
    return desk.view()


GIVES: Mapping[str, Callable[[Desk, str], object]] = {
    "/api/view": _view,
    "/api/scan": _progress,
}
