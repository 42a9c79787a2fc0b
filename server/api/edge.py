"""What endpoints share: the services behind them, identifiers in addresses, the next page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Engine

from server.api.newest.catalog import CatalogKeeper
from server.api.schemas import Part
from server.completeness.keeper import ShareKeeper
from server.live.hub import Hub
from server.notify.channels.offer import Policy
from server.store.port import LatestRow, Store


@dataclass(frozen=True, slots=True)
class Services:
    """What the HTTP edge stands on. `clock` gives ms UTC; `readiness` asks the database.

    Reading observations for an answer is given up after `read_timeout_s`. `base_url` is where
    people reach this server, "" when nobody has said so; `channels` are the ways by which anybody
    may ask for messages, as far as `channel_policy` lets them.
    """

    engine: Engine
    store: Store
    hub: Hub[LatestRow]
    clock: Callable[[], int]
    readiness: Callable[[], Sequence[Part]]
    read_timeout_s: float = 20.0
    catalog: CatalogKeeper = field(default_factory=CatalogKeeper)
    shares: ShareKeeper = field(default_factory=ShareKeeper)
    base_url: str = ""
    channels: Sequence[str] = ()
    channel_policy: Policy = field(default_factory=Policy)


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(_services)]
# Both databases number rows in at most 31 bits, the journal in 63.
Id = Annotated[int, Path(ge=1, le=2**63 - 1)]
DatastreamId = Annotated[int, Path(ge=1, le=2**31 - 1, description="The datastream's id")]
# In query parameters.
After = Annotated[int, Field(ge=0, le=2**31 - 1, description="Only what comes after this id")]
SiteKey = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$", description="A site's key")]


class Parameters(BaseModel):
    """Query parameters of an operation; an unknown one is refused by name."""

    model_config = ConfigDict(extra="forbid")


def next_address(request: Request, **changed: object) -> str:
    """Address of the next part of a list: this one's, with some parameters changed."""
    url = request.url.include_query_params(**changed)
    return f"{url.path}?{url.query}"
