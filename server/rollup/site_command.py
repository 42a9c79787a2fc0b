"""`saxaul-server site`: tells the sites, and sets the time zone by which a site's days are."""

import argparse

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, Engine, select

from server.db.engine import writing
from server.db.tables import site
from server.rollup.zones import set_zone
from wire.errors import ConfigError

OK = 0


def add_parser(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Add the command to the program's others."""
    parser = commands.add_parser(
        "site",
        help="list the sites, or set the time zone by which a site's days are counted",
        description="Without a key, lists the sites. Daily values are over the days of the site's "
        "time zone, summer time included; when it is set, they are computed anew. Set it again "
        "when a country has changed its rules and this machine knows the new ones.",
    )
    parser.add_argument("key", nargs="?", metavar="KEY", help="which site")
    parser.add_argument(
        "--time-zone", metavar="ZONE", help="an IANA name such as Asia/Shanghai or Asia/Kolkata"
    )
    return parser


def run(engine: Engine, arguments: argparse.Namespace, console: Console) -> int:
    """List sites or set a time zone; raises ConfigError for a site or zone that is not known."""
    if arguments.time_zone is None:
        _list(engine, arguments.key, console)
        return OK
    if arguments.key is None:
        raise ConfigError("--time-zone", "say of which site: saxaul-server site KEY --time-zone Z")
    with writing(engine) as connection:
        set_zone(connection, _find(connection, arguments.key), arguments.time_zone)
    console.print(
        f"The days of '{arguments.key}' begin at midnight in {arguments.time_zone}. What is stored "
        "is counted anew in the background; saxaul-server rollup does it at once."
    )
    return OK


def _list(engine: Engine, key: str | None, console: Console) -> None:
    with engine.connect() as connection:
        if key is not None:
            _find(connection, key)
        rows = connection.execute(select(site).order_by(site.c.key)).all()
    table = Table("site", "name", "time zone", box=SIMPLE_HEAD)
    for row in rows:
        if key in (None, row.key):
            table.add_row(row.key, row.name, row.time_zone)
    if rows:
        console.print(table)
    else:
        console.print("No site yet: gateways announce them.")


def _find(connection: Connection, key: str) -> int:
    found = connection.execute(select(site.c.id).where(site.c.key == key)).scalar()
    if found is None:
        known = connection.execute(select(site.c.key).order_by(site.c.key)).scalars().all()
        raise ConfigError(f"site '{key}'", f"no such site; known are: {', '.join(known) or 'none'}")
    return int(found)
