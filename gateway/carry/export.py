"""Exports an outbox: what waits is sealed, what was chosen is written, nothing else changes."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gateway.carry.files import Letter, Stick, Written
from gateway.carry.source import Choice, Source, portions
from gateway.clock import Clock
from gateway.config import Config
from gateway.errors import StoreError
from gateway.health import software
from gateway.inventory import INVENTORY, InventoryBook
from gateway.outbox import Budget, DataDirLock, Outbox
from gateway.outbox.schema import FILE_NAME
from gateway.uplink.upkeep import ask_to_seal
from wire import messages
from wire.carry import FORMAT, VERSION, Manifest
from wire.errors import ConfigError, ContractError
from wire.messages import Inventory, Status, ranges
from wire.topics import EPOCH, GATEWAY_ID

# How long a running gateway may take to seal: it may just be connecting.
_PATIENCE_S = 20.0
# To export must not drop anything, whatever the budget of `run`.
_NO_LIMIT = Budget(keep_ms=2**62, max_bytes=2**62)


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose outbox it is; `inventory` is None where nobody knows what is attached.

    `at_ms` is when the gateway was like that, in ms UTC.
    """

    gateway: str
    inventory: Inventory | None
    at_ms: int


@dataclass(frozen=True, slots=True)
class Exported:
    """What came of it: files, and the observations that are in no batch yet and were left out."""

    files: list[Written]
    pending: int

    @property
    def batches(self) -> int:
        """Count the batches in all files."""
        return sum(one.batches for one in self.files)


def seal_waiting(data_dir: Path, config: Config | None, clock: Clock, hold_s: float) -> str:
    """Seal what waits, unless a gateway is at it; say why that could not be done, "" when it was.

    `hold_s` is how long a clock that is not known is waited for.
    Raises StoreError when no outbox is there.
    """
    if not (data_dir / FILE_NAME).exists():
        raise StoreError(
            f"{data_dir / FILE_NAME}: no outbox is there; name its folder with --data-dir"
        )
    if not os.access(data_dir, os.W_OK, effective_ids=True):
        return "the outbox cannot be written here; mount its card writable to have them sealed"
    try:
        lock = DataDirLock(data_dir)
    except StoreError as error:
        return _ask_running(data_dir, str(error))
    try:
        with lock, Outbox(data_dir, clock, hold_s, budget=_NO_LIMIT) as outbox:
            while outbox.seal():
                pass
            if config is not None:
                InventoryBook(config, outbox).current()
    except StoreError as error:
        return str(error)
    return ""


def _ask_running(data_dir: Path, busy: str) -> str:
    """Have the gateway that holds the folder seal what waits; say why that was not done."""
    try:
        if ask_to_seal(data_dir, _PATIENCE_S):
            return ""
    except OSError as error:
        return f"the running gateway could not be asked to seal them: {error}"
    return f"the running gateway did not seal them in time, export again ({busy})"


def find_origin(source: Source, config: Config | None, named: str | None, at_ms: int) -> Origin:
    """Find out whose outbox it is: by gateway.toml, by what it says itself, or as `named`.

    Raises ConfigError when nobody says.
    """
    kept = _kept_inventory(source)
    inventory = InventoryBook(config, source).current() if config else kept
    known = inventory.gateway.id if inventory else None
    gateway = known or named
    if gateway is None:
        raise ConfigError(
            str(source.path),
            "it does not say which gateway it is of: add --gateway ID, or name the gateway.toml "
            "it belongs to with --config",
        )
    if named is not None and named != gateway:
        raise ConfigError(str(source.path), f"it is of gateway '{gateway}', not of '{named}'")
    if not GATEWAY_ID.fullmatch(gateway):
        raise ConfigError("--gateway", f"'{gateway}' is no gateway's name")
    return Origin(gateway, inventory, at_ms)


def _kept_inventory(source: Source) -> Inventory | None:
    kept = source.meta(INVENTORY)
    try:
        return messages.decode(kept.encode(), Inventory) if kept else None
    except ContractError:
        return None  # damage


@dataclass(frozen=True, slots=True)
class Order:
    """What to export: from where, whose, which batches, when (ms UTC)."""

    source: Source
    origin: Origin
    choice: Choice
    now_ms: int
    with_status: bool = True

    @property
    def epoch(self) -> str:
        """Name the outbox; raises StoreError when damage has taken its name."""
        epoch = self.source.meta("epoch") or ""
        if not EPOCH.fullmatch(epoch):
            raise StoreError(
                f"{self.source.path}: its name (epoch) is gone: nothing can be carried"
            )
        return epoch

    def count(self) -> tuple[int, int]:
        """Count batches and bytes to be carried."""
        batches = size = 0
        for entry in self.source.entries(self.choice):
            batches, size = batches + 1, size + entry.size
        return batches, size

    def letter(self) -> Letter:
        """Write what goes into every file beside batches."""
        inventory = self.origin.inventory
        status = None
        if self.with_status:
            told = self.source.figures()
            status = Status(state="offline", at=self.origin.at_ms, software=software(), outbox=told)
        return Letter(
            inventory=messages.encode(inventory) if inventory else None,
            status=messages.encode(status) if status else None,
        )


def export(order: Order, folder: Path, progress: Callable[[int, int], None]) -> Exported:
    """Write it all; `progress` is told of batches done and in all.

    Raises CarryError and StoreError.
    """
    batches, size = order.count()
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        progress(done, batches)

    stick = Stick(folder, order.letter(), step)
    stick.check_room(batches, size)
    files: list[Written] = []
    for portion in portions(order.source.entries(order.choice)):
        manifest = Manifest(
            format=FORMAT,
            version=VERSION,
            gateway=order.origin.gateway,
            epoch=order.epoch,
            ranges=ranges([entry.seq for entry in portion]),
            exported_at=order.now_ms,
            inventory_at=order.origin.at_ms,
        )
        files.append(stick.write(manifest, portion, order.source.payload))
    return Exported(files, order.source.pending())
