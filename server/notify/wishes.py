"""What somebody asks to be told, checked: each refusal says what is wrong and what to write."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection, select

from server.alerts.condition import Severity
from server.alerts.kinds import KINDS
from server.db.tables import site, thing
from server.notify.channels.offer import CHANNELS, Policy, require_address
from server.notify.sending.quiet_hours import DAY_MINUTES
from server.words.languages import LANGUAGES
from wire.errors import ConfigError

MODES = ("immediate", "daily", "weekly")
MOST_PER_DAY = 200
_LAST_TURN = 9

_NO_POLICY = Policy()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What to tell, where, and how. None filters nothing; quiet hours are minutes of the day."""

    address: str
    channel: str = "email"
    name: str = ""
    language: str = "en"
    time_zone: str = "UTC"
    quiet_from: int | None = None
    quiet_until: int | None = None
    wake_for_critical: bool = False
    limit_per_day: int = 10
    site_key: str | None = None
    thing_id: int | None = None
    kind: str | None = None
    min_level: int = int(Severity.WARNING)
    mode: str = "immediate"
    turn: int = 0


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: an administrator may choose any channel; `policy` is what server.toml allows."""

    by_administrator: bool = False
    policy: Policy = _NO_POLICY


def check(connection: Connection, wish: Wish, asker: Asker) -> tuple[int | None, str]:
    """Check a wish; gives the id of its site, and its address as it is kept.

    Raises ConfigError naming what to write.
    """
    _check_choice("channel", wish.channel, CHANNELS)
    address = require_address(
        wish.channel, wish.address, asker.policy, by_administrator=asker.by_administrator
    )
    _check_choice("language", wish.language, tuple(LANGUAGES))
    _check_choice("mode", wish.mode, MODES)
    if wish.kind is not None:
        _check_choice("kind", wish.kind, tuple(KINDS))
    _check_zone(wish.time_zone)
    _check_quiet(wish)
    _check_numbers(wish)
    site_id = _site_id(connection, wish.site_key)
    _check_thing(connection, wish.thing_id, site_id)
    return site_id, address


def _check_choice(what: str, value: str, choices: Sequence[str]) -> None:
    if value in choices:
        return
    near = get_close_matches(value, choices, n=1)
    said = f"did you mean '{near[0]}'?" if near else f"choose one of {', '.join(choices)}"
    raise ConfigError(f"{what} '{value}'", f"there is no such {what}; {said}")


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(
            f"time zone '{name}'", "nobody knows it; write it as in Asia/Shanghai"
        ) from None


def _check_quiet(wish: Wish) -> None:
    ends = (wish.quiet_from, wish.quiet_until)
    if ends == (None, None):
        return
    if any(one is None or not 0 <= one < DAY_MINUTES for one in ends):
        raise ConfigError("quiet hours", "write both ends, as in 21:00 and 06:30")


def _check_numbers(wish: Wish) -> None:
    if wish.min_level not in (Severity.NOTICE, Severity.WARNING, Severity.CRITICAL):
        raise ConfigError("severity", "choose notice (1), warning (2) or critical (3)")
    if not 1 <= wish.limit_per_day <= MOST_PER_DAY:
        raise ConfigError("messages a day", f"write 1 to {MOST_PER_DAY}")
    if not 0 <= wish.turn <= _LAST_TURN:
        raise ConfigError("turn", f"write 0 (at once) to {_LAST_TURN}")


def _site_id(connection: Connection, key: str | None) -> int | None:
    if key is None:
        return None
    found = connection.execute(select(site.c.id).where(site.c.key == key)).scalar()
    if found is None:
        known = list(connection.execute(select(site.c.key).order_by(site.c.key)).scalars())
        said = f"known are {', '.join(known[:10])}" if known else "none has been announced yet"
        raise ConfigError(f"site '{key}'", f"there is no such site; {said}")
    return int(found)


def _check_thing(connection: Connection, thing_id: int | None, site_id: int | None) -> None:
    if thing_id is None:
        return
    where = connection.execute(select(thing.c.site_id).where(thing.c.id == thing_id)).scalar()
    if where is None or site_id not in (None, where):
        raise ConfigError(f"station {thing_id}", "there is none of that number at this site")
