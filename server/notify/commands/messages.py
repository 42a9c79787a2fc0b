"""`saxaul-server notify`: try a channel out, and see what could not be sent."""

import argparse
import getpass
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import Engine, func, select, update

from server.db.engine import writing
from server.db.notify_tables import message, subscription
from server.ingest.service import wall_clock_ms
from server.notify.channels.offer import CHANNELS
from server.notify.channels.port import Envelope, Later, Sent, UnsureError
from server.notify.matching import S
from server.notify.notifier import Way, read_post
from server.watch.command import Sub
from server.words.facts import Links
from server.words.languages import LANGUAGES
from server.words.letters import Letter, write
from wire.errors import ConfigError

OK = 0
_MOST = 200
_M = message.c


@dataclass(frozen=True, slots=True)
class Tools:
    """What the command works with: the channels are those that server.toml sets up."""

    engine: Engine
    ways: Mapping[str, Way]
    console: Console


def add_parser(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Add the command to the program's others."""
    parser = commands.add_parser(
        "notify",
        help="send a test message; see what could not be sent",
        description="Without more, says how many messages wait.",
    )
    what: Any = parser.add_subparsers(dest="what", metavar="WHAT", parser_class=Sub)
    test = what.add_parser("test", help="send one test message now")
    test.add_argument("address", metavar="ADDRESS")
    test.add_argument("--channel", choices=CHANNELS, default="email")
    test.add_argument("--language", choices=sorted(LANGUAGES), default="en")
    what.add_parser("bounce", help="take a mail that came back, on standard input")
    what.add_parser("dead", help="list what was given up, and why")
    what.add_parser("unsure", help="list what may or may not have gone out")
    retry = what.add_parser("retry", help="send one of those again, on your own account")
    retry.add_argument("message", type=int, metavar="N", help="its number in the list")
    return parser


def run(tools: Tools, arguments: argparse.Namespace) -> int:
    """Do what is asked for; raises ConfigError for what a person can mend."""
    does: dict[str, Callable[[Tools, argparse.Namespace], int]] = {
        "state": _state,
        "test": _test,
        "dead": _listed,
        "unsure": _listed,
        "retry": _retry,
    }
    return does[arguments.what or "state"](tools, arguments)


def _state(tools: Tools, _arguments: argparse.Namespace) -> int:
    post = read_post(tools.engine, set(tools.ways), wall_clock_ms())
    channels = ", ".join(sorted(tools.ways)) or "none: set notify.smtp_host in server.toml"
    tools.console.print(f"Channels: {channels}.")
    tools.console.print(
        f"{post.waiting} messages wait, {post.without_channel} of them for a channel that is not "
        f"set up. In the last week {post.dead} were given up; of {post.unsure} it is not known "
        "whether they went out."
    )
    with tools.engine.connect() as connection:
        stopped = connection.execute(
            select(func.count(S.address.distinct())).where(
                S.bounced_at.is_not(None), S.ended_at.is_(None)
            )
        ).scalar_one()
    if stopped:
        tools.console.print(
            f"{stopped} addresses take no messages: see saxaul-server subscribers for what to do."
        )
    return OK


def _test(tools: Tools, arguments: argparse.Namespace) -> int:
    way = tools.ways.get(arguments.channel)
    if way is None:
        raise ConfigError(
            f"channel '{arguments.channel}'", "it is not set up; see [notify] in server.toml"
        )
    now_ms = wall_clock_ms()
    said = write(Letter.TEST, "Saxaul", arguments.language)
    key = f"test:{getpass.getuser()}:{now_ms}"
    try:
        answer = way.channel.send(Envelope(key, arguments.address, said, Links()))
    except UnsureError as error:
        raise ConfigError(arguments.address, f"perhaps sent: {error}") from error
    finally:
        way.channel.close()
    if not isinstance(answer, Sent):
        kind = "not now" if isinstance(answer, Later) else "refused"
        raise ConfigError(arguments.address, f"{kind}: {answer.reason}")
    tools.console.print(f"Sent to {arguments.address}. {answer.receipt}".rstrip())
    return OK


def _listed(tools: Tools, arguments: argparse.Namespace) -> int:
    with tools.engine.connect() as connection:
        rows = connection.execute(
            select(_M.id, _M.created_at, _M.channel, S.address, _M.attempts, _M.error)
            .join(subscription, S.id == _M.subscription_id)
            .where(_M.state == arguments.what, _M.carried_by.is_(None))
            .order_by(_M.id.desc())
            .limit(_MOST)
        ).all()
    if not rows:
        tools.console.print("None.")
        return OK
    table = Table("", "of (UTC)", "to", "tries", "why", box=SIMPLE_HEAD)
    for row in rows:
        at = datetime.fromtimestamp(row.created_at / 1000, UTC).strftime("%Y-%m-%d %H:%M")
        to = f"{row.channel}: {row.address}"
        table.add_row(str(row.id), at, escape(to), str(row.attempts), escape(row.error))
    tools.console.print(table)
    return OK


def _retry(tools: Tools, arguments: argparse.Namespace) -> int:
    """Queue a message anew; what it says is judged again before it goes."""
    number, now_ms = arguments.message, wall_clock_ms()
    with writing(tools.engine) as connection:
        done = connection.execute(
            update(message)
            .where(_M.id == number, _M.state.in_(["dead", "unsure"]))
            .values(
                state="queued",
                next_at=now_ms,
                created_at=now_ms,
                claimed_at=None,
                attempts=0,
                carried_by=None,
            )
        ).rowcount
    if not done:
        raise ConfigError(
            f"message {number}",
            "it is neither given up nor unsure; see saxaul-server notify dead, or unsure",
        )
    tools.console.print(f"Message {number} is sent again if it is still true.")
    return OK
