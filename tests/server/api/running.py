"""The application on a database, served by a real uvicorn on a free port."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
from sqlalchemy import Engine, event

from server.api import application
from server.api.edge import Services
from server.api.schemas import Part
from server.live.hub import Hub
from server.serving import HttpServer, bind
from server.store.engines import store_for
from server.web import pages
from tests.server.api.factory import NOW

READY = [Part(name="database", ready=True, detail="current")]


@dataclass
class RunningApi:
    engine: Engine
    ids: dict[str, int]
    client: httpx.Client
    hub: Hub
    parts: list[Part] = field(default_factory=lambda: list(READY))
    now: int = NOW
    statements: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return str(self.client.base_url)

    def get(self, path: str, **params: object) -> dict:
        """Ask and expect to be answered."""
        answer = self.client.get(path, params=params or None)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def problem(self, path: str, **params: object) -> dict:
        """Ask and expect problem details."""
        answer = self.client.get(path, params=params or None)
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        problem = answer.json()
        assert problem["status"] == answer.status_code
        return problem


@contextmanager
def served(engine: Engine, ids: dict[str, int], **options: object) -> Iterator[RunningApi]:
    """Serve until left; `now` and `parts` of what is given may be changed meanwhile.

    `options` are further fields of Services.
    """
    listener = bind("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with httpx.Client(base_url=url, timeout=20) as client:
        api = RunningApi(engine, ids, client, Hub())
        told = (api.hub, lambda: api.now, lambda: api.parts)
        services = Services(engine, store_for(engine), *told, **options)
        app = application.create(services)
        pages.install(app)
        event.listen(engine, "before_cursor_execute", lambda *args: api.statements.append(args[2]))
        server = HttpServer(app, listener, on_death=lambda: None)
        server.start()
        try:
            yield api
        finally:
            api.hub.close()
            server.stop(5)
