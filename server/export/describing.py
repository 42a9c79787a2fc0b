"""Says in JSON what an export's site, things, instruments and series are. Pure."""

from collections.abc import Iterable

from server.api.instants import iso
from server.export.metadata import Instrument, Place, Series, Site, Thing
from server.export.periods import Period

SOURCE = "in-situ sensors, recorded by Saxaul"
NO_LICENCE = "not stated; ask the owner of the site"

Json = dict[str, object]


def site_document(site: Site, series: Iterable[Series]) -> Json:
    """Describe a site, and the things and series that an export takes."""
    chosen = list(series)
    things = {one.thing.id: one.thing for one in chosen}
    return {
        "site": site.key,
        "name": site.name,
        "time_zone": site.time_zone,
        "things": [thing_document(one) for one in things.values()],
        "datastreams": [series_document(one) for one in chosen],
    }


def thing_document(thing: Thing) -> Json:
    """Describe a station and where it stood: degrees WGS 84, metres above sea level."""
    return {
        "id": thing.id,
        "gateway": thing.gateway,
        "key": thing.key,
        "name": thing.name,
        "description": thing.description,
        "places": [_place(one) for one in thing.places],
    }


def series_document(series: Series) -> Json:
    """Describe a series and the instruments that measured it."""
    return {
        "id": series.id,
        "gateway": series.thing.gateway,
        "name": series.name,
        "thing": series.thing.key,
        "sensor": series.sensor,
        "property": series.property,
        "label": series.label,
        "standard_name": series.cf_name,
        "unit": series.unit,
        "statistic": series.statistic,
        "interval_s": series.interval_s,
        "derived_from": series.derived_from,
        "transform": series.transform,
        "instruments": [_instrument(one) for one in series.instruments],
    }


def instruments_within(series: Series, period: Period) -> tuple[Instrument, ...]:
    """Give the instruments of a series that stood there in a period; all, where none is known to.

    Observations can be older than what we know of their instrument: those of a logger's memory.
    """
    within = tuple(
        one
        for one in series.instruments
        if one.since_ms < period.to_ms and (one.until_ms is None or one.until_ms > period.from_ms)
    )
    return within or series.instruments


def _place(place: Place) -> Json:
    return {
        "since": iso(place.since_ms),
        "lat": place.lat,
        "lon": place.lon,
        "elevation_m": place.elevation_m,
    }


def _instrument(one: Instrument) -> Json:
    return {
        "model": one.model,
        "serial": one.serial,
        "firmware": one.firmware,
        "depth_m": one.depth_m,
        "height_m": one.height_m,
        "since": iso(one.since_ms),
        "until": None if one.until_ms is None else iso(one.until_ms),
    }
