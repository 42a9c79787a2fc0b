"""server.toml: one typed tree in which every key has a default, so that no file is needed.

Secrets are not written here; the environment carries them (SAXAUL_MQTT_PASSWORD, those of channels
such as SAXAUL_SMTP_PASSWORD, and SAXAUL_DATABASE_URL where the address holds a password).
"""

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import msgspec
from msgspec import Meta
from msgspec.inspect import Field, Metadata, StructType, type_info
from msgspec.structs import replace

from wire.errors import ConfigError
from wire.toml_text import parse

DATABASE_URL_VARIABLE = "SAXAUL_DATABASE_URL"
MQTT_PASSWORD_VARIABLE = "SAXAUL_MQTT_PASSWORD"  # noqa: S105 - the variable's name, not a password
SMTP_PASSWORD_VARIABLE = "SAXAUL_SMTP_PASSWORD"  # noqa: S105 - the variable's name, not a password
SMS_TOKEN_VARIABLE = "SAXAUL_SMS_TOKEN"  # noqa: S105 - the variable's name
TELEGRAM_TOKEN_VARIABLE = "SAXAUL_TELEGRAM_TOKEN"  # noqa: S105 - the variable's name
WEBHOOK_SECRET_VARIABLE = "SAXAUL_WEBHOOK_SECRET"  # noqa: S105 - the variable's name

# The chunk interval is chosen by the rows of the last days: they must still be there as rows.
_LEAST_COLUMNSTORE_DAYS = 7

Port = Annotated[int, Meta(ge=0, le=65535)]


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class DatabaseSection(_Section, frozen=True, kw_only=True):
    """Where readings are stored."""

    url: Annotated[
        str,
        Meta(
            min_length=1,
            description="SQLite file (sqlite:///saxaul.db, relative to the working directory) or "
            "PostgreSQL with TimescaleDB (postgresql://user@host/database). "
            "SAXAUL_DATABASE_URL in the environment goes before it; put a password there.",
        ),
    ] = "sqlite:///saxaul.db"
    columnstore_after_days: Annotated[
        int,
        Meta(
            ge=0,
            le=36_500,
            description="Readings older than this are compressed where TimescaleDB's Community "
            "edition runs, to less than a tenth; at least 7, or 0 for never. What comes late is "
            "stored all the same. Other databases keep rows.",
        ),
    ] = 30


class HttpSection(_Section, frozen=True, kw_only=True):
    """The live page and the API."""

    host: Annotated[
        str,
        Meta(
            min_length=1,
            description="Address to listen on. Anything but loopback is refused without "
            "--insecure-listen, because there is no access control yet.",
        ),
    ] = "127.0.0.1"
    port: Annotated[Port, Meta(description="Port to listen on; 0 takes any free one.")] = 8000
    ingest_port: Annotated[
        Port,
        Meta(
            description="The port for /healthz and /readyz of a process that only takes in "
            "(--role ingest)."
        ),
    ] = 8001


class MqttSection(_Section, frozen=True, kw_only=True):
    """The broker through which gateways speak."""

    embedded: Annotated[
        bool,
        Meta(
            description="Run a broker inside the server, on loopback. Set it to false to use "
            "a broker of your own, such as Mosquitto."
        ),
    ] = True
    host: Annotated[
        str, Meta(min_length=1, description="The broker's address; TLS is required off loopback.")
    ] = "127.0.0.1"
    port: Annotated[
        Port, Meta(description="The broker's port; 0 lets the embedded broker take any.")
    ] = 1883
    username: Annotated[
        str,
        Meta(
            description="User name at the broker; its password is SAXAUL_MQTT_PASSWORD in the "
            "environment."
        ),
    ] = ""
    tls: Annotated[bool, Meta(description="Speak TLS with the broker.")] = False
    ca_file: Annotated[
        str,
        Meta(description="Certificate authority of the broker; empty means the system's own."),
    ] = ""


class JournalSection(_Section, frozen=True, kw_only=True):
    """The batches as they came, from which readings can be computed anew (saxaul-server replay)."""

    pack_after_days: Annotated[
        int,
        Meta(
            ge=0,
            le=36_500,
            description="Batches older than this are packed: many are compressed together, which "
            "takes about half the room. They can be read and replayed all the same.",
        ),
    ] = 7
    keep_days: Annotated[
        int,
        Meta(
            ge=0,
            le=36_500,
            description="Batches older than this are removed; 0 keeps them for ever. Readings stay "
            "either way, but those of a removed batch can no longer be computed anew. What waits "
            "for its inventory is always kept.",
        ),
    ] = 3650


class RetentionSection(_Section, frozen=True, kw_only=True):
    """For how long readings are kept. What is coarser stays at least as long as what is finer."""

    raw_days: Annotated[
        int,
        Meta(
            ge=0,
            le=36_500,
            description="Readings older than this are removed once their hourly and daily values "
            "are computed; 0 keeps them for ever. Those of a station that comes back after a "
            "longer outage stay in the journal only: let it be longer than any outage. "
            "saxaul-server retention --dry-run tells what would go.",
        ),
    ] = 0
    hour_days: Annotated[
        int,
        Meta(
            ge=0,
            le=36_500,
            description="Hourly values (count, mean, extremes, sum) older than this are removed; "
            "0 keeps them for ever.",
        ),
    ] = 0
    day_days: Annotated[
        int,
        Meta(
            ge=0,
            le=36_500,
            description="Daily values older than this are removed; 0 keeps them for ever.",
        ),
    ] = 0


class RollupSection(_Section, frozen=True, kw_only=True):
    """Hourly and daily values, computed in the background when readings come or change."""

    share: Annotated[
        int,
        Meta(
            ge=1,
            le=100,
            description="How much of one processor core this may take, in percent. What is not "
            "computed yet is read from the readings, so that it is only slower to show. "
            "saxaul-server rollup computes all of it at once.",
        ),
    ] = 25


class NotifySection(_Section, frozen=True, kw_only=True):
    """How people are told of warnings; what no channel takes waits in the database."""

    base_url: Annotated[
        str,
        Meta(
            pattern=r"^(https?://[^\s/]+[^\s]*)?\Z",
            description="Under which address people reach this server, as in "
            "https://saxaul.example.org: it goes into messages, as links. Empty leaves links out.",
        ),
    ] = ""
    smtp_host: Annotated[
        str, Meta(description="The mail server that takes our mail. Empty: no mail is sent.")
    ] = ""
    smtp_port: Annotated[
        Port, Meta(description="Its port: 587 for starttls, 465 for tls, 25 on this machine.")
    ] = 587
    smtp_tls: Annotated[
        Literal["starttls", "tls", "none"],
        Meta(description='How the line is encrypted; "none" is refused off loopback.'),
    ] = "starttls"
    smtp_ca_file: Annotated[
        str,
        Meta(description="Certificate authority of the mail server; empty means the system's own."),
    ] = ""
    smtp_user: Annotated[
        str,
        Meta(
            description="User name there; its password is SAXAUL_SMTP_PASSWORD in the environment."
        ),
    ] = ""
    sender: Annotated[
        str,
        Meta(
            pattern=r"^([^@\s]+@[^@\s]+)?\Z",
            description="The address that mail comes from; the mail server must allow it.",
        ),
    ] = ""
    bounce_address: Annotated[
        str,
        Meta(
            pattern=r"^([^@+\s]{1,24}@[^@\s]+)?\Z",
            description="The address to which mail that cannot be delivered comes back, as in "
            "bounces@example.org; each mail gets one of its own, as in bounces+7-a1b2@example.org. "
            "What comes there is to be given to saxaul-server notify bounce. Empty: the sender's.",
        ),
    ] = ""
    sender_name: Annotated[
        str, Meta(min_length=1, max_length=60, description="The name beside it.")
    ] = "Saxaul"
    mails_per_minute: Annotated[
        int,
        Meta(ge=1, le=100_000, description="How fast mail is sent; a sixth of it at once."),
    ] = 600
    sms_url: Annotated[
        str,
        Meta(
            description="The address by which your provider takes SMS, with {to} and {text} where "
            "they go; its token is SAXAUL_SMS_TOKEN in the environment. Empty: none are sent."
        ),
    ] = ""
    sms_fields: Annotated[
        dict[str, str],
        Meta(description="What is posted there as JSON, with {to} and {text} where they go."),
    ] = {}
    gsm_port: Annotated[
        str, Meta(description="A GSM modem that sends SMS in its place, as /dev/ttyUSB0.")
    ] = ""
    sms_for_all: Annotated[
        bool,
        Meta(description="Whether anybody may choose SMS on the page; each of them costs."),
    ] = False
    push_hosts: Annotated[
        list[str],
        Meta(description="Names of push services in a network of your own; others must be public."),
    ] = []
    apprise: Annotated[
        bool,
        Meta(
            description="Send by Apprise's services as well; pip install 'saxaul[apprise]'. "
            "Telegram and webhooks need no key here but, in the environment, the bot's token "
            "(SAXAUL_TELEGRAM_TOKEN) and the secret that signs (SAXAUL_WEBHOOK_SECRET)."
        ),
    ] = False


class Settings(_Section, frozen=True, kw_only=True):
    """The whole of server.toml."""

    database: DatabaseSection = DatabaseSection()
    http: HttpSection = HttpSection()
    mqtt: MqttSection = MqttSection()
    journal: JournalSection = JournalSection()
    retention: RetentionSection = RetentionSection()
    rollup: RollupSection = RollupSection()
    notify: NotifySection = NotifySection()


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the command line sets in place of the file; None leaves the file's word."""

    database_url: str | None = None
    http_port: int | None = None
    mqtt_port: int | None = None


def load(path: Path | None, overrides: Overrides, environ: Mapping[str, str]) -> Settings:
    """Read the settings: defaults, then file, environment, command line.

    Raises ConfigError naming file, line and remedy.
    """
    source = str(path) if path else "settings"
    settings = parse(_read(path), Settings, source) if path else Settings()
    settings = _overridden(settings, overrides, environ)
    _check(settings, source)
    return settings


def mqtt_password(environ: Mapping[str, str]) -> str:
    """Read the broker's password; empty when there is none."""
    return environ.get(MQTT_PASSWORD_VARIABLE, "")


@dataclass(frozen=True, slots=True)
class NotifySecrets:
    """What channels are opened with; each is empty where there is none."""

    smtp_password: str = field(default="", repr=False)
    sms_token: str = field(default="", repr=False)
    telegram_token: str = field(default="", repr=False)
    webhook_secret: str = field(default="", repr=False)


def notify_secrets(environ: Mapping[str, str]) -> NotifySecrets:
    """Read the channels' secrets."""
    return NotifySecrets(
        environ.get(SMTP_PASSWORD_VARIABLE, ""),
        environ.get(SMS_TOKEN_VARIABLE, ""),
        environ.get(TELEGRAM_TOKEN_VARIABLE, ""),
        environ.get(WEBHOOK_SECRET_VARIABLE, ""),
    )


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine and reachable from this machine only."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(
            str(path), f"cannot be read: {why}; name another file with --config"
        ) from None


def _overridden(settings: Settings, given: Overrides, environ: Mapping[str, str]) -> Settings:
    url = given.database_url or environ.get(DATABASE_URL_VARIABLE)
    database, http, mqtt = settings.database, settings.http, settings.mqtt
    if url:
        database = replace(database, url=url)
    if given.http_port is not None:
        http = replace(http, port=given.http_port, ingest_port=given.http_port)
    if given.mqtt_port is not None:
        mqtt = replace(mqtt, port=given.mqtt_port)
    return replace(settings, database=database, http=http, mqtt=mqtt)


def _check(settings: Settings, source: str) -> None:
    _check_kept(settings, source)
    _check_told(settings.notify, source)
    mqtt = settings.mqtt
    if mqtt.embedded and not is_loopback(mqtt.host):
        raise ConfigError(
            source,
            f"mqtt.host '{mqtt.host}' is not on this machine, and the embedded broker listens on "
            "loopback only: set mqtt.embedded = false to use a broker elsewhere",
        )
    if mqtt.embedded and mqtt.tls:
        raise ConfigError(
            source, "mqtt.tls: the embedded broker has no TLS; set mqtt.embedded = false"
        )
    if not mqtt.embedded and not mqtt.tls and not is_loopback(mqtt.host):
        raise ConfigError(
            source,
            f"mqtt.host '{mqtt.host}' is not on this machine: set mqtt.tls = true "
            "(readings travel unencrypted only over loopback)",
        )
    if not mqtt.embedded and mqtt.port == 0:
        raise ConfigError(source, "mqtt.port 0 is for the embedded broker only; name the port")


def _check_told(told: NotifySection, source: str) -> None:
    if told.smtp_host and not told.sender:
        raise ConfigError(
            source, "notify.sender is empty: name the address that mail is to come from"
        )
    if told.smtp_host and told.smtp_tls == "none" and not is_loopback(told.smtp_host):
        raise ConfigError(
            source,
            f"notify.smtp_host '{told.smtp_host}' is not on this machine: set notify.smtp_tls to "
            "starttls or tls (mail travels unencrypted only over loopback)",
        )


def _check_kept(settings: Settings, source: str) -> None:
    after_days = settings.database.columnstore_after_days
    if 0 < after_days < _LEAST_COLUMNSTORE_DAYS:
        raise ConfigError(
            source,
            f"database.columnstore_after_days = {after_days} is too few: what still comes in would "
            f"be compressed; write {_LEAST_COLUMNSTORE_DAYS} or more, or 0 for never",
        )
    kept = settings.retention
    classes = (
        ("raw_days", kept.raw_days),
        ("hour_days", kept.hour_days),
        ("day_days", kept.day_days),
    )
    for (finer, least), (coarser, days) in pairwise(classes):
        if days and (not least or days < least):
            raise ConfigError(
                source,
                f"retention.{coarser} = {days} is shorter than retention.{finer} = {least}"
                f"{'' if least else ' (for ever)'}: keep what is coarser at least as long",
            )


def example() -> str:
    """Write the commented server.toml, with every key at its default."""
    head = "# server.toml. Every key is optional; what stands here is the default."
    return "\n".join([head, *_sections()]) + "\n"


def _sections() -> Iterator[str]:
    for section in cast("StructType", type_info(Settings)).fields:
        struct = cast("StructType", section.type)
        yield f"\n# {struct.cls.__doc__}\n[{section.encode_name}]"
        for key in struct.fields:
            yield from textwrap.wrap(
                _description(key), 96, initial_indent="# ", subsequent_indent="# "
            )
            yield f"{key.encode_name} = {_literal(_default(key))}"


def _description(field: Field) -> str:
    metadata = cast("Metadata", field.type)
    return str((metadata.extra_json_schema or {})["description"])


def _default(key: Field) -> Any:
    """Give a key's default; lists and tables are made anew each time."""
    return key.default if key.default is not msgspec.NODEFAULT else key.default_factory()


def _literal(value: Any) -> str:
    return msgspec.json.encode(value).decode()
