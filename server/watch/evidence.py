"""What is kept beside a transition, so that whoever is told of it can see why.

It is put together when a watch is made (`server.watch.rules.wanted`): ingest reads nothing for it.
"""

from server.watch.rows import Basis, Watch


def about(watch: Watch) -> dict[str, object]:
    """Say of a watch what is judged where: unit, sensor, property, depth and soil."""
    told: dict[str, object] = {"unit": watch.basis.unit, "input": watch.basis.input.value}
    series = series_of(watch)
    if len(series) > 1:
        told["datastreams"] = list(series)
    return {**told, **watch.basis.about}


def series_of(watch: Watch) -> tuple[int, ...]:
    """List the series that a watch is judged on."""
    if watch.datastream_id is not None:
        return (watch.datastream_id,)
    return series_in(watch.basis)


def series_in(basis: Basis) -> tuple[int, ...]:
    """List the series that are judged by the hour."""
    other = (basis.other,) if basis.other else ()
    return tuple(one.datastream_id for one in (*basis.sources, *other))
