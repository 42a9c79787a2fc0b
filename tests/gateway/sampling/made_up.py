"""What sampling tests share: a clock set by hand, a memory that is a dict, models made to measure."""

from decimal import Decimal

from wire.catalogue import Field, Protocol, SensorModel, Statistic

WALL_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z


class HandClock:
    """Time that stands still until it is moved."""

    def __init__(self, mono_ms=1_000_000, wall_ms=WALL_MS):
        self.mono, self.offset = mono_ms, wall_ms - mono_ms

    def mono_ms(self):
        return self.mono

    def wall_of(self, mono_ms):
        return mono_ms + self.offset


class Notebook:
    """A memory: what was written with observations, or at once."""

    def __init__(self, boot_id="boot-a", memos=None):
        self.boot_id = boot_id
        self.memos = {} if memos is None else memos

    def recall(self, datastream):
        return self.memos.get(datastream)

    def keep(self, memos):
        self.memos |= memos

    def commit(self, observations):
        """Do what the outbox does: keep the memos with the observations."""
        self.memos |= {one.datastream: one.memo for one in observations if one.memo}


def model_of(*fields, protocol=Protocol.MODBUS):
    return SensorModel(
        model="made to measure", vendor="x", protocol=protocol, reference="x", field=list(fields)
    )


def field_of(key, statistic=Statistic.LAST, unit="Cel", resolution="0.1", **more):
    return Field(
        property=key,
        unit=unit,
        resolution=Decimal(resolution),
        statistic=statistic,
        register=0,
        key=key,
        **more,
    )
