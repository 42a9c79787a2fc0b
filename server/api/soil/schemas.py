"""The soil of a place, as programs read it."""

from pydantic import BaseModel, Field

from server.api.instants import Instant
from server.soil.book import Entry
from server.soil.ground import Origin


class Soil(BaseModel):
    """What a soil is and the limits of its water, from one depth to before another."""

    site: str = Field(description="The site's key")
    gateway: str | None = Field(description="The gateway of the thing")
    thing: str | None = Field(description="The thing's key; null for the whole site")
    from_m: float | None = Field(description="Depth in metres; null: no limit")
    to_m: float | None = Field(description="Depth in metres, not included; null: no limit")
    texture: str | None = Field(description="Class of the USDA; null when nobody said")
    organic_percent: float | None = Field(description="Organic matter in percent")
    wilting_point: float = Field(description="Water at 1500 kPa in m3/m3")
    field_capacity: float = Field(description="Water after drainage in m3/m3")
    saturation: float | None = Field(description="Water when all pores are full in m3/m3")
    origin: Origin = Field(description="Whether limits are entered, estimated, or assumed")
    said_at: Instant | None = Field(description="When somebody said so; null when assumed")


def present(entry: Entry) -> Soil:
    """Write an entry as its schema."""
    ground, limits = entry.layer.ground, entry.layer.ground.limits
    return Soil(
        site=entry.site,
        gateway=entry.gateway,
        thing=entry.thing,
        from_m=entry.layer.from_m,
        to_m=entry.layer.to_m,
        texture=ground.texture or None,
        organic_percent=ground.organic_percent,
        wilting_point=round(limits.wilting_point, 4),
        field_capacity=round(limits.field_capacity, 4),
        saturation=None if limits.saturation is None else round(limits.saturation, 4),
        origin=ground.origin,
        said_at=entry.said_at,
    )
