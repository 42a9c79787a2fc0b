"""How many bytes does a reading cost on the wire? Our batches, and how the peers would send it.

A simulated station-day of 20 channels goes as hours and as a day; every payload is read back.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from benchmarks.wire_suite import ours
from benchmarks.wire_suite.measure import MINUTES_IN_HOUR, PEERS, Tally, add_day
from benchmarks.wire_suite.station import DAY_S, Station

NAME = "wire"
PROGRAM = f"bin/bench {NAME}"
HELD, NOT_HELD = 0, 1

# The wire contract's, payload only, bytes a reading.
TARGETS = {"hour_1min_b": 1.0, "hour_10min_b": 3.0, "day_1min_b": 0.7}
_KINDS = ("hour_1min", "hour_10min", "day_1min")

_ORIGIN_S = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
_YEAR_DAYS, _FIRST_DAY = 365, 15  # January's weather has had time to reach the soil
_DIGITS = 3

_EPILOG = """\
Figures of the JSON line, bytes a reading over all windows of all days: hour_1min_b, hour_10min_b
and day_1min_b are ours, worst_* our most costly window. senml_json_*, senml_cbor_*, thingsboard_*
and sparkplug_b_* are the same windows as such peers would send them at once, *_zlib_b each of their
messages compressed. encode_us and decode_us are our processor time a reading, for an hour of
1-minute rows, day_encode_us and day_decode_us for a day of them. It held when the first three are
within the contract's targets (1.0, 3.0, 0.7) and every payload gave back exactly what went in.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 0 when the targets hold and nothing came back changed, else 1."""
    options = _parser().parse_args(arguments)
    tally, figures = _measure(options)
    broken = [key for key, most in TARGETS.items() if figures[key] > most]
    for key in broken:
        print(f"NOT HELD: {key} {figures[key]:.4f} is over {TARGETS[key]:g}", file=sys.stderr)
    for one in tally.changed:
        print(f"NOT HELD: came back changed: {one}", file=sys.stderr)
    held = not broken and not tally.changed
    rounded = {key: round(value, _DIGITS) for key, value in figures.items()}
    told = {"name": NAME, "figures": rounded, "held": held}
    print(json.dumps(told) if options.json else _table(rounded))
    return HELD if held else NOT_HELD


def _table(figures: Mapping[str, float]) -> str:
    """Lay the figures out: a line for each way to send, a column for each window."""
    ways = ["", "worst_", *(f"{peer.name}_" for peer in PEERS)]
    lines = [f"{'bytes a reading':<20}" + "".join(f"{kind:>16}" for kind in _KINDS)]
    for way in ways:
        for zlibbed in ("", "_zlib"):
            keys = [f"{way}{kind}{zlibbed}_b" for kind in _KINDS]
            if keys[0] in figures:
                name = (way.rstrip("_") or "ours") + zlibbed
                lines.append(f"{name:<20}" + "".join(f"{figures[key]:>16.3f}" for key in keys))
    speed = f"{figures['encode_us']:g} to encode, {figures['decode_us']:g} to decode"
    of_day = f"of a day {figures['day_encode_us']:g} and {figures['day_decode_us']:g}"
    return "\n".join([*lines, f"us a reading of an hour: {speed}; {of_day}"])


def _measure(options: argparse.Namespace) -> tuple[Tally, dict[str, float]]:
    """Send days that are spread over a year, so that each season has its share."""
    tally = Tally()
    station = Station(options.seed, _ORIGIN_S, options.noise)
    for number in range(options.days):
        day = station.day(_ORIGIN_S + DAY_S * (_FIRST_DAY + number * _YEAR_DAYS // options.days))
        add_day(tally, day)
    figures = tally.figures()
    for name, window in (("", day.hours(MINUTES_IN_HOUR)[0]), ("day_", day)):
        encode_us, decode_us = ours.cpu_us(window, time.process_time)
        figures |= {f"{name}encode_us": encode_us, f"{name}decode_us": decode_us}
    return tally, {key: figures[key] for key in TARGETS} | figures


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Count the bytes that a reading costs, ours and the peers' way.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--days", type=_count, default=12, metavar="N", help="days of a year (default: %(default)s)"
    )
    add("--seed", type=int, default=1, metavar="N", help="seed of the world (default: %(default)s)")
    add(
        "--noise",
        type=float,
        default=1.0,
        metavar="FACTOR",
        help="how much the instruments scatter, as a share of what was measured on real ones"
        " (default: %(default)s)",
    )
    add("--json", action="store_true", help="print one JSON line")
    return parser


def _count(text: str) -> int:
    number = int(text)
    if not 0 < number <= _YEAR_DAYS:
        raise argparse.ArgumentTypeError(f"{number} is not 1 to {_YEAR_DAYS}")
    return number


if __name__ == "__main__":
    sys.exit(main())
