"""Observations as Arrow and Parquet, a part at a time. Only who asks for one loads pyarrow."""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

from server.api.columns import Columns
from server.api.schemas import flag_word

ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"


class _Writer(Protocol):
    def write_batch(self, batch: Any) -> None: ...

    def close(self) -> None: ...


def arrow_stream(parts: Iterable[Columns], metadata: Mapping[str, str]) -> Iterator[bytes]:
    """Write an Arrow IPC stream; raises ImportError, when first asked, where pyarrow is missing."""
    from pyarrow import ipc  # noqa: PLC0415 - 50 MB that a server without such questions saves

    return _written(parts, metadata, ipc.new_stream)


def parquet(parts: Iterable[Columns], metadata: Mapping[str, str]) -> Iterator[bytes]:
    """Write a Parquet file, a row group a part; raises ImportError as `arrow_stream` does."""
    from pyarrow.parquet import ParquetWriter  # noqa: PLC0415 - as above

    return _written(
        parts, metadata, lambda sink, schema: ParquetWriter(sink, schema, compression="zstd")
    )


def _written(
    parts: Iterable[Columns],
    metadata: Mapping[str, str],
    open_writer: Callable[[io.BytesIO, Any], _Writer],
) -> Iterator[bytes]:
    schema = _schema(metadata)
    sink = _Sink()
    writer = open_writer(sink, schema)
    for part in parts:
        writer.write_batch(_batch(part, schema))
        yield sink.taken()
    writer.close()
    yield sink.taken()


class _Sink(io.BytesIO):
    """What a writer has written and nobody has taken yet; it counts all, as a file would."""

    def __init__(self) -> None:
        super().__init__()
        self._gone = 0

    def tell(self) -> int:
        """Tell how much was written in all: Parquet notes where its parts begin."""
        return self._gone + super().tell()

    def taken(self) -> bytes:
        """Give what was written, and forget it."""
        data = self.getvalue()
        self._gone += len(data)
        self.seek(0)
        self.truncate()
        return data

    def close(self) -> None:
        """Stay readable when the writer closes."""


def _schema(metadata: Mapping[str, str]) -> Any:
    import pyarrow as pa  # noqa: PLC0415 - as above

    fields = [
        pa.field("time", pa.timestamp("ms", tz="UTC"), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("quality", pa.int32(), nullable=False),
        pa.field("flag", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
    ]
    return pa.schema(fields, metadata=dict(metadata))


def _batch(part: Columns, schema: Any) -> Any:
    import pyarrow as pa  # noqa: PLC0415 - as above

    quality = part.quality.tolist()
    flags = {one: flag_word(one).value for one in set(quality)}
    columns = [
        pa.array(part.time, type=schema.field("time").type),
        pa.array(part.value, from_pandas=True),  # NaN is null
        pa.array(part.quality),
        pa.array([flags[one] for one in quality]),
        pa.array([part.reasons.get(index, "") for index in range(len(part))]),
    ]
    return pa.record_batch(columns, schema=schema)
