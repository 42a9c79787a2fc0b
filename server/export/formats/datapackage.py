"""datapackage.json: what the columns of the CSV files are, for programs (Frictionless v1). Pure.

Source: Data Package and Tabular Data Package, version 1.0; a field's keys `unit` and
`standard_name` are ours, as the specification allows.
"""

from collections.abc import Mapping, Sequence

from server.api.instants import iso
from server.export.blocks import (
    REASON_MEANS,
    TESTS,
    TIME_MEANS,
    Column,
    Kind,
    columns_of,
    flag_word,
)
from server.export.describing import NO_LICENCE, SOURCE, Json, series_document, thing_document
from server.export.formats.parts import Export
from server.export.metadata import Series
from server.export.plan import Part
from wire.quality import Flag


def datapackage(export: Export, parts: Sequence[tuple[Part, Mapping[str, object]]]) -> Json:
    """Describe the CSV files there are; each comes with its size (`bytes`) and digest (`hash`)."""
    return {
        "profile": "tabular-data-package",
        "name": f"saxaul-{export.site.key}",
        "title": f"Observations at {export.site.name}",
        "created": iso(export.created_ms),
        "licenses": [{"name": "other", "title": export.query.terms.licence or NO_LICENCE}],
        "sources": [{"title": SOURCE}],
        "contributors": _contributors(export.query.terms.institution),
        "query": export.query.described(),
        "software": export.software,
        "resources": [_resource(export, part, found) for part, found in parts],
    }


def _contributors(institution: str) -> list[Json]:
    return [{"title": institution, "role": "publisher"}] if institution else []


def _resource(export: Export, part: Part, found: Mapping[str, object]) -> Json:
    (series,) = part.series
    compressed = {"compression": "gz"} if export.query.gzip else {}
    return {
        "profile": "tabular-data-resource",
        "name": part.path.removeprefix("data/").replace("/", "."),
        "path": part.path,
        "title": f"{series.label}, {series.name}, {part.period.label}",
        "mediatype": "text/csv",
        "format": "csv",
        "encoding": "utf-8",
        **compressed,
        **found,
        "datastream": series_document(series),
        "thing": thing_document(series.thing),
        "schema": {
            "fields": _fields(export, series),
            "missingValues": [""],
            "primaryKey": "time",
        },
    }


def _fields(export: Export, series: Series) -> list[Json]:
    resolution = export.query.resolution
    zone = export.site.time_zone
    instant = {"type": "datetime", "format": "any"}
    return [
        {"name": "time", **instant, "description": f"{TIME_MEANS[resolution]}; UTC"},
        {"name": "local_time", **instant, "description": f"the same instant in {zone}"},
        *(_field(column, series) for column in columns_of(resolution)),
        {"name": "unit", "type": "string", "description": "UCUM code"},
        {"name": "reason", "type": "string", "description": REASON_MEANS},
    ]


def _field(column: Column, series: Series) -> Json:
    described: Json = {"name": column.name, "description": column.meaning}
    if column.kind is Kind.FLAG:
        words = [flag_word(flag) for flag in Flag]
        return {**described, "type": "string", "constraints": {"enum": words}}
    if column is TESTS:
        names = "names of the tests that did not pass, a space between two"
        return {**described, "type": "string", "description": names}
    described["type"] = "number" if column.kind is Kind.FLOAT else "integer"
    if column.has_unit:
        described["unit"] = series.unit
        described["standard_name"] = series.cf_name
    return described
