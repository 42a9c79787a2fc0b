"""The sensor catalogue: one TOML file a sensor model says what to ask it and what its answers mean.

Data, not code: the gateway asks by it, the server checks and derives by it. The bundled files
(`models/`) are read once as package data; that is the only reading this package does.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from wire.catalogue.fields import Field, RegisterType, Statistic
from wire.catalogue.lines import Line
from wire.catalogue.modbus import Modbus
from wire.catalogue.model import Derived, Protocol, SensorModel, Sentinel, check
from wire.catalogue.sdi12 import Sdi12
from wire.errors import ConfigError
from wire.toml_text import key_lines, nearest_line, parse

__all__ = [
    "Derived",
    "Field",
    "Line",
    "Modbus",
    "Protocol",
    "RegisterType",
    "Sdi12",
    "SensorModel",
    "Sentinel",
    "Statistic",
    "bundled",
    "parse_model",
]


def parse_model(text: str, source: str) -> SensorModel:
    """Read one catalogue file; raises ConfigError saying what is wrong with it, and where."""
    model = parse(text, SensorModel, source)
    for problem in check(model):
        raise ConfigError(source, problem.message, nearest_line(key_lines(text), problem.path))
    return model


@cache
def bundled() -> Mapping[str, SensorModel]:
    """All models that ship with Saxaul, by model name."""
    models = [
        parse_model(entry.read_text(encoding="utf-8"), entry.name)
        for entry in sorted((files(__name__) / "models").iterdir(), key=lambda item: item.name)
        if entry.name.endswith(".toml")
    ]
    return {one.model: one for one in models}
