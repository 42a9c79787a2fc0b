"""`saxaul-server alerts`: what is active, the rules, a dry run, and what people do about it."""

import argparse
import getpass
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, Engine

from server.alerts.condition import Severity
from server.alerts.rules import Rule, duration_ms, read_rules
from server.db.engine import writing
from server.ingest.service import wall_clock_ms
from server.watch import acting
from server.watch.reading import Shown, read_active
from server.watch.rules import book
from server.watch.rules.trial import YEAR_DAYS, Episode, Trial, try_out
from wire.errors import ConfigError

OK = 0
_MOST_TOLD = 20


class Sub(argparse.ArgumentParser):
    """One of the commands below; which database it is about may stand behind it as well."""

    def __init__(self, **options: Any) -> None:
        """Add what every command takes; left out, what stands before it holds."""
        super().__init__(**options)
        for name, metavar in (("--config", "FILE"), ("--database-url", "URL")):
            self.add_argument(
                name,
                type=Path if name == "--config" else str,
                metavar=metavar,
                default=argparse.SUPPRESS,
                help=argparse.SUPPRESS,
            )


def add_parser(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Add the command to the program's others."""
    parser = commands.add_parser(
        "alerts",
        help="list what is active, keep the rules, try one out, acknowledge or shelve",
        description="Without more, lists what is active. Every new site has rules of its own at "
        "once: alerts rules lists them.",
    )
    what: Any = parser.add_subparsers(dest="what", metavar="WHAT", parser_class=Sub)
    listed = what.add_parser("list", help="list what is active")
    listed.add_argument("--site", metavar="KEY", help="only there")
    what.add_parser("rules", help="list the rules")
    _add_rules(what)
    _add_acts(what)
    return parser


def _add_rules(what: Any) -> None:
    add = what.add_parser("add", help="keep the rules of a TOML file")
    add.add_argument("file", type=Path, metavar="FILE", help="TOML with [[rule]] tables")
    remove = what.add_parser("remove", help="switch a rule off; what it recorded stays")
    remove.add_argument("key", metavar="RULE")
    test = what.add_parser("test", help="tell of what a rule would have warned; writes nothing")
    test.add_argument("rule", metavar="RULE", help="the key of a rule, or a TOML file")
    test.add_argument(
        "--days",
        type=_days,
        default=YEAR_DAYS,
        metavar="N",
        help="over so many days until now (default: %(default)s)",
    )


def _add_acts(what: Any) -> None:
    for name, tells in (
        ("ack", "say that somebody sees to it: no reminders until it gets worse"),
        ("shelve", "tell nobody of it for a while"),
        ("unshelve", "tell of it again"),
        ("comment", "keep a remark"),
    ):
        act = what.add_parser(name, help=tells)
        act.add_argument("watch", type=int, metavar="N", help="its number in alerts list")
        act.add_argument("--by", metavar="NAME", help="who you are (default: your login)")
        if name == "shelve":
            act.add_argument("--for", dest="span", default="7d", metavar="SPAN", help="6h, 7d")
        if name == "comment":
            act.add_argument("text", metavar="TEXT")
        else:
            act.add_argument("--note", metavar="TEXT", default="", help="why")


def run(engine: Engine, arguments: argparse.Namespace, console: Console) -> int:
    """Do what is asked for; raises ConfigError for what a person can mend."""
    does: dict[str, Callable[[Engine, argparse.Namespace, Console], None]] = {
        "list": _list,
        "rules": _rules,
        "add": _add,
        "remove": _remove,
        "test": _test,
    }
    does.get(arguments.what or "list", _act)(engine, arguments, console)
    return OK


def _list(engine: Engine, arguments: argparse.Namespace, console: Console) -> None:
    with engine.connect() as connection:
        found = read_active(connection, getattr(arguments, "site", None))
    if not found:
        console.print("Nothing is active.")
        return
    table = Table("no.", "what", "where", "how bad", "since (UTC)", "", box=SIMPLE_HEAD)
    for one in found:
        level = Severity(one.level).name.lower()
        name, since = one.subject.rule_name, _when(one.since_ms)
        table.add_row(str(one.id), name, _where(one), level, since, _remarks(one))
    console.print(table)


def _where(one: Shown) -> str:
    subject = one.subject
    place = [subject.site or subject.gateway, subject.thing, str(one.evidence.get("sensor", ""))]
    return " / ".join(part for part in place if part)


def _remarks(one: Shown) -> str:
    said = []
    if one.silent_since_ms is not None:
        said.append(f"silent since {_when(one.silent_since_ms)}")
    if one.acked_at_ms is not None:
        said.append(f"acknowledged by {one.acked_by}")
    if one.shelved_until_ms is not None:
        said.append(f"shelved until {_when(one.shelved_until_ms)}")
    if one.suppressed_by is not None:
        said.append("held back: its gateway is gone")
    return ", ".join(said)


def _rules(engine: Engine, _arguments: argparse.Namespace, console: Console) -> None:
    with engine.connect() as connection:
        rules = book.read_rules(connection)
    if not rules:
        console.print("No rule yet: a site gets its own when it is announced.")
        return
    table = Table("rule", "kind", "name", "", "changed (UTC)", box=SIMPLE_HEAD)
    for one in rules:
        said = [] if one.rule.enabled else ["off"]
        said += ["by default"] if one.is_default else [f"by {one.changed_by}"]
        said += [f"cannot be used: {one.fault}"] if one.fault else []
        changed = _when(one.changed_at)
        table.add_row(one.rule.key, one.rule.kind, one.rule.name, ", ".join(said), changed)
    console.print(table)


def _add(engine: Engine, arguments: argparse.Namespace, console: Console) -> None:
    rules = _read_file(arguments.file)
    now_ms, by = wall_clock_ms(), getpass.getuser()
    with writing(engine) as connection:
        put = [(one, book.put_rule(connection, one, now_ms, by)) for one in rules]
    for rule, what in put:
        console.print(f"Rule '{rule.key}': {_PUT[what]}")


_PUT = {
    book.Put.ADDED: "added; it watches from now on.",
    book.Put.CHANGED: "changed; what is active is judged anew by it.",
    book.Put.SAME: "it is there already.",
}


def _remove(engine: Engine, arguments: argparse.Namespace, console: Console) -> None:
    with writing(engine) as connection:
        book.switch_off(connection, arguments.key, wall_clock_ms(), getpass.getuser())
    console.print(f"Rule '{arguments.key}' is off. What it recorded stays.")


def _test(engine: Engine, arguments: argparse.Namespace, console: Console) -> None:
    with engine.connect() as connection:
        for rule in _rules_to_test(connection, arguments.rule):
            found = try_out(connection, rule, wall_clock_ms(), arguments.days)
            console.print(f"Rule '{rule.key}': {sentence(found)}")
            for one in found.episodes[-_MOST_TOLD:]:
                console.print(f"  {_line(one)}")


def _rules_to_test(connection: Connection, named: str) -> list[Rule]:
    path = Path(named)
    if path.suffix == ".toml" or path.is_file():
        return _read_file(path)
    return [book.find_rule(connection, named).rule]


def sentence(trial: Trial) -> str:
    """Say what came of a dry run."""
    count = len(trial.episodes)
    times = {0: "never", 1: "once"}.get(count, f"{count} times")
    some = f" (on {trial.watches} of {trial.found} series)" if trial.watches < trial.found else ""
    ends = "." if not count else " (UTC):"
    if count > _MOST_TOLD:
        ends = f"; the last {_MOST_TOLD} (UTC):"
    return f"would have warned {times} in the last {trial.days} days{some}{ends}"


def _line(one: Episode) -> str:
    until = f"until {_when(one.until_ms)}" if one.until_ms is not None else "and still would"
    level = Severity(one.level).name.lower()
    return f"{_when(one.raised_ms)}  {one.subject}: {level}, since {_when(one.since_ms)} {until}"


def _read_file(path: Path) -> list[Rule]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise ConfigError(f"'{path}'", f"cannot be read: {why}; name a TOML file") from error
    rules = read_rules(text, str(path))
    if not rules:
        raise ConfigError(f"'{path}'", "there is no rule in it; write at least one [[rule]] table")
    return rules


def _act(engine: Engine, arguments: argparse.Namespace, console: Console) -> None:
    now_ms, number = wall_clock_ms(), arguments.watch
    who = arguments.by or getpass.getuser()
    if arguments.what == "comment":
        acting.comment(engine, number, who, now_ms, arguments.text)
    elif arguments.what == "shelve":
        until_ms = now_ms + _span_ms(arguments.span)
        acting.shelve(engine, number, who, now_ms, until_ms, arguments.note)
    elif arguments.what == "unshelve":
        acting.unshelve(engine, number, who, now_ms, arguments.note)
    elif not acting.acknowledge(engine, number, who, now_ms, arguments.note):
        raise ConfigError(f"watch {number}", "it is not active, so there is nothing to acknowledge")
    console.print(f"Kept: {arguments.what} {number}, by {who}.")


def _span_ms(text: str) -> int:
    try:
        return duration_ms(text)
    except ValueError as error:
        raise ConfigError("--for", str(error)) from None


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 10 * YEAR_DAYS:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of days: write 1 to 3650")
    return int(text)


def _when(time_ms: int | None) -> str:
    if time_ms is None:
        return ""
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
