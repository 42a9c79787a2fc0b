"""One station's series as NetCDF-4: CF 1.11, a discrete sampling geometry `timeSeries`.

All series share one time axis, every instant at which any of them has a row. Where a series has
none, its flag has the fill value too: a missing observation has the flag 9 instead.
"""

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np

from server.export.blocks import TESTS, Array, Block, Column, Kind, columns_of
from server.export.bucket_times import bucket_ends
from server.export.formats import attributes as cf
from server.export.formats.parts import Export, Rows
from server.export.metadata import Series
from server.export.periods import Period
from server.export.plan import Part
from server.export.query import Resolution
from server.store.port import Int64s

_CHUNK = 32_768
# The library would keep 16 MB of each variable, and there may be hundreds.
_CACHE_BYTES = 2 * 1024 * 1024
_FILLS: Mapping[Kind, np.generic] = {
    Kind.FLOAT: np.float64(np.nan),
    Kind.FLAG: np.int8(-127),
    Kind.INT: np.int32(-1),
}
_ANCILLARY = ("flag", "tests", "reason", "n", "n_good")
# Less room than this, and it is the full disk that the library could not name.
_FULL_BYTES = 1024 * 1024


class NetcdfWriter:
    """Writes parts of one thing; see `server.export.formats.parts.PartWriter`."""

    def __init__(self, export: Export) -> None:
        self._export = export
        self._columns = columns_of(export.query.resolution)

    def write(self, path: Path, part: Part, rows: Rows) -> None:
        """Write the station, then its series one after the other."""
        times = rows.times(part.series)
        try:
            with netCDF4.Dataset(path, "w", format="NETCDF4", clobber=False) as dataset:
                station = _Station(dataset, part, times)
                station.describe(self._export)
                for series in part.series:
                    for block in rows.blocks(series):
                        station.add(block, self._columns)
                station.finish()
        except RuntimeError as error:
            if not str(error).startswith("NetCDF:"):
                raise
            raise _as_os_error(error, path) from error


def _as_os_error(error: RuntimeError, path: Path) -> OSError:
    """Say as the system would what the library only calls an error of HDF5."""
    room = os.statvfs(path.parent)
    full = room.f_bavail * room.f_frsize < _FULL_BYTES
    number = errno.ENOSPC if full else errno.EIO
    return OSError(number, f"{os.strerror(number)} ({error})", str(path))


@dataclass(slots=True)
class _Station:
    dataset: netCDF4.Dataset
    part: Part
    times: Int64s
    _variables: dict[str, "netCDF4.Variable[Any]"] = field(default_factory=dict)
    _names: Mapping[int, str] = field(init=False)
    _sensors: Mapping[str, str] = field(init=False)
    _reasons: dict[str, int] = field(default_factory=dict)
    _coordinates: str = ""

    def __post_init__(self) -> None:
        self._names = cf.variable_names(self.part.series)
        self._sensors = cf.sensor_names(self.part.series)

    def describe(self, export: Export) -> None:
        """Write what the file is, its time axis and where the station stands."""
        if not len(self.times):
            return
        ends = [int(self.times[0]), int(self.times[-1])]
        self.dataset.setncatts(cf.global_attributes(export, self.part, ends))
        self.dataset.createDimension("time", len(self.times))
        time = self.dataset.createVariable("time", np.int64, ("time",), zlib=True, shuffle=True)
        time.setncatts(cf.time_attributes(export.query.resolution))
        time[:] = self.times
        if export.query.resolution is not Resolution.RAW:
            self._bound(bucket_ends(self.times, export.query))
        self._place()

    def _bound(self, ends: Int64s) -> None:
        self.dataset.createDimension("bounds", 2)
        bounds = self.dataset.createVariable("time_bounds", np.int64, ("time", "bounds"), zlib=True)
        bounds[:] = np.stack([self.times, ends], axis=1)

    def _place(self) -> None:
        thing = self.part.series[0].thing
        self._scalar("station", thing.key, cf.station_attributes())
        place = cf.place_at(thing, self.part.period)
        if place is None:
            self._coordinates = "station"
            return
        for name, value in (("lat", place.lat), ("lon", place.lon), ("alt", place.elevation_m)):
            if value is not None:
                self._scalar(name, value, cf.position_attributes(name))
                self._coordinates += f"{name} "
        self._coordinates += "station"

    def _scalar(self, name: str, value: str | float, attributes: cf.Attributes) -> None:
        kind: type = str if isinstance(value, str) else np.float64
        variable: netCDF4.Variable[Any] = self.dataset.createVariable(name, kind, ())
        variable.setncatts(attributes)
        variable[...] = value

    def add(self, block: Block, columns: tuple[Column, ...]) -> None:
        """Write a block's rows at their instants."""
        at = np.searchsorted(self.times, block.time_ms)
        base = self._names[block.series.id]
        for column in columns:
            if not cf.is_told(block.series, column):
                continue
            name = base if column.name in ("value", "mean") else f"{base}_{column.name}"
            if name not in self._variables:
                self._create(name, block.series, column)
            self._put(name, at, block.columns[column.name], _FILLS[column.kind])
        if block.reasons:
            self._add_reasons(f"{base}_reason", block, at)

    def _create(self, name: str, series: Series, column: Column) -> None:
        attributes = _attributes(series, column, self.part.period)
        level = self._level(series)
        attributes["coordinates"] = f"{self._coordinates} {level}".strip()
        self._variable(name, _FILLS[column.kind], attributes)

    def _variable(self, name: str, fill: np.generic, attributes: cf.Attributes) -> None:
        kind: Any = fill.dtype
        variable: netCDF4.Variable[Any] = self.dataset.createVariable(
            name,
            kind,
            ("time",),
            fill_value=fill,
            zlib=True,
            shuffle=True,
            chunksizes=(min(_CHUNK, len(self.times)),),
        )
        variable.set_var_chunk_cache(_CACHE_BYTES, 1009, 0.75)
        variable.set_auto_maskandscale(False)
        variable.setncatts(attributes)
        self._variables[name] = variable

    def _level(self, series: Series) -> str:
        """Give the name of the scalar that holds a sensor's depth or height; "" if none is one."""
        found = cf.level(series, self.part.period)
        if found is None:
            return ""
        what, metres = found
        name = f"{what}_{self._sensors[series.sensor]}"
        if name not in self.dataset.variables:
            self._scalar(name, metres, cf.level_attributes(what))
        return name

    def _put(self, name: str, at: Int64s, values: Array, fill: np.generic) -> None:
        """Write values at some places of the time axis; between them nothing is there yet."""
        first, end = int(at[0]), int(at[-1]) + 1
        row = np.full(end - first, fill, dtype=fill.dtype)
        row[at - first] = values
        self._variables[name][first:end] = row

    def _add_reasons(self, name: str, block: Block, at: Int64s) -> None:
        if name not in self._variables:
            attributes = {
                **cf.reason_attributes(block.series),
                "coordinates": self._variables[self._names[block.series.id]].coordinates,
            }
            self._variable(name, _FILLS[Kind.INT], attributes)
        codes = np.full(len(block), -1, dtype=np.int32)
        for index, reason in block.reasons.items():
            codes[index] = self._reasons.setdefault(reason, len(self._reasons))
        self._put(name, at, codes, _FILLS[Kind.INT])

    def finish(self) -> None:
        """Write the reasons, and which variables say how good another one is."""
        for base in self._names.values():
            beside = [f"{base}_{one}" for one in _ANCILLARY if f"{base}_{one}" in self._variables]
            if beside:
                self._variables[base].ancillary_variables = " ".join(beside)
        if not self._reasons:
            return
        self.dataset.createDimension("reason", len(self._reasons))
        texts = self.dataset.createVariable("reason_text", str, ("reason",))
        texts.long_name = "why a value is missing"
        texts[:] = np.array(list(self._reasons), dtype=object)


def _attributes(series: Series, column: Column, period: Period) -> cf.Attributes:
    if column.kind is Kind.FLAG:
        return cf.flag_attributes(series)
    if column is TESTS:
        return cf.tests_attributes(series)
    if column.kind is Kind.INT:
        return cf.count_attributes(series, column)
    return cf.value_attributes(series, column, period)
