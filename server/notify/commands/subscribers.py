"""`saxaul-server subscribers`: who is told what; entering, pausing and deleting people."""

import argparse
import getpass
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import Connection, Engine, or_, select

from server.alerts.condition import Severity
from server.alerts.rules import duration_ms
from server.db.engine import writing
from server.db.notify_tables import subscriber, subscription
from server.db.tables import site
from server.ingest.service import wall_clock_ms
from server.notify import people
from server.notify.channels.offer import CHANNELS
from server.notify.links import Grant, Purpose
from server.notify.listing import check_list, level_of, minute_of, read_list
from server.notify.matching import P, S
from server.notify.wishes import MODES, Wish
from server.watch.command import Sub
from wire.errors import ConfigError

OK = 0
_MOST = 1_000


def add_parser(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Add the command to the program's others."""
    parser = commands.add_parser(
        "subscribers",
        help="list who is told of warnings; add, import, pause or remove people",
        description="Without more, lists who is told what. People can also subscribe themselves "
        "on the pages.",
    )
    what: Any = parser.add_subparsers(dest="what", metavar="WHAT", parser_class=Sub)
    what.add_parser("list", help="list who is told what, and which addresses take no messages")
    _add_adding(what)
    listed = what.add_parser("import", help="enter a list of people who agreed to it")
    listed.add_argument("file", type=Path, metavar="FILE", help="CSV; see the manual for columns")
    remove = what.add_parser("remove", help="tell a person that it is over, and delete them")
    pause = what.add_parser("pause", help="tell a person nothing for a while")
    pause.add_argument(
        "--for", dest="span", default="7d", metavar="SPAN", help="6h, 7d; 0d resumes"
    )
    for one in (remove, pause):
        one.add_argument("who", metavar="ADDRESS", help="an address, or a number in the list")
    return parser


def _add_adding(what: Any) -> None:
    add = what.add_parser("add", help="enter one person who agreed to it, or ask by --ask")
    add.add_argument("address", metavar="ADDRESS")
    add.add_argument("--channel", choices=CHANNELS, default="email")
    add.add_argument("--name", default="")
    add.add_argument("--language", default="en", metavar="CODE")
    add.add_argument("--time-zone", default="UTC", metavar="ZONE", help="as in Asia/Shanghai")
    add.add_argument("--quiet", default="", metavar="FROM-UNTIL", help="as in 21:00-06:30")
    add.add_argument("--wake", action="store_true", help="critical warnings come at night as well")
    add.add_argument("--limit", type=int, default=10, metavar="N", help="messages a day at most")
    add.add_argument("--site", metavar="KEY", help="only of this site")
    add.add_argument("--kind", metavar="KIND", help="only of this kind, as dry_soil")
    add.add_argument("--min-level", default="warning", metavar="LEVEL")
    add.add_argument("--mode", choices=MODES, default="immediate")
    add.add_argument("--turn", type=int, default=0, metavar="N", help="0 is told at once, 1 later")
    add.add_argument("--ask", action="store_true", help="send the question first, as pages do")


def run(engine: Engine, arguments: argparse.Namespace, console: Console) -> int:
    """Do what is asked for; raises ConfigError for what a person can mend."""
    does: dict[str, Callable[[Engine, argparse.Namespace, Console], None]] = {
        "list": _list,
        "add": _add,
        "import": _import,
        "remove": _remove,
        "pause": _pause,
    }
    does[arguments.what or "list"](engine, arguments, console)
    return OK


def _list(engine: Engine, _arguments: argparse.Namespace, console: Console) -> None:
    with engine.connect() as connection:
        rows = connection.execute(
            select(subscription, subscriber, site.c.key.label("site_key"), S.id.label("wish"))
            .join(subscriber, P.id == S.subscriber_id)
            .outerjoin(site, site.c.id == S.site_id)
            .where(P.deleted_at.is_(None))
            .order_by(S.subscriber_id, S.id)
            .limit(_MOST)
        ).all()
    if not rows:
        console.print("Nobody yet: add people with saxaul-server subscribers add, or import.")
        return
    table = Table("", "address", "name", "", "what", "from", "how", "", box=SIMPLE_HEAD)
    for row in rows:
        what = f"{row.kind or 'all'}, {row.site_key or 'every site'}"
        level = Severity(row.min_level).name.lower()
        table.add_row(
            str(row.subscriber_id),
            # Brackets are words of others here, not rich's marks.
            *(escape(f"{row.channel}: {row.address}"), escape(row.name), row.language),
            *(what, level, _manner(row), escape(_remarks(row))),
        )
    console.print(table)


def _manner(row: Any) -> str:
    return row.mode if not row.turn else f"{row.mode}, turn {row.turn}"


def _remarks(row: Any) -> str:
    said = []
    if row.ended_at is not None:
        said.append(f"ended {_when(row.ended_at)}")
    elif row.confirmed_at is None:
        said.append("not confirmed")
    if row.bounced_at is not None:
        said.append(f"takes no messages since {_when(row.bounced_at)}: {row.bounce}")
    elif row.bounce:
        said.append(row.bounce)
    if row.paused_until is not None and row.paused_until > wall_clock_ms():
        said.append(f"paused until {_when(row.paused_until)}")
    return "; ".join(said)


def _add(engine: Engine, arguments: argparse.Namespace, console: Console) -> None:
    wish, now_ms = _wish(arguments), wall_clock_ms()
    with writing(engine) as connection:
        if arguments.ask:
            people.ask(connection, wish, now_ms, "command", people.ADMINISTRATOR)
        else:
            people.enlist(connection, wish, now_ms, getpass.getuser(), "command")
    done = "is asked to confirm" if arguments.ask else "is told from now on"
    console.print(f"{wish.channel} {wish.address} {done}.")


def _wish(arguments: argparse.Namespace) -> Wish:
    begin, _, end = arguments.quiet.partition("-")
    return Wish(
        address=arguments.address,
        channel=arguments.channel,
        name=arguments.name,
        language=arguments.language,
        time_zone=arguments.time_zone,
        quiet_from=minute_of(begin.strip()),
        quiet_until=minute_of(end.strip()),
        wake_for_critical=arguments.wake,
        limit_per_day=arguments.limit,
        site_key=arguments.site,
        kind=arguments.kind,
        min_level=level_of(arguments.min_level),
        mode=arguments.mode,
        turn=arguments.turn,
    )


def _import(engine: Engine, arguments: argparse.Namespace, console: Console) -> None:
    source = str(arguments.file)
    try:
        text = arguments.file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigError(source, f"cannot be read: {why}; name a CSV file") from error
    listed, now_ms, by = read_list(text, source), wall_clock_ms(), getpass.getuser()
    with writing(engine) as connection:
        check_list(connection, listed, source, people.ADMINISTRATOR)
        for one in listed:
            people.enlist(connection, one.wish, now_ms, by)
    console.print(f"{len(listed)} are told from now on; each gets a letter that says so.")


def _remove(engine: Engine, arguments: argparse.Namespace, console: Console) -> None:
    with writing(engine) as connection:
        grant = _find(connection, arguments.who)
        is_told = people.dismiss(connection, grant.subscriber_id, wall_clock_ms(), "command")
    how = "is told so, and deleted once that letter has gone" if is_told else "deleted"
    console.print(f"{arguments.who}: {how}.", markup=False)


def _pause(engine: Engine, arguments: argparse.Namespace, console: Console) -> None:
    now_ms = wall_clock_ms()
    span_ms = _span_ms(arguments.span)
    with writing(engine) as connection:
        grant = _find(connection, arguments.who)
        until_ms = now_ms + span_ms if span_ms else None
        people.pause(connection, grant, now_ms, until_ms, "command")
    console.print(f"Paused until {_when(until_ms)}." if until_ms else "Told again from now on.")


def _find(connection: Connection, who: str) -> Grant:
    """Find a person by number or address; raises ConfigError."""
    by_number = P.id == int(who) if who.isdecimal() and len(who) < 10 else P.id.is_(None)
    row = connection.execute(
        select(P.id, S.id.label("wish"))
        .join(subscription, S.subscriber_id == P.id)
        .where(P.deleted_at.is_(None), or_(S.address == who, by_number))
        .order_by(P.id, S.id)
        .limit(1)
    ).first()
    if row is None:
        raise ConfigError(f"'{who}'", "there is nobody like that; see saxaul-server subscribers")
    return Grant(Purpose.MANAGE, row.id, row.wish)


def _span_ms(text: str) -> int:
    if text in ("0", "0d"):
        return 0
    try:
        return duration_ms(text)
    except ValueError as error:
        raise ConfigError("--for", str(error)) from None


def _when(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
