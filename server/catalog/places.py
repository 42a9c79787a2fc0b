"""Sites, things and where they are: made to agree with an inventory."""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, delete, insert, select, update

from server.db.once import enter_missing
from server.db.tables import historical_location, location, site, thing, thing_location
from server.rollup.zones import move_things
from wire.messages import ThingInfo

_Place = tuple[float, float, float | None]


def apply_things(
    connection: Connection, gateway_id: str, infos: Sequence[ThingInfo], now_ms: int
) -> Mapping[str, int]:
    """Write what changed and return the ids of the gateway's things by key."""
    sites = _apply_sites(connection, sorted({info.site for info in infos}))
    known = {
        row.key: row
        for row in connection.execute(select(thing).where(thing.c.gateway_id == gateway_id))
    }
    ids = {key: int(row.id) for key, row in known.items()}
    moved = []
    for info in infos:
        name = info.name.strip() or info.id
        values = {"site_id": sites[info.site], "name": name}
        old = known.get(info.id)
        if old is None:
            row = {"gateway_id": gateway_id, "key": info.id, **values}
            ids[info.id] = connection.execute(
                insert(thing).values(row).returning(thing.c.id)
            ).scalar_one()
        elif (old.site_id, old.name) != (values["site_id"], name):
            connection.execute(update(thing).where(thing.c.id == old.id).values(values))
            if old.site_id != values["site_id"]:
                moved.append(int(old.id))
    move_things(connection, moved)
    for info in infos:
        _apply_location(connection, ids[info.id], info, now_ms)
    return ids


def _apply_sites(connection: Connection, keys: Iterable[str]) -> dict[str, int]:
    """Return the ids of sites by key; a new one is named by its key until a person names it."""
    ids = _sites(connection)
    new = [key for key in keys if key not in ids]
    enter_missing(connection, site, [{"key": key, "name": key} for key in new])
    return _sites(connection) if new else ids


def _sites(connection: Connection) -> dict[str, int]:
    rows = connection.execute(select(site.c.key, site.c.id)).all()
    return {key: int(site_id) for key, site_id in rows}


def _apply_location(connection: Connection, thing_id: int, info: ThingInfo, now_ms: int) -> None:
    """Move a thing when its position changed; a thing that gives none stays where it was."""
    if info.lat is None or info.lon is None:
        return
    place = (info.lat, info.lon, info.elevation_m)
    if _current_place(connection, thing_id) == place:
        return
    lat, lon, elevation_m = place
    location_id = connection.execute(
        insert(location)
        .values(name=info.name, lat=lat, lon=lon, elevation_m=elevation_m)
        .returning(location.c.id)
    ).scalar_one()
    connection.execute(delete(thing_location).where(thing_location.c.thing_id == thing_id))
    connection.execute(insert(thing_location).values(thing_id=thing_id, location_id=location_id))
    connection.execute(
        insert(historical_location).values(thing_id=thing_id, location_id=location_id, since=now_ms)
    )


def _current_place(connection: Connection, thing_id: int) -> _Place | None:
    row = connection.execute(
        select(location.c.lat, location.c.lon, location.c.elevation_m)
        .join(thing_location, thing_location.c.location_id == location.c.id)
        .where(thing_location.c.thing_id == thing_id)
    ).first()
    return None if row is None else (row.lat, row.lon, row.elevation_m)
