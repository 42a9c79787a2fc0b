"""A commented gateway.toml, generated from the configuration's own types."""

import inspect
from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Any

import msgspec

from gateway.config import (
    BusSection,
    CatalogueSection,
    ClockSection,
    GatewaySection,
    OutboxSection,
    PageSection,
    SensorSection,
    ThingSection,
    UplinkSection,
)

_WIDTH = 96

# What the example says where no default does; for a key with a default, it shows what it may be.
_EXAMPLES: Mapping[type[msgspec.Struct], Mapping[str, str]] = {
    GatewaySection: {"id": '"kubuqi-dune"', "site": '"kubuqi-north"'},
    UplinkSection: {
        "heartbeat_s": "60.0",
        "daily_mb": "5.0",
        "send_between": '["05:00-06:00", "17:30-18:00"]',
    },
    CatalogueSection: {"folder": '"models"'},
    PageSection: {"listen": '"127.0.0.1:8080"'},
    ThingSection: {
        "id": '"dune-1"',
        "name": '"Dune 1, straw checkerboard"',
        "lat": "40.6",
        "lon": "108.9",
        "elevation_m": "1060.0",
    },
    BusSection: {
        "id": '"sdi"',
        "port": '"/dev/serial/by-id/usb-SDI-12_adapter-if00"',
        "protocol": '"sdi12"',
        "baud": "9600",
        "frame": '"8N1"',
    },
    SensorSection: {
        "id": '"soil-10cm"',
        "thing": '"dune-1"',
        "model": '"METER TEROS 12"',
        "address": '"1"',
        "depth_m": "0.1",
        "height_m": "2.0",
        "sample_s": "60.0",
        "reference_m": "2.013",
    },
}

# Optional by type, for some sensors have none; the one in the example needs them.
_MOSTLY_NEEDED = {"address", "depth_m"}
_TABLES_WITHIN = {"sensor"}

_TABLES: tuple[tuple[str, type[msgspec.Struct], str], ...] = (
    ("[gateway]", GatewaySection, ""),
    ("[clock]", ClockSection, ""),
    ("[uplink]", UplinkSection, ""),
    ("[outbox]", OutboxSection, ""),
    ("[catalogue]", CatalogueSection, ""),
    ("[page]", PageSection, ""),
    ("[[thing]]", ThingSection, ""),
    ("[[bus]]", BusSection, ""),
    ("[[bus.sensor]]", SensorSection, "  "),
)

_HEAD = """\
# gateway.toml: what this gateway is and what is attached to it.
# Keys that begin with '# ' are optional and show their default, or an example.
# The broker's password is not written here: set SAXAUL_MQTT_PASSWORD for the service.
"""


def example() -> str:
    """Write the file: valid as it stands, every key in it."""
    parts = [_HEAD, *("\n".join(_table(*table)) + "\n" for table in _TABLES)]
    return "\n".join(parts)


def _table(header: str, section: type[msgspec.Struct], indent: str) -> Iterator[str]:
    words = " ".join((inspect.getdoc(section) or "").split())
    for line in wrap(words, _WIDTH):
        yield f"{indent}# {line}"
    yield f"{indent}{header}"
    examples = _EXAMPLES.get(section, {})
    for field in msgspec.structs.fields(section):
        if field.name in _TABLES_WITHIN:
            continue
        mark = "" if field.required or field.name in _MOSTLY_NEEDED else "# "
        value = examples.get(field.name) or _toml(field.default)
        yield f"{indent}{mark}{field.name} = {value}"


def _toml(value: Any) -> str:
    """Write a default as TOML; JSON's way of writing text, numbers and truth is TOML's too."""
    return msgspec.json.encode(value).decode()
