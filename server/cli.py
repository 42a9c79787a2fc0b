"""`saxaul-server`: reads the command line, runs what it asks for, explains what went wrong.

What only the server itself needs is loaded when it is run: on a small machine that takes seconds.
"""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TypeAlias

import structlog
from rich.console import Console
from sqlalchemy import Engine

from server import logs
from server.carry import command as import_command
from server.courtesy.answers import file_of
from server.courtesy.priority import give_way
from server.db.engine import describe, is_postgresql, open_engine
from server.db.migrate import is_current, upgrade
from server.errors import ServerError, StoreError
from server.export import command as export_command
from server.hypertable import command as retention_command
from server.hypertable.retention import Policy
from server.ingest.service import wall_clock_ms
from server.ledger.account import read_account, read_gateways
from server.ledger.sentences import lines
from server.ledger.series import DEFAULT_DAYS, MAX_DAYS, Span
from server.notify.commands import bounces as bounces_command
from server.notify.commands import messages as notify_command
from server.notify.commands import preview as preview_command
from server.notify.commands import subscribers as subscribers_command
from server.notify.setup import ways_of
from server.replay import command as replay_command
from server.roles.role import Duty, Role, duty_of, parse_workers
from server.rollup import command as rollup_command
from server.rollup import site_command
from server.settings import (
    Overrides,
    Settings,
    example,
    is_loopback,
    load,
    mqtt_password,
    notify_secrets,
)
from server.soil import command as soil_command
from server.store.engines import store_for
from server.watch import command as alerts_command
from wire.catalogue import bundled
from wire.errors import ConfigError

OK, BUG, MENDABLE = 0, 1, 2
CRASHED = "crashed"

_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - it has no public name
# Commands of their own modules, in the order they are listed.
_WITH_PARSERS = (
    replay_command,
    import_command,
    retention_command,
    export_command,
    rollup_command,
    site_command,
    soil_command,
    alerts_command,
    subscribers_command,
    notify_command,
)

log = structlog.get_logger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns 0, 2 for what a person can mend, or 1 for a bug."""
    arguments = _parser().parse_args(argv)
    logs.configure()
    commands = {
        "run": _run,
        "migrate": _migrate,
        "config": _config,
        "ledger": _ledger,
        "replay": _replay,
        "import": _import,
        "retention": _retention,
        "export": _export,
        "rollup": _rollup,
        "site": _site,
        "alerts": _alerts,
        "soil": _soil,
        "subscribers": _subscribers,
        "notify": _notify,
        "preview": _preview,
    }
    try:
        return commands[arguments.command](arguments)
    except (ConfigError, ServerError) as error:
        print(f"saxaul-server: {error}", file=sys.stderr)
        return MENDABLE
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone: nothing is left to say
        return OK
    except Exception:
        log.exception(CRASHED)
        return BUG


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="saxaul-server",
        description="Stores what gateways send and shows it. "
        "Without a file it keeps its data in ./saxaul.db and runs its own broker.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    of_database = [_add_run(commands), _add_migrate(commands), _add_ledger(commands)]
    of_database += [one.add_parser(commands) for one in _WITH_PARSERS]
    commands.add_parser("config", help="print a commented server.toml")
    preview_command.add_parser(commands)
    for command in of_database:
        command.add_argument("--config", type=Path, metavar="FILE", help="server.toml")
        command.add_argument("--database-url", metavar="URL", help="in place of database.url")
    return parser


def _add_run(commands: _Commands) -> argparse.ArgumentParser:
    run = commands.add_parser("run", help="migrate the database, then serve until stopped")
    run.add_argument(
        "--http-port",
        type=_port,
        metavar="PORT",
        help="in place of http.port, or of http.ingest_port",
    )
    run.add_argument("--mqtt-port", type=_port, metavar="PORT", help="in place of mqtt.port")
    run.add_argument(
        "--role",
        choices=[role.value for role in Role],
        default=Role.ALL.value,
        help="do only a part, beside other processes: take in (ingest), or serve pages and "
        "programs (api); needs PostgreSQL and a broker of your own (default: %(default)s)",
    )
    run.add_argument(
        "--workers",
        type=parse_workers,
        metavar="N",
        help="take in with so many processes that share the batches, and one for all else; on one "
        "of several machines, those of it by number, as in 5-8",
    )
    run.add_argument(
        "--insecure-listen",
        action="store_true",
        help="allow an http.host that others can reach, and requests under any host name, "
        "though there is no access control",
    )
    return run


def _add_migrate(commands: _Commands) -> argparse.ArgumentParser:
    return commands.add_parser(
        "migrate",
        help="bring the database to this program's schema",
        description="Brings the database to this program's schema. Stop every server first: what "
        "an older one stores meanwhile may be missing from hourly and daily values.",
    )


def _add_ledger(commands: _Commands) -> argparse.ArgumentParser:
    ledger = commands.add_parser("ledger", help="tell how complete each gateway's data are")
    ledger.add_argument("--gateway", metavar="ID", help="only this one")
    ledger.add_argument(
        "--days",
        type=_days,
        default=DEFAULT_DAYS,
        metavar="N",
        help=f"how far back to look for gaps of series, up to {MAX_DAYS} (default: %(default)s)",
    )
    return ledger


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"'{text}' is not a port: write 0 to 65535")
    return int(text)


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_DAYS:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of days: write 1 to {MAX_DAYS}")
    return int(text)


def _settings(arguments: argparse.Namespace) -> Settings:
    overrides = Overrides(
        database_url=arguments.database_url,
        http_port=getattr(arguments, "http_port", None),
        mqtt_port=getattr(arguments, "mqtt_port", None),
    )
    return load(arguments.config, overrides, os.environ)


def _run(arguments: argparse.Namespace) -> int:
    settings = _settings(arguments)
    duty = duty_of(
        Role(arguments.role),
        arguments.workers,
        on_postgresql=is_postgresql(settings.database.url),
        embedded=settings.mqtt.embedded,
    )
    duty = replace(duty, answers_file=file_of(os.environ))
    if duty.role is not Role.ALL:
        logs.configure(role=duty.role.value)
    if duty.role is Role.INGEST:
        give_way()
    if not arguments.insecure_listen:
        _require_loopback(settings.http.host)
    from server.app import build  # noqa: PLC0415 - see the module's docstring

    failed = threading.Event()
    with _stop_signals() as stop:

        def fail() -> None:
            failed.set()
            stop.set()

        anyone = arguments.insecure_listen
        app = build(
            settings,
            mqtt_password(os.environ),
            fail,
            any_host=anyone,
            duty=duty,
            notify_secrets=notify_secrets(os.environ),
        )
        app.start()
        print(_ready_line(duty, app.address), flush=True)
        stop.wait()
        app.stop()
    return BUG if failed.is_set() else OK


def _ready_line(duty: Duty, address: str) -> str:
    if duty.role is Role.INGEST:
        return f"Saxaul takes in, and says at {address}readyz how it is (Ctrl-C stops it)"
    return f"Saxaul is ready: {address} (Ctrl-C stops it)"


def _require_loopback(host: str) -> None:
    if not is_loopback(host):
        raise ConfigError(
            f"http.host '{host}'",
            "others could reach the server there, and it has no access control yet: use 127.0.0.1 "
            "(with an SSH tunnel from elsewhere), or pass --insecure-listen in a network you trust",
        )


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """Give an event that SIGINT and SIGTERM set; the handlers of before come back at the end."""
    stop = threading.Event()

    def request(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(one, request) for one in signals]
    try:
        yield stop
    finally:
        for one, handler in zip(signals, before, strict=True):
            signal.signal(one, handler)


def _migrate(arguments: argparse.Namespace) -> int:
    engine = open_engine(_settings(arguments).database.url)
    try:
        upgrade(engine)
        found = describe(engine)
    finally:
        engine.dispose()
    print(f"The database is current: {found.version}.")
    if found.warning:
        print(f"saxaul-server: {found.warning}", file=sys.stderr)
    return OK


@contextmanager
def _current_database(arguments: argparse.Namespace) -> Iterator[Engine]:
    """Open the database; raises StoreError when its schema is another program's."""
    engine = open_engine(_settings(arguments).database.url)
    try:
        if not is_current(engine):
            raise StoreError(
                "the database's schema is not this program's: run saxaul-server migrate"
            )
        yield engine
    finally:
        engine.dispose()


def _ledger(arguments: argparse.Namespace) -> int:
    with _current_database(arguments) as engine:
        _print_ledger(engine, arguments.gateway, arguments.days)
    return OK


def _replay(arguments: argparse.Namespace) -> int:
    with _current_database(arguments) as engine:
        return replay_command.replay(engine, arguments)


def _import(arguments: argparse.Namespace) -> int:
    with _current_database(arguments) as engine:
        return import_command.run(arguments.paths, engine, wall_clock_ms, _console())


def _export(arguments: argparse.Namespace) -> int:
    with _current_database(arguments) as engine:
        return export_command.run(engine, arguments)


def _rollup(arguments: argparse.Namespace) -> int:
    with _current_database(arguments) as engine:
        return rollup_command.run(engine, arguments, _console())


def _site(arguments: argparse.Namespace) -> int:
    with _current_database(arguments) as engine:
        return site_command.run(engine, arguments, _console())


def _soil(arguments: argparse.Namespace) -> int:
    with _current_database(arguments) as engine:
        tools = soil_command.Tools(engine, bundled(), wall_clock_ms, _console())
        return soil_command.run(tools, arguments)


def _alerts(arguments: argparse.Namespace) -> int:
    with _current_database(arguments) as engine:
        return alerts_command.run(engine, arguments, _console())


def _subscribers(arguments: argparse.Namespace) -> int:
    with _current_database(arguments) as engine:
        return subscribers_command.run(engine, arguments, _console())


def _notify(arguments: argparse.Namespace) -> int:
    if arguments.what == "bounce":
        database = partial(_current_database, arguments)
        return bounces_command.run(database, sys.stdin.buffer, wall_clock_ms(), _console())
    told = _settings(arguments).notify
    with _current_database(arguments) as engine:
        ways = ways_of(engine, told, notify_secrets(os.environ), wall_clock_ms)
        return notify_command.run(notify_command.Tools(engine, ways, _console()), arguments)


def _preview(arguments: argparse.Namespace) -> int:
    print(preview_command.run(arguments))
    return OK


def _retention(arguments: argparse.Namespace) -> int:
    kept = _settings(arguments).retention
    policy = Policy(kept.raw_days, kept.hour_days, kept.day_days)
    with _current_database(arguments) as engine:
        return retention_command.run(
            engine, policy, wall_clock_ms, _console(), dry_run=arguments.dry_run
        )


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 140)


def _print_ledger(engine: Engine, only: str | None, days: int) -> None:
    now_ms = wall_clock_ms()
    span = Span(now_ms - days * 86_400_000, now_ms, now_ms)
    with engine.connect() as connection:
        gateways = read_gateways(connection)
        if only is not None and only not in gateways:
            known = ", ".join(gateways) or "none yet"
            raise ConfigError(f"--gateway '{only}'", f"no such gateway; known are: {known}")
        for gateway in [only] if only is not None else gateways:
            account = read_account(connection, store_for(engine), gateway, span)
            print(*(lines(account) if account else ()), sep="\n")
    if not gateways:
        print("No gateway has been heard of yet.")


def _config(_: argparse.Namespace) -> int:
    print(example(), end="")
    return OK
