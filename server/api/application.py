"""Builds the FastAPI application: routers, problems, OpenAPI. Opens nothing itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from server.api import catalog, health, journal, live, observations, problems
from server.api.alerts import acts, feeds, rules
from server.api.alerts import routes as alerts
from server.api.answers.timing import ServerTiming
from server.api.edge import Services
from server.api.imports import routes as imports
from server.api.ledger import routes as ledger
from server.api.schemas import NotReady
from server.api.series import routes as series
from server.api.soil import routes as soil

OPENAPI_ADDRESS = "/api/v1/openapi.json"
_TAGS = [
    {"name": "catalog", "description": "What is measured, where and by what"},
    {"name": "observations", "description": "Values: newest, by range, and live"},
    {"name": "journal", "description": "Every batch as it came, and what became of it"},
    {"name": "ledger", "description": "How complete a gateway's data are, and what is missing why"},
    {
        "name": "alerts",
        "description": "Warnings: what is active, what became of it, the rules",
    },
    {"name": "feeds", "description": "A site's warnings as Atom and CAP 1.2"},
    {"name": "imports", "description": "Files that were carried by hand"},
    {"name": "health", "description": "Whether the server is alive and ready"},
]
_DESCRIPTION = """Readings of dryland restoration sites. Instants are ISO 8601 in UTC, units UCUM
codes, quality QARTOD flags; a missing value is null, with its reason. Errors are problem details
(RFC 9457)."""


def create(services: Services) -> FastAPI:
    """Build the application on its services."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        services.hub.attach(asyncio.get_running_loop())
        yield

    app = FastAPI(
        title="Saxaul",
        version="1",
        description=_DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_tags=_TAGS,
        openapi_url=OPENAPI_ADDRESS,
        docs_url=None,  # both viewers load their scripts from elsewhere
        redoc_url=None,
        generate_unique_id_function=_operation_id,
        lifespan=lifespan,
    )
    app.state.services = services
    data = (catalog, soil, observations, series, live, journal, ledger, imports)
    for module in (*data, alerts, acts, rules, feeds, health):
        app.include_router(module.router)
    problems.install(app)
    # Pages and lists; large answers come compressed already, and an event stream never is.
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=4)
    app.add_middleware(ServerTiming)
    _describe(app)
    return app


def create_health(services: Services) -> FastAPI:
    """Build the application of a process that serves no pages: it only tells how it is."""
    app = FastAPI(title="Saxaul", version="1", openapi_url=None, docs_url=None, redoc_url=None)
    app.state.services = services
    app.include_router(health.router)
    problems.install(app)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name


def _describe(app: FastAPI) -> None:
    """Add the problem schemas, which no operation returns by type, to the OpenAPI document."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend it


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        license_info=app.license_info,
        tags=app.openapi_tags,
        routes=app.routes,
    )
    schemas = document["components"]["schemas"]
    for model in (problems.Problem, NotReady):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(schema.pop("$defs", {}))
        schemas[model.__name__] = schema
    return document
