"""Many series as one long Parquet table, sorted by series and time.

What the series are stands in the file's metadata under the key `saxaul`, as JSON.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from server.api.instants import iso
from server.export.blocks import REASON_MEANS, TIME_MEANS, Block, Column, Kind, columns_of
from server.export.describing import (
    NO_LICENCE,
    SOURCE,
    Json,
    series_document,
    thing_document,
)
from server.export.formats.parts import Export, Rows
from server.export.metadata import Series
from server.export.plan import Part
from server.export.query import Resolution

METADATA_KEY = b"saxaul"
# Rows read together: a series can be found by its id without reading the others.
GROUP_ROWS = 262_144

_TYPES = {Kind.FLOAT: pa.float64(), Kind.FLAG: pa.int8(), Kind.INT: pa.int32()}
_WORD = pa.dictionary(pa.int32(), pa.string())


class ParquetWriter:
    """Writes parts of many series; see `server.export.formats.parts.PartWriter`."""

    def __init__(self, export: Export) -> None:
        self._export = export
        self._columns = columns_of(export.query.resolution)
        self._schema = schema(export)

    def write(self, path: Path, part: Part, rows: Rows) -> None:
        """Write the series one after the other, in groups of rows."""
        written: list[Series] = []
        with (
            path.open("xb") as stream,
            pq.ParquetWriter(
                stream,
                self._schema,
                compression="zstd",
                version="2.6",
                use_dictionary=[one for one in self._schema.names if one != "time"],
                column_encoding={"time": "DELTA_BINARY_PACKED"},
                write_page_index=True,
            ) as writer,
        ):
            for blocks in _groups(part, rows):
                written.extend({block.series.id: block.series for block in blocks}.values())
                writer.write_table(self._table(blocks), row_group_size=GROUP_ROWS)
            series = list({one.id: one for one in written}.values())
            writer.add_key_value_metadata({METADATA_KEY: _described(series).encode()})

    def _table(self, blocks: Sequence[Block]) -> pa.Table:
        arrays = [
            _repeated([block.series.id for block in blocks], blocks, pa.int32()),
            _repeated([block.series.thing.gateway for block in blocks], blocks, _WORD),
            _repeated([block.series.name for block in blocks], blocks, _WORD),
            _repeated([block.series.unit for block in blocks], blocks, _WORD),
            pa.array(
                np.concatenate([block.time_ms for block in blocks]).astype("datetime64[ms]")
            ).cast(self._schema.field("time").type),
            *(_column(one, blocks) for one in self._columns),
        ]
        if "reason" in self._schema.names:
            arrays.append(_reasons(blocks))
        return pa.table(arrays, schema=self._schema)


def schema(export: Export) -> pa.Schema:
    """Give the table's columns and what they mean."""
    resolution = export.query.resolution
    fields = [
        _field("datastream_id", pa.int32(), "number of the series in this database"),
        _field("gateway", _WORD, "whose series it is"),
        _field("datastream", _WORD, "thing/sensor/property"),
        _field("unit", _WORD, "UCUM code"),
        _field("time", pa.timestamp("ms", tz="UTC"), TIME_MEANS[resolution]),
        *(_column_field(one) for one in columns_of(resolution)),
    ]
    if resolution is Resolution.RAW:
        fields.append(_field("reason", _WORD, REASON_MEANS, nullable=True))
    return pa.schema(fields, metadata={b"saxaul_export": json.dumps(_about(export)).encode()})


def _field(name: str, kind: pa.DataType, meaning: str, *, nullable: bool = False) -> pa.Field:
    return pa.field(name, kind, nullable=nullable, metadata={"description": meaning})


def _column_field(column: Column) -> pa.Field:
    meaning = column.meaning + ("; in the unit of the row" if column.has_unit else "")
    nullable = column.kind is Kind.FLOAT
    return _field(column.name, _TYPES[column.kind], meaning, nullable=nullable)


def _about(export: Export) -> Json:
    return {
        "title": f"Observations at {export.site.name}",
        "source": SOURCE,
        "license": export.query.terms.licence or NO_LICENCE,
        "institution": export.query.terms.institution,
        "created": iso(export.created_ms),
        "software": export.software,
        "query": export.query.described(),
    }


def _described(series: Sequence[Series]) -> str:
    things = {one.thing.id: one.thing for one in series}
    return json.dumps(
        {
            "things": [thing_document(one) for one in things.values()],
            "datastreams": [series_document(one) for one in series],
        }
    )


def _groups(part: Part, rows: Rows) -> Iterator[list[Block]]:
    """Gather blocks, of one series or of many short ones, until they are a group of rows."""
    gathered: list[Block] = []
    for series in part.series:
        for block in rows.blocks(series):
            gathered.append(block)
            if sum(map(len, gathered)) >= GROUP_ROWS:
                yield gathered
                gathered = []
    if gathered:
        yield gathered


def _repeated(values: Sequence[Any], blocks: Sequence[Block], kind: pa.DataType) -> pa.Array:
    """Give each block's value in each of its rows."""
    lengths = [len(block) for block in blocks]
    if not pa.types.is_dictionary(kind):
        return pa.array(np.repeat(np.array(values), lengths), type=kind)
    words = list(dict.fromkeys(values))
    codes = np.repeat(np.array([words.index(one) for one in values], dtype=np.int32), lengths)
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(words, type=pa.string()))


def _column(column: Column, blocks: Sequence[Block]) -> pa.Array:
    values = np.concatenate([block.columns[column.name] for block in blocks])
    missing = np.isnan(values) if column.kind is Kind.FLOAT else None
    return pa.array(values, type=_TYPES[column.kind], mask=missing)


def _reasons(blocks: Sequence[Block]) -> pa.Array:
    words: dict[str, int] = {}
    codes = np.full(sum(map(len, blocks)), -1, dtype=np.int32)
    start = 0
    for block in blocks:
        for index, reason in block.reasons.items():
            codes[start + index] = words.setdefault(reason, len(words))
        start += len(block)
    return pa.DictionaryArray.from_arrays(
        pa.array(codes, mask=codes < 0), pa.array(list(words), type=pa.string())
    )
