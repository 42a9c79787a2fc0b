"""ThingsBoard's gateway telemetry, `v1/gateway/telemetry`: rows of key and value by device.

    {"dune-1":[{"ts":1767225660000,"values":{"air_temperature":-7.1}}]}

Source: thingsboard.io/docs/reference/gateway-api/telemetry. Keys are as short as they can be
without two channels of a device sharing one; a key stands in every row.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal

from benchmarks.wire_suite.window import Channel, Codec, Readings, Window, json_number


def write(window: Window) -> list[bytes]:
    """Write the window as one message."""
    keys = _keys(window.channels)
    devices = {
        device: [
            {
                "ts": time_ms,
                "values": {key: json_number(window.values[name][i]) for key, name in own.items()},
            }
            for i, time_ms in enumerate(window.times_ms)
        ]
        for device, own in keys.items()
    }
    return [json.dumps(devices, separators=(",", ":")).encode()]


def read(payload: bytes, channels: Sequence[Channel]) -> Readings:
    """Read a message back."""
    keys = _keys(channels)
    out: dict[str, list[tuple[int, Decimal]]] = {}
    for device, rows in json.loads(payload, parse_float=Decimal).items():
        for row in rows:
            for key, value in row["values"].items():
                out.setdefault(keys[device][key], []).append((row["ts"], Decimal(value)))
    return out


def _keys(channels: Sequence[Channel]) -> Mapping[str, Mapping[str, str]]:
    """Give by device (our thing) the channel's name by key: the property, or sensor/property."""
    owners: dict[str, list[str]] = {}
    for channel in channels:
        owners.setdefault(channel.name.partition("/")[0], []).append(channel.name)
    return {device: _short(names) for device, names in owners.items()}


def _short(names: Sequence[str]) -> Mapping[str, str]:
    times = Counter(name.rpartition("/")[2] for name in names)
    out = {}
    for name in names:
        prop = name.rpartition("/")[2]
        out[prop if times[prop] == 1 else name.partition("/")[2]] = name
    return out


CODEC = Codec("thingsboard", write, read)
