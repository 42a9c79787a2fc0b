"""Which instrument stands where a series is measured now."""

from sqlalchemy import ColumnElement, func, select

from server.db.tables import datastream, deployment


def stands_now() -> ColumnElement[bool]:
    """Say, to join on, that a deployment is the newest at the place of a datastream.

    Join it from outside: where an inventory told of no instrument there is none.
    """
    place = (
        deployment.c.thing_id == datastream.c.thing_id,
        deployment.c.key == datastream.c.sensor_key,
    )
    newest = select(func.max(deployment.c.id)).where(*place).scalar_subquery()
    return deployment.c.id == newest.correlate(datastream)
