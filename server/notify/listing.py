"""A list of people in a CSV file, entered by an administrator who has their consent."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO

from sqlalchemy import Connection

from server.alerts.condition import Severity
from server.notify.wishes import Asker, Wish, check
from wire.errors import ConfigError

COLUMNS = (
    *("address", "name", "channel", "language", "time_zone", "quiet_from", "quiet_until"),
    *("wake_for_critical", "limit_per_day", "site", "kind", "min_level", "mode", "turn"),
)
_LEVELS = {level.name.lower(): int(level) for level in Severity if level}
_TRUE, _FALSE = ("yes", "true", "1"), ("no", "false", "0", "")


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of a list, by its number in the file, and what it asks for."""

    line: int
    wish: Wish


def read_list(text: str, source: str) -> list[Listed]:
    """Read a list; raises ConfigError naming the first line that cannot be used."""
    reader = csv.DictReader(StringIO(text.removeprefix("\ufeff")))
    names = tuple(name.strip() for name in reader.fieldnames or ())
    unknown = [name for name in names if name not in COLUMNS]
    if "address" not in names or unknown:
        what = f"column '{unknown[0]}' is unknown" if unknown else "there is no column 'address'"
        raise ConfigError(source, f"{what}; the first line names some of {', '.join(COLUMNS)}")
    reader.fieldnames = list(names)
    found = list(_lines(reader, source))
    if not found:
        raise ConfigError(source, "there is nobody in it; write one person a line")
    return found


def check_list(connection: Connection, listed: Sequence[Listed], source: str, asker: Asker) -> None:
    """Check all of a list before any of it is entered; raises ConfigError naming the line."""
    for one in listed:
        try:
            check(connection, one.wish, asker)
        except ConfigError as error:
            raise ConfigError(f"{source}, line {one.line}", str(error)) from None


def minute_of(text: str) -> int | None:
    """Read a time of day such as 21:30 as a minute of the day; "" is none."""
    if not text:
        return None
    hour, colon, minute = text.partition(":")
    if not (colon and hour.isdecimal() and minute.isdecimal() and len(minute) == 2):
        raise ConfigError(f"time '{text}'", "write it as in 21:30")
    if int(hour) > 23 or int(minute) > 59:
        raise ConfigError(f"time '{text}'", "a day goes from 00:00 to 23:59")
    return int(hour) * 60 + int(minute)


def level_of(text: str) -> int:
    """Read notice, warning or critical."""
    if text not in _LEVELS:
        raise ConfigError(f"severity '{text}'", f"choose one of {', '.join(_LEVELS)}")
    return _LEVELS[text]


def _lines(reader: "csv.DictReader[str]", source: str) -> Iterator[Listed]:
    for row in reader:
        values = {name: (text or "").strip() for name, text in row.items() if name is not None}
        if not any(values.values()):
            continue
        try:
            yield Listed(reader.line_num, _wish({k: v for k, v in values.items() if v}))
        except ConfigError as error:
            raise ConfigError(f"{source}, line {reader.line_num}", str(error)) from None


def _wish(given: dict[str, str]) -> Wish:
    return Wish(
        address=given.get("address", ""),
        channel=given.get("channel", "email"),
        name=given.get("name", ""),
        language=given.get("language", "en"),
        time_zone=given.get("time_zone", "UTC"),
        quiet_from=minute_of(given.get("quiet_from", "")),
        quiet_until=minute_of(given.get("quiet_until", "")),
        wake_for_critical=_truth(given.get("wake_for_critical", "")),
        limit_per_day=_number("limit_per_day", given.get("limit_per_day", "10")),
        site_key=given.get("site"),
        kind=given.get("kind"),
        min_level=level_of(given.get("min_level", "warning")),
        mode=given.get("mode", "immediate"),
        turn=_number("turn", given.get("turn", "0")),
    )


def _truth(text: str) -> bool:
    if text.lower() not in (*_TRUE, *_FALSE):
        raise ConfigError(f"wake_for_critical '{text}'", "write yes or no")
    return text.lower() in _TRUE


def _number(what: str, text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 6:
        raise ConfigError(f"{what} '{text}'", "write a whole number")
    return int(text)
