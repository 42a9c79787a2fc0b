"""What is known of soils: by it, water content becomes relative extractable water."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query

from server.api.edge import Parameters, ServicesDep, SiteKey
from server.api.problems import documented
from server.api.schemas import Items
from server.api.soil.schemas import Soil, present
from server.soil.book import read_entries

router = APIRouter(prefix="/api/v1", tags=["catalog"])


class SoilParameters(Parameters):
    """Of which site."""

    site: SiteKey | None = None


@router.get(
    "/soils",
    summary="List what is known of soils",
    responses=documented(HTTPStatus.UNPROCESSABLE_ENTITY),
)
def list_soils(services: ServicesDep, wanted: Annotated[SoilParameters, Query()]) -> Items[Soil]:
    """List what was said of sites, things and layers; what is only assumed says so.

    What is said of a thing goes before what is said of its site, of a layer before the rest.
    """
    with services.engine.connect() as connection:
        return Items(items=[present(one) for one in read_entries(connection, wanted.site)])
