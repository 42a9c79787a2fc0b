"""What the outbox knows of the server: how much it has confirmed, and how long ago."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from gateway.config import Config
from gateway.doctor.finding import Finding, failed, fine, look
from gateway.doctor.standing import Standing, read_standing
from gateway.errors import StoreError
from gateway.outbox.lock import DataDirLock
from gateway.outbox.schema import FILE_NAME

# Batches wait this many times their usual pace before somebody should look.
_PATIENCE = 10
_LEAST_PATIENCE_S = 600.0


def check_receipts(config: Config, now_ms: int) -> Iterator[Finding]:
    """Look at the outbox, also beside a running gateway; changes nothing."""
    data_dir = Path(config.gateway.data_dir)
    path = data_dir / FILE_NAME
    if not path.exists():
        yield look("outbox", f"{path} is not there yet", "start the gateway, then ask again")
        return
    yield _running(data_dir)
    try:
        now = read_standing(data_dir)
    except StoreError as error:
        yield failed("outbox", str(error), "restart the gateway; see 'the outbox is damaged'")
        return
    yield _confirmed(config, now_ms, now)
    yield from _gone(now.refused, now.lost, now.dropped)


def _running(data_dir: Path) -> Finding:
    try:
        DataDirLock(data_dir).close()
    except StoreError:
        return fine("gateway", "it is running")
    return look("gateway", "it is not running", "sudo systemctl start saxaul-gateway")


def _confirmed(config: Config, now_ms: int, now: Standing) -> Finding:
    uplink = config.uplink
    newest_ms, oldest_ms = now.stored_at_ms, now.oldest_ms
    since = "never" if newest_ms is None else f"last at {_utc(newest_ms)}"
    told = (
        f"{now.unconfirmed} batches and {now.pending} readings more wait for the server, which has "
        f"confirmed {since}"
    )
    patience_s = max(_LEAST_PATIENCE_S, _PATIENCE * uplink.batch_every_s)
    late = oldest_ms is not None and now_ms - oldest_ms > patience_s * 1000
    if late and uplink.send_between:
        return look("receipts", f"{told}; it sends {', '.join(uplink.send_between)} UTC", "wait")
    if late:
        return failed(
            "receipts",
            f"{told}; the oldest since {_utc(oldest_ms or 0)}",
            "if the broker is well, look at the server (saxaul-server ledger there)",
        )
    if newest_ms is None:
        return look("receipts", told, "leave it running for some minutes, then ask again")
    return fine("receipts", told)


def _gone(refused: int, lost: int, dropped: int) -> Iterator[Finding]:
    if refused:
        yield failed(
            "refused batches",
            f"the server refuses {refused} batches",
            "saxaul-gateway outbox says why; keep this card",
        )
    if lost or dropped:
        yield failed(
            "lost readings",
            f"{lost + dropped} readings were given up for want of room",
            "raise outbox.max_mb or see to the disk's room",
        )


def _utc(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
