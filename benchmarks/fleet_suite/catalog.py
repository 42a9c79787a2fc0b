"""Gateways entered into the catalog as copies of one that has announced itself.

To announce ten thousand takes minutes, and is measured by itself; who was announced before is in
the catalog.
"""

from collections.abc import Sequence

import psycopg

_GATEWAYS = """
INSERT INTO gateway (id, state, inventory_rev, inventory_at, first_seen_at)
SELECT copy, 'unknown', g.inventory_rev, g.inventory_at, g.first_seen_at
FROM gateway g, unnest(%(names)s::text[]) AS copy WHERE g.id = %(like)s
"""
_THINGS = """
INSERT INTO thing (gateway_id, key, site_id, name, description, properties)
SELECT copy, t.key, t.site_id, t.name, t.description, t.properties
FROM thing t, unnest(%(names)s::text[]) AS copy WHERE t.gateway_id = %(like)s
"""
_LOCATIONS = """
INSERT INTO thing_location (thing_id, location_id)
SELECT n.id, l.location_id FROM thing t
JOIN thing_location l ON l.thing_id = t.id
JOIN thing n ON n.key = t.key AND n.gateway_id = ANY(%(names)s)
WHERE t.gateway_id = %(like)s
"""
_SENSORS = """
INSERT INTO sensor (gateway_id, model, serial, firmware, properties)
SELECT copy, s.model, s.serial, s.firmware, jsonb_build_object('copy_of', s.id)
FROM sensor s, unnest(%(names)s::text[]) AS copy WHERE s.gateway_id = %(like)s
"""
_DEPLOYMENTS = """
INSERT INTO deployment (sensor_id, thing_id, key, protocol, address, depth_m, height_m, since)
SELECT s.id, n.id, d.key, d.protocol, d.address, d.depth_m, d.height_m, d.since
FROM deployment d JOIN thing t ON t.id = d.thing_id AND t.gateway_id = %(like)s
JOIN sensor s ON s.gateway_id = ANY(%(names)s)
    AND s.properties @> jsonb_build_object('copy_of', d.sensor_id)
JOIN thing n ON n.gateway_id = s.gateway_id AND n.key = t.key
"""
_DATASTREAMS = """
INSERT INTO datastream (gateway_id, name, thing_id, sensor_key, observed_property_id, unit,
    statistic, interval_s, properties)
SELECT n.gateway_id, d.name, n.id, d.sensor_key, d.observed_property_id, d.unit, d.statistic,
    d.interval_s, d.properties
FROM datastream d JOIN thing t ON t.id = d.thing_id
JOIN thing n ON n.gateway_id = ANY(%(names)s) AND n.key = t.key
WHERE d.gateway_id = %(like)s
"""
_ANALYZE = b"ANALYZE gateway, thing, thing_location, sensor, deployment, datastream"


def copy_gateways(url: str, like: str, names: Sequence[str]) -> None:
    """Enter gateways that have what another one has; none of its series may be derived."""
    values = {"like": like, "names": list(names)}
    steps = (_GATEWAYS, _THINGS, _LOCATIONS, _SENSORS, _DEPLOYMENTS, _DATASTREAMS)
    with psycopg.connect(url) as connection:
        for statement in steps:
            connection.execute(statement.encode(), values)
            # What was just entered is joined by the next: without figures by the slowest way.
            connection.execute(_ANALYZE)
