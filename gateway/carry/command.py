"""`saxaul-gateway export`: finds the outbox, exports it, and says when the stick can be pulled."""

import argparse
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from rich.progress import MofNCompleteColumn, Progress

from gateway.carry.export import Exported, Order, export, find_origin, seal_waiting
from gateway.carry.files import check_folder
from gateway.carry.source import Choice, Source, open_damaged, open_source
from gateway.clock import Clock
from gateway.config import ClockSection, Config, Own, load, own_of
from wire.errors import ConfigError


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the outbox is, and whether that is another gateway's card or a file set aside.

    `fault` says why there is no configuration where one was named; `clock` is all the same.
    """

    config: Config | None
    data_dir: Path
    is_own: bool
    file: Path | None = None
    clock: ClockSection = field(default_factory=ClockSection)
    named: str | None = None
    fault: str = ""


def run(args: argparse.Namespace, default_config: Path) -> list[str]:
    """Export, and give the sentences that say what came of it.

    Raises ConfigError and GatewayError for what a person can mend.
    """
    check_folder(args.to)
    place = _place(args, default_config)
    choice = _choice(args)
    clock = Clock(place.clock.trust)
    left_out = ""
    if place.file is None:
        left_out = seal_waiting(place.data_dir, place.config, clock, place.clock.hold_s)
    with _opened(place) as source:
        now_ms = clock.wall_of(clock.mono_ms())
        at_ms = now_ms if place.is_own else min(source.newest_ms(), now_ms)
        origin = find_origin(source, place.config, place.named, at_ms)
        order = Order(source, origin, choice, now_ms, with_status=place.file is None)
        with _bar(origin.gateway) as progress:
            found = export(order, args.to, progress)
    return [*_faulty(place), *_told(found, order, args.to, left_out)]


def _place(args: argparse.Namespace, default_config: Path) -> _Place:
    """Find the outbox; this machine's own gateway.toml says nothing about another one's card."""
    if args.file is not None and args.data_dir is not None:
        raise ConfigError("--file", "names one outbox and --data-dir another; give one of them")
    elsewhere = args.file is not None or args.data_dir is not None
    config_path = args.config or (None if elsewhere else default_config)
    if config_path is None:
        data_dir = args.data_dir or Path()
        return _Place(None, data_dir, is_own=False, file=args.file, named=args.gateway)
    config, own, fault = _settings(config_path)
    named = args.gateway or (None if config else own.gateway.id)
    place = _Place(
        config,
        Path(own.gateway.data_dir),
        is_own=True,
        clock=own.clock,
        named=named,
        fault=fault,
    )
    if elsewhere:
        return replace(place, data_dir=args.data_dir or Path(), is_own=False, file=args.file)
    return place


def _settings(path: Path) -> tuple[Config | None, Own, str]:
    """Read gateway.toml, or of a faulty one whose it is, where its outbox is, and what is wrong.

    Whatever is wrong with its sensors or its broker: what was measured can be carried. What is
    attached the outbox knows from when the gateway ran. Raises ConfigError.
    """
    try:
        config = load(path)
    except ConfigError as error:
        return None, own_of(path, error), str(error)
    return config, Own(config.gateway, config.clock), ""


def _choice(args: argparse.Namespace) -> Choice:
    if args.since is None:
        return Choice(everything=args.all)
    try:
        at = datetime.fromisoformat(args.since)
    except ValueError:
        raise ConfigError(
            "--since",
            f"'{args.since}' is no date or instant such as 2026-11-20 or 2026-11-20T06:00",
        ) from None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return Choice(since_ms=int(at.timestamp() * 1000))


def _opened(place: _Place) -> AbstractContextManager[Source]:
    return open_source(place.data_dir) if place.file is None else open_damaged(place.file)


@contextmanager
def _bar(gateway: str) -> Iterator[Callable[[int, int], None]]:
    """Give what moves a bar, which is there from the first batch on."""
    bar = Progress(*Progress.get_default_columns(), MofNCompleteColumn())
    task = bar.add_task(gateway, total=None)

    def move(done: int, total: int) -> None:
        bar.start()
        bar.update(task, completed=done, total=total)

    try:
        yield move
    finally:
        bar.stop()


def _faulty(place: _Place) -> Iterator[str]:
    """Say what is wrong in the settings, and that it keeps nothing from being exported."""
    if place.fault:
        yield f"{place.fault}\nNote: that keeps nothing from being exported."


def _told(found: Exported, order: Order, folder: Path, left_out: str) -> Iterator[str]:
    gateway = order.origin.gateway
    for one in found.files:
        yield f"{one.path.name}: {one.batches:,} batches, {one.size / 1e6:,.1f} MB, read back whole"
    if found.pending:
        why = left_out or "they wait for a clock that can be trusted, for up to clock.hold_s"
        yield f"Left out: {found.pending:,} observations that are in no batch yet: {why}."
    if found.files and order.origin.inventory is None:
        yield (
            "Nobody knows what is attached to this gateway: its batches wait on the server until "
            "it says so. To send that along, name its gateway.toml with --config."
        )
    if found.files and _is_same_disk(folder, order.source.path):
        yield f"Note: {folder} lies on the same disk as the outbox; is the stick mounted?"
    if found.files:
        yield f"{found.batches:,} batches of {gateway} are in {folder}. It is safe to remove now."
    elif order.choice == Choice():
        yield f"Nothing of {gateway} waits for the server (--all exports what is kept)."
    else:
        yield f"Nothing of {gateway} is kept that was asked for."


def _is_same_disk(folder: Path, outbox: Path) -> bool:
    return folder.stat().st_dev == outbox.stat().st_dev
