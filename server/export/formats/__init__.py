"""How a part is written: CSV, Parquet, NetCDF. The heavy libraries are loaded only when wanted."""

from importlib import import_module
from importlib.metadata import version

from server.errors import ExportError
from server.export.formats.parts import Export, PartWriter
from server.export.query import Format

_LIBRARIES = {Format.CSV: (), Format.PARQUET: ("pyarrow",), Format.NETCDF: ("netCDF4",)}
_WRITERS = {
    Format.CSV: ("csv_file", "CsvWriter"),
    Format.PARQUET: ("parquet_file", "ParquetWriter"),
    Format.NETCDF: ("netcdf_file", "NetcdfWriter"),
}


def writer_for(export: Export) -> PartWriter:
    """Give the writer of a format; raises ExportError when what it needs is not installed."""
    module, name = _WRITERS[export.query.format]
    try:
        made: PartWriter = getattr(import_module(f"{__name__}.{module}"), name)(export)
    except ModuleNotFoundError as error:
        raise ExportError(
            f"--format {export.query.format}: the Python package '{error.name}' is not installed; "
            "run bin/prepare full, or pip install 'saxaul[export]' (CSV needs nothing more)"
        ) from None
    return made


def libraries(chosen: Format) -> dict[str, str]:
    """Give the versions of the libraries that write a format: with others its bytes may differ."""
    return {name: version(name) for name in _LIBRARIES[chosen]}
