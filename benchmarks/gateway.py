"""A gateway's week of faults in virtual time, 20 sensors on 3 buses: memory and wrong values.

The gateway's own drivers, pollers, sampling and outbox work in a process of their own, together
with the simulated instruments, in a time that only waiting moves on; this process holds every
sealed value to what the instruments said.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import Progress, TaskID

from benchmarks.bench.command import count, run, say
from benchmarks.gateway_suite.audit import Audit
from benchmarks.gateway_suite.events import Event, Said, Sealed, Turned
from benchmarks.gateway_suite.figures import Found, broken_limits, figures
from benchmarks.gateway_suite.station import BEGAN_S, HOUR_S, instruments, unplugged
from deploy.errors import SetupError
from wire.catalogue import bundled

NAME = "gateway"
_WEEK_H = 168
# By then each part of the program has run once, faults and the outbox's own caches included; a
# shorter run is measured from its middle.
_WARM_H = 24
_MEMORY_FILES = Path("/dev/shm")
_ROOT = Path(__file__).parent.parent
_TOLD_CHARACTERS = 2000

_EPILOG = """\
rss_start_mb, rss_end_mb: memory of the process (10^6 bytes) that holds the gateway AND the
simulated instruments, after a day (in a shorter run: half of it) and at the end; at most 50, and
rss_growth_percent at most 2. The MQTT connection is loaded but not used. slots_late: slots that
hold no value, or one asked for over half a minute after its instant, of sensors that nothing ails;
0. After each fault one back-off step is left to recover in. wrong: sealed values that the
instrument did not say in that slot; of talkers, that are not the statistic of the lines of that
interval; 0. cpu_us_per_reading: processor time of the gateway, from bytes to the sealed and
confirmed batch, without the driver of a real port and without the simulator, by readings.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; see `benchmarks.bench.command.run` for the exit code."""
    options = _options().parse_args(arguments)
    return run(NAME, options, lambda: _measure(options.hours), broken_limits)


def _measure(hours: int) -> dict[str, float]:
    audit = Audit(instruments(), unplugged(), bundled())
    turns = []
    with _playing(hours) as lines, _progress(hours) as (bar, task):
        decoder = msgspec.json.Decoder(Event)
        for line in lines:
            event = decoder.decode(line)
            if isinstance(event, Said):
                audit.hear(event)
            elif isinstance(event, Sealed):
                audit.judge(event)
            else:
                turns.append(event)
                bar.update(task, completed=(event.at_ms / 1000 - BEGAN_S) / HOUR_S)
    audit.end(turns[-1].at_ms)
    for complaint in audit.complaints:
        say(complaint)
    return figures(_found(audit, turns, hours))


def _found(audit: Audit, turns: Sequence[Turned], hours: int) -> Found:
    warm_ms = round(1000 * (BEGAN_S + min(_WARM_H, hours / 2) * HOUR_S))
    return Found(
        hours=hours,
        rss_start_mb=next(one.rss_mb for one in turns if one.at_ms >= warm_ms),
        rss_end_mb=turns[-1].rss_mb,
        cpu_s=turns[-1].cpu_s,
        readings=audit.readings,
        missing=audit.missing,
        slots_late=audit.slots_late,
        wrong=audit.wrong,
    )


@contextmanager
def _playing(hours: int) -> Iterator[Iterator[bytes]]:
    """Run the station; gives its events. Its outbox is in memory, where the machine has that."""
    place = _MEMORY_FILES if _MEMORY_FILES.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="saxaul-gateway-", dir=place) as folder:
        log = Path(folder) / "log"
        command = [sys.executable, "-m", "benchmarks.gateway_suite.play", str(hours), folder]
        with (
            log.open("wb") as heard,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=heard, cwd=_ROOT) as process,
        ):
            try:
                yield iter(process.stdout or ())
                if process.wait() != 0:
                    raise SetupError(f"the station broke off: {_end_of(log)}")
            finally:
                process.kill()  # it has ended, or is not wanted any more


def _end_of(log: Path) -> str:
    return log.read_text(encoding="utf-8")[-_TOLD_CHARACTERS:]


@contextmanager
def _progress(hours: int) -> Iterator[tuple[Progress, TaskID]]:
    """Show how far it is, to a person."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        yield bar, bar.add_task("simulated hours", total=hours)


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"bin/bench {NAME}",
        description="Let a gateway live through a week of faults, and account for every value.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON line on standard output"
    )
    parser.add_argument(
        "--hours",
        type=count,
        default=_WEEK_H,
        help="simulated hours (default: a week, which takes some minutes)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
