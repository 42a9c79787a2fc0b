"""The sensor catalogue: one TOML file a sensor model says what to ask it and what its answers mean.

Data, not code: the gateway asks by it, the server checks and derives by it. The bundled files
(`models/`) are read once as package data; that is the only reading this package does.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files

from wire.catalogue.fields import Field, RegisterType, Statistic, WordOrder
from wire.catalogue.lines import Line
from wire.catalogue.modbus import Modbus
from wire.catalogue.model import Borrowed, Derived, Protocol, SensorModel, Sentinel, check
from wire.catalogue.sdi12 import Layout, Sdi12
from wire.errors import ConfigError
from wire.toml_text import faults as toml_faults
from wire.toml_text import key_lines, nearest_line, parse

__all__ = [
    "Borrowed",
    "Derived",
    "Field",
    "Layout",
    "Line",
    "Modbus",
    "Protocol",
    "RegisterType",
    "Sdi12",
    "SensorModel",
    "Sentinel",
    "Statistic",
    "WordOrder",
    "bundled",
    "faults",
    "parse_model",
]


def parse_model(text: str, source: str) -> SensorModel:
    """Read one catalogue file; raises ConfigError saying what is wrong with it, and where."""
    model = parse(text, SensorModel, source)
    for error in _faults_of(model, text, source):
        raise error
    return model


def faults(text: str, source: str) -> list[ConfigError]:
    """Find all that is wrong with a catalogue file, in the order of its lines.

    What its values mean is looked at once all its keys are right.
    """
    found = toml_faults(text, SensorModel, source)
    if not found:
        found = list(_faults_of(parse(text, SensorModel, source), text, source))
    return sorted(found, key=lambda error: error.line or 0)


def _faults_of(model: SensorModel, text: str, source: str) -> Iterator[ConfigError]:
    lines = key_lines(text)
    for problem in check(model):
        yield ConfigError(source, problem.message, nearest_line(lines, problem.path))


@cache
def bundled() -> Mapping[str, SensorModel]:
    """All models that ship with Saxaul, by model name."""
    models = [
        parse_model(entry.read_text(encoding="utf-8"), entry.name)
        for entry in sorted((files(__name__) / "models").iterdir(), key=lambda item: item.name)
        if entry.name.endswith(".toml")
    ]
    return {one.model: one for one in models}
