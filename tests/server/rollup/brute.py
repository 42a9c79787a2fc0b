"""What rollups must hold, computed from the observations value by value, in plain Python.

Written apart from server.rollup: it shares no arithmetic with it.
"""

import math
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from server.db.tables import observation, rollup_day, rollup_hour, rollup_mark

HOUR = 3_600_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIELDS = ("n", "n_good", "mean", "min", "max", "sum", "last", "x", "y")


def at(time_ms):
    return EPOCH + timedelta(milliseconds=time_ms)


def instant(moment):
    return round((moment.astimezone(UTC) - EPOCH) / timedelta(milliseconds=1))


def midnight(time_ms, zone):
    """The instant at which the local day began that a time falls into."""
    local = at(time_ms).astimezone(ZoneInfo(zone))
    return instant(datetime(local.year, local.month, local.day, tzinfo=ZoneInfo(zone)))


def next_midnight(start_ms, zone):
    day = at(start_ms).astimezone(ZoneInfo(zone)).date() + timedelta(days=1)
    return instant(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)))


def statistics(rows, is_direction):
    """From (time, value or None, quality) of one bucket, in any order."""
    rows = sorted(rows)
    good = [value for _, value, quality in rows if value is not None and quality % 16 in (1, 2, 3)]
    found = dict.fromkeys(FIELDS)
    found["n"] = sum(value is not None for _, value, _ in rows)
    found["n_good"] = len(good)
    if not good:
        return found
    found["last"] = good[-1]
    if is_direction:
        found["x"] = math.fsum(math.sin(math.radians(one)) for one in good)
        found["y"] = math.fsum(math.cos(math.radians(one)) for one in good)
        if math.hypot(found["x"], found["y"]) > 1e-9 * len(good):
            found["mean"] = math.degrees(math.atan2(found["x"], found["y"])) % 360
        return found
    found["sum"] = math.fsum(good)
    found["mean"] = found["sum"] / len(good)
    found["min"], found["max"] = min(good), max(good)
    return found


class World:
    """Series by id, with their zones and whether they are of directions, and a database."""

    def __init__(self, engine, zones, directions):
        self.engine = engine
        self.zones = zones
        self.directions = directions

    def expected(self, table):
        """Every row that must be there, by series and start."""
        buckets = defaultdict(list)
        with self.engine.connect() as connection:
            for row in connection.execute(select(observation)):
                start = (
                    row.time // HOUR * HOUR
                    if table is rollup_hour
                    else midnight(row.time, self.zones[row.datastream_id])
                )
                buckets[row.datastream_id, start].append((row.time, row.value, row.quality))
        return {key: statistics(rows, key[0] in self.directions) for key, rows in buckets.items()}

    def stored(self, table):
        with self.engine.connect() as connection:
            return {
                (row.datastream_id, row.start): {name: getattr(row, name) for name in FIELDS}
                for row in connection.execute(select(table))
            }

    def marked(self):
        """Marked buckets: (level, series, start)."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(rollup_mark)).all()
        found = set()
        for row in rows:
            ids = row.datastream_ids
            if isinstance(ids, bytes):
                ids = [int.from_bytes(ids[n : n + 4], "little") for n in range(0, len(ids), 4)]
            found |= {(row.level, one, row.start) for one in ids}
        return found

    def wrong(self, *, only_unmarked=False):
        """What is not as it must be: (table, series, start, found, expected)."""
        marks = self.marked() if only_unmarked else set()
        wrong = []
        for table in (rollup_hour, rollup_day):
            found, expected = self.stored(table), self.expected(table)
            for key in found.keys() | expected.keys():
                if self._is_marked(table, key, marks):
                    continue
                if not is_same(found.get(key), expected.get(key)):
                    wrong.append((table.name, *key, found.get(key), expected.get(key)))
        return wrong

    def _is_marked(self, table, key, marks):
        series, start = key
        if table is rollup_hour:
            return ("hour", series, start) in marks
        end = next_midnight(start, self.zones[series])
        return ("day", series, start) in marks or any(
            level == "hour" and one == series and start - HOUR < hour < end
            for level, one, hour in marks
        )


def is_same(found, expected):
    if found is None or expected is None:
        return found is expected
    is_direction = expected["x"] is not None or found["x"] is not None
    for name in FIELDS:
        one, other = found[name], expected[name]
        if one is None or other is None:
            if one is not other:
                return False
            continue
        difference = abs(one - other)
        if name == "mean" and is_direction:
            difference = min(difference, 360 - difference)
        if difference > 1e-9 * max(1.0, abs(other)):
            return False
    return True
