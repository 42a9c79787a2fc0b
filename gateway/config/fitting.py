"""What of a file has values of the right sort: the rest is left out and told, each by itself. Pure.

A sensor that can be named stays, without the values that do not fit, and is refused: others may
refer to it, and the server is told why nothing comes of it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from gateway.config.faults import Fault, Lines, RefusedSensor
from wire.messages import Name
from wire.toml_text import Misfit
from wire.toml_text import Path as KeyPath

# A sensor of a bus, or a whole bus, by its places from 0.
Place = tuple[int, int | None]


@dataclass(frozen=True, slots=True)
class Fitting:
    """A tree that has the right types, where its keys are in the file, and what was left out.

    `refused` are the places, in this tree, of sensors that are there to be referred to only.
    """

    tree: Mapping[str, Any]
    lines: Lines
    faults: Sequence[Fault]
    refused: Collection[tuple[int, int]]


def place_of_misfit(path: KeyPath) -> Place | None:
    """Tell whom a misfit concerns; None: the whole file."""
    match path:
        case ("bus", int(at), "sensor", int(index), *_):
            return at, index
        case ("bus", int(at), *_):
            return at, None
        case _:
            return None


def fit(
    tree: Mapping[str, Any], misfits: Sequence[Misfit], lines: Lines, source: str
) -> Fitting | None:
    """Leave out what does not fit; None where that is the file itself."""
    places = [place_of_misfit(one.path) for one in misfits]
    faults = [
        _fault(tree, one, place, source)
        for one, place in zip(misfits, places, strict=True)
        if place is not None
    ]
    if len(faults) < len(misfits):
        return None
    bad: dict[Place, set[object]] = defaultdict(set)
    for one, place in zip(misfits, places, strict=True):
        if place is not None:
            bad[place] |= {one.path[4]} if len(one.path) > 4 else set()
    kept = dict(_kept(tree.get("bus", []), bad))
    moved = {old: new for new, old in enumerate(kept)}
    sensors = {(old, index): at for old, found in kept.items() for at, index in enumerate(found)}
    buses = [{**tree["bus"][old], "sensor": [*found.values()]} for old, found in kept.items()]
    return Fitting(
        {**tree, "bus": buses} if "bus" in tree else tree,
        {new: line for path, line in lines.items() if (new := _moved(path, moved, sensors))},
        faults,
        {
            (moved[bus], sensors[bus, at])
            for bus, at in bad
            if at is not None and (bus, at) in sensors
        },
    )


def _kept(
    buses: Sequence[Any], bad: Mapping[Place, Collection[object]]
) -> Iterator[tuple[int, dict[int, Any]]]:
    """Give the buses that fit with the sensors that fit, or can be named, by their old places."""
    for at, bus in enumerate(buses):
        if (at, None) in bad:
            continue
        sensors = {
            index: _mended(one, bad[at, index]) if (at, index) in bad else one
            for index, one in enumerate(bus["sensor"])
        }
        if found := {index: one for index, one in sensors.items() if one is not None}:
            yield at, found


def _mended(sensor: Any, bad: Collection[object]) -> dict[str, Any] | None:
    """Leave the values out that do not fit; None for a sensor that cannot be named."""
    if not isinstance(sensor, dict):
        return None
    rest = {"model": ""} | {key: value for key, value in sensor.items() if key not in bad}
    return rest if {"id", "thing"} <= rest.keys() else None


def _moved(
    path: KeyPath, buses: Mapping[int, int], sensors: Mapping[tuple[int, int], int]
) -> KeyPath | None:
    """Tell where what stood at a path is now."""
    match path:
        case ("bus", int(at), "sensor", int(index), *rest):
            new = sensors.get((at, index))
            return None if new is None else ("bus", buses[at], "sensor", new, *rest)
        case ("bus", int(at), *rest):
            return ("bus", buses[at], *rest) if at in buses else None
        case _:
            return path


def _fault(tree: Mapping[str, Any], one: Misfit, place: Place, source: str) -> Fault:
    at, index = place
    bus = tree["bus"][at]
    about, prefix = f"bus {_named(bus, at)}", f"bus[{at}]"
    raw = bus.get("sensor") if isinstance(bus, dict) else None
    sensors = raw if isinstance(raw, list) else []
    if index is not None:
        about += f", sensor {_named(sensors[index], index)}"
        prefix += f".sensor[{index}]"
        sensors = sensors[index : index + 1]
    told = tuple(found for each in sensors if (found := _told(each)))
    message = one.message.removeprefix(prefix).lstrip(".: ")
    return Fault(source, one.line, message, about, at, index, told)


def _named(table: Any, at: int) -> str:
    """Call a table by its id, or by its place, from 1."""
    found = table.get("id") if isinstance(table, dict) else None
    return f"'{found}'" if isinstance(found, str) else str(at + 1)


def _told(sensor: Any) -> RefusedSensor | None:
    """Name a sensor as far as that can be done."""
    if not isinstance(sensor, dict):
        return None
    model = sensor.get("model")
    try:
        thing, own = (msgspec.convert(sensor.get(key), Name) for key in ("thing", "id"))
    except msgspec.ValidationError:
        return None
    return RefusedSensor(thing, own, model if isinstance(model, str) else "")
