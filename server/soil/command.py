"""`saxaul-server soil`: tells what soils are known, sets them, and computes what then waits."""

import argparse
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from sqlalchemy import Connection, Engine, select

from server.db.tables import site, thing
from server.soil import book, saying
from server.soil.book import Where
from server.soil.ground import Ground, Origin, Said
from server.soil.history import History
from server.soil.texture import CLASSES
from server.soil.waiting import waiting
from wire.catalogue import SensorModel
from wire.errors import ConfigError

OK, INTERRUPTED = 0, 130

_DEPTH = re.compile(r"(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)?", re.ASCII)
_SAID = ("texture", "sand", "clay", "organic_matter", *book.WATER)
_ORIGINS = {
    Origin.ENTERED: "entered",
    Origin.TEXTURE: "from texture",
    Origin.ASSUMED: "assumed: nobody has said",
}


def add_parser(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Add the command to the program's others."""
    parser = commands.add_parser(
        "soil",
        help="tell what soils are known, or say what the soil of a site or thing is",
        description="Without anything to say, lists what is known. Relative extractable water, by "
        "which soil is called dry, is computed from water content by field capacity and wilting "
        "point: enter them when they were measured, else give the texture, of which they are "
        "estimated (Saxton and Rawls 2006). Until anything is said, desert sand is assumed. What "
        "is stored is computed anew in the background by the running server.",
    )
    parser.add_argument("site", nargs="?", metavar="SITE", help="which site")
    where = parser.add_argument_group("where it is so").add_argument
    where("--thing", metavar="KEY", help="at one thing of the site only")
    where("--depth", metavar="M-M", help="between depths in metres, as 0-0.3 or (on down) 0.3-")
    what = parser.add_argument_group("what the soil is").add_argument
    what("--texture", metavar="CLASS", help=f"one of: {', '.join(CLASSES)}")
    what("--sand", type=_share, metavar="SHARE", help="in place of a class: 62%% or 0.62")
    what("--clay", type=_share, metavar="SHARE", help="with --sand; the rest is silt")
    what("--organic-matter", type=_percent, metavar="PERCENT", help="default: 0.5%%")
    what("--field-capacity", type=_share, metavar="SHARE", help="of the volume: 12%% or 0.12")
    what("--wilting-point", type=_share, metavar="SHARE", help="of the volume, as 5%%")
    what("--saturation", type=_share, metavar="SHARE", help="of the volume, as 40%%")
    parser.add_argument("--forget", action="store_true", help="take back what was said of it")
    parser.add_argument(
        "--compute", action="store_true", help="compute at once what waits, the server aside"
    )
    return parser


@dataclass(frozen=True, slots=True)
class Tools:
    """What the command works with; `clock` gives milliseconds UTC."""

    engine: Engine
    catalogue: Mapping[str, SensorModel]
    clock: Callable[[], int]
    console: Console


def run(tools: Tools, arguments: argparse.Namespace) -> int:
    """Do what the command line asks for; raises ConfigError for what cannot be."""
    given = any(getattr(arguments, name) is not None for name in _SAID)
    if given or arguments.forget:
        _set(tools, arguments, is_said=given)
    elif arguments.thing is not None or arguments.depth is not None:
        raise ConfigError("--thing and --depth", "say what its soil is, or --forget")
    elif not arguments.compute:
        _list(tools, arguments.site)
    return _compute(tools) if arguments.compute else OK


def _set(tools: Tools, arguments: argparse.Namespace, *, is_said: bool) -> None:
    if arguments.site is None:
        raise ConfigError("soil", "say of which site: saxaul-server soil SITE --texture sand")
    if is_said and arguments.forget:
        raise ConfigError("--forget", "either forget what was said, or say something")
    with tools.engine.connect() as connection:
        where = _where(connection, arguments)
    ground: Ground | None = None
    if is_said:
        ground, series = saying.say(tools.engine, where, _said(arguments), tools.clock())
    else:
        found = saying.forget(tools.engine, where)
        if found is None:
            raise ConfigError("--forget", "nothing was said of that: saxaul-server soil lists what")
        series = found
    place = arguments.site if arguments.thing is None else f"{arguments.site}, {arguments.thing}"
    tools.console.print(f"{place}: {_sentence(ground) if ground else 'forgotten'}.")
    if series and not arguments.compute:
        tools.console.print(
            f"{series} series of relative water are computed anew by the running server; "
            "saxaul-server soil --compute does it at once."
        )


def _sentence(ground: Ground) -> str:
    limits = ground.limits
    return (
        f"{ground.texture or 'soil'} with field capacity {limits.field_capacity:.3f} and wilting "
        f"point {limits.wilting_point:.3f} m3/m3 ({_ORIGINS[ground.origin]})"
    )


def _said(arguments: argparse.Namespace) -> Said:
    sand, clay = arguments.sand, arguments.clay
    if arguments.texture is not None:
        if sand is not None or clay is not None:
            raise ConfigError("--texture", "give a class, or --sand and --clay, not both")
        name = arguments.texture.strip().lower().replace("-", " ")
        if name not in CLASSES:
            known = ", ".join(CLASSES)
            raise ConfigError(f"--texture '{arguments.texture}'", f"no such class; known: {known}")
        sand, clay = CLASSES[name]
    water = [getattr(arguments, name) for name in book.WATER]
    return Said(sand, clay, arguments.organic_matter, *water)


def _where(connection: Connection, arguments: argparse.Namespace) -> Where:
    site_id = _site(connection, arguments.site)
    from_m, to_m = _depths(arguments.depth)
    if arguments.thing is None:
        return Where(site_id=site_id, from_m=from_m, to_m=to_m)
    rows = connection.execute(
        select(thing.c.id, thing.c.gateway_id, thing.c.key).where(thing.c.site_id == site_id)
    ).all()
    wanted = arguments.thing
    found = [one for one in rows if wanted in (one.key, f"{one.gateway_id}/{one.key}")]
    if len(found) > 1:
        names = " or ".join(f"{one.gateway_id}/{one.key}" for one in found)
        raise ConfigError(f"--thing '{wanted}'", f"several gateways have one: write {names}")
    if not found:
        known = ", ".join(sorted({one.key for one in rows})) or "none"
        raise ConfigError(f"--thing '{wanted}'", f"no such thing at that site; known: {known}")
    return Where(thing_id=found[0].id, from_m=from_m, to_m=to_m)


def _site(connection: Connection, key: str) -> int:
    found = connection.execute(select(site.c.id).where(site.c.key == key)).scalar()
    if found is None:
        known = connection.execute(select(site.c.key).order_by(site.c.key)).scalars().all()
        raise ConfigError(f"site '{key}'", f"no such site; known are: {', '.join(known) or 'none'}")
    return int(found)


def _depths(text: str | None) -> tuple[float | None, float | None]:
    if text is None:
        return None, None
    found = _DEPTH.fullmatch(text.strip())
    if not found:
        raise ConfigError(f"--depth '{text}'", "write metres from-to as 0-0.3, or 0.3- for on down")
    from_m, to_m = float(found[1]), float(found[2]) if found[2] else None
    if to_m is not None and to_m <= from_m:
        raise ConfigError(f"--depth '{text}'", "begins below its end: turn it round")
    return from_m, to_m


def _list(tools: Tools, only: str | None) -> None:
    with tools.engine.connect() as connection:
        if only is not None:
            _site(connection, only)
        entries = book.read_entries(connection, only)
        left = waiting(connection)
    table = Table(
        *("site", "thing", "depth", "soil", "organic matter", "wilting point", "field capacity"),
        *("saturation", "known"),
        box=SIMPLE_HEAD,
    )
    layered = {(one.site, one.gateway, one.thing) for one in entries if one.layer.is_layer}
    for one in entries:
        is_rest = not one.layer.is_layer and (one.site, one.gateway, one.thing) in layered
        depths = "all other depths" if is_rest else one.layer.depths
        table.add_row(one.site, one.thing or "", depths, *_cells(one.layer.ground))
    if entries:
        tools.console.print(table)
    else:
        tools.console.print("No site yet: gateways announce them.")
    if left:
        tools.console.print(
            f"{left} series of relative water wait to be computed: by the running server, or at "
            "once by saxaul-server soil --compute."
        )


def _cells(ground: Ground) -> tuple[str, ...]:
    limits = ground.limits
    return (
        ground.texture or "not said",
        "" if ground.organic_percent is None else f"{ground.organic_percent:g} %",
        f"{limits.wilting_point:.3f}",
        f"{limits.field_capacity:.3f}",
        "" if limits.saturation is None else f"{limits.saturation:.3f}",
        _ORIGINS[ground.origin],
    )


def _compute(tools: Tools) -> int:
    """Compute all that waits, with a bar; what is done stays done when it is interrupted."""
    history = History(tools.engine, tools.catalogue, tools.clock)
    observations = 0
    with Progress(console=tools.console) as bar:
        task = bar.add_task("relative water", total=None)
        try:
            for gateway_id in history.unsettled():
                history.settle(gateway_id)
            first = None
            while (done := history.step()) is not None:
                observations += done.observations
                first = done.waiting + 1 if first is None else first
                bar.update(task, total=first, completed=max(0, first - done.waiting))
        except KeyboardInterrupt:
            bar.stop()
            tools.console.print(f"Interrupted; {observations:,} observations are computed.")
            return INTERRUPTED
    tools.console.print(f"Computed: {observations:,} observations. Nothing waits any more.")
    return OK


def _share(text: str) -> float:
    """Read a share as 12% or 0.12."""
    value = _number(text) / 100.0 if text.endswith("%") else _number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no share: write 12% or 0.12")
    return value


def _percent(text: str) -> float:
    """Read percent as 2.5% or 2.5."""
    value = _number(text)
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError(f"'{text}' is no share in percent: write 2.5")
    return value


def _number(text: str) -> float:
    try:
        return float(text.removesuffix("%"))
    except ValueError:
        return float("nan")
