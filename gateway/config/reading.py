"""Reading gateway.toml without touching hardware: all of it, or what of it can be used."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from gateway.config.faults import Fault, find_faults, in_order
from gateway.config.fitting import Fitting, fit
from gateway.config.sections import (
    BusSection,
    CatalogueSection,
    ClockSection,
    Config,
    GatewaySection,
    ThingSection,
)
from wire.errors import ConfigError
from wire.toml_text import Path as KeyPath
from wire.toml_text import key_lines, misfits, nearest_line, parse, tree_of


class SettingsError(ConfigError):
    """Settings that cannot be used as they stand: every fault of the file, a line each."""

    def __init__(self, source: str, faults: Sequence[object], line: int | None = None) -> None:
        """Tell all `faults`; each names the file, the line and the remedy. `line`: of the first."""
        super().__init__(source, "cannot be used", line)
        self.args = ("\n".join(str(fault) for fault in faults),)


class _FolderOnly(msgspec.Struct, frozen=True):
    catalogue: CatalogueSection = CatalogueSection()


class _OwnOnly(msgspec.Struct, frozen=True):
    gateway: GatewaySection
    clock: Any = None


@dataclass(frozen=True, slots=True)
class Own:
    """Whose a gateway.toml is, where its outbox is, and when it believes its clock."""

    gateway: GatewaySection
    clock: ClockSection


def load(path: Path) -> Config:
    """Read gateway.toml; raises ConfigError naming file, line and remedy of every fault."""
    config, faults = read(path)
    if faults:
        raise SettingsError(str(path), faults, faults[0].line)
    return config


def load_valid(path: Path) -> tuple[Config, list[Fault]]:
    """Read gateway.toml without the sensors that cannot be read, and what is wrong with those.

    Raises ConfigError for faults of the whole file, and when no sensor is left and no page, on
    which it could be mended.
    """
    config, faults = read(path)
    is_refused = any(fault.bus is None and not fault.may_start for fault in faults)
    if is_refused or not (config.bus or config.page.listen):
        raise SettingsError(str(path), faults, faults[0].line)
    return config, faults


def read(path: Path) -> tuple[Config, list[Fault]]:
    """Read what can be used of gateway.toml, maybe without any bus, and find all its faults.

    Raises ConfigError for a file that is no TOML, or that has keys or values of no known sort
    elsewhere than in a bus.
    """
    source, text = str(path), _text_of(path)
    fitting = _fitting(text, source)
    config = _placed(msgspec.convert(fitting.tree, Config), path)
    faults = [
        one
        for one in find_faults(config, config.models, source, fitting.lines, fitting.faults)
        if (one.bus, one.sensor) not in fitting.refused
    ]
    refused = {*fitting.refused, *((fault.bus, fault.sensor) for fault in faults)}
    usable = msgspec.structs.replace(
        config, bus=list(_usable(config, refused)), thing=list(_things(config))
    )
    return usable, in_order([*fitting.faults, *faults])


def line_of(source: str, key: KeyPath) -> int | None:
    """Find the line of a key, or of the table nearest above it; None without such a file."""
    try:
        return nearest_line(key_lines(Path(source).read_text(encoding="utf-8")), key)
    except (OSError, UnicodeDecodeError):
        return None


def own_of(path: Path, fault: ConfigError) -> Own:
    """Read whose a gateway.toml is, whatever else is wrong with it; raises `fault` without that."""
    try:
        found = parse(_text_of(path), _OwnOnly, str(path))
    except ConfigError:
        raise fault from None
    clock = ClockSection()
    with suppress(msgspec.ValidationError):
        clock = msgspec.convert(found.clock or {}, ClockSection)
    return Own(found.gateway, clock)


def catalogue_folder(path: Path) -> Path | None:
    """Find the folder of one's own models; None without one, or without gateway.toml.

    Whatever else may be wrong in gateway.toml: this is asked in order to mend it.
    """
    if not path.is_file():
        return None
    folder = parse(path.read_text(encoding="utf-8"), _FolderOnly, str(path)).catalogue.folder
    return path.absolute().parent / folder if folder else None


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            str(path), f"cannot be read: {error.strerror}; name another file with --config"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(str(path), "is no text in UTF-8; save it as UTF-8") from None


def _fitting(text: str, source: str) -> Fitting:
    tree = tree_of(text, source)
    found = misfits(tree, text, Config)
    fitting = fit(tree, found, key_lines(text), source)
    if fitting is None:
        told = [ConfigError(source, one.message, one.line) for one in found]
        raise SettingsError(source, told, told[0].line)
    return fitting


def _placed(config: Config, path: Path) -> Config:
    """Name the folder of models from anywhere, not only from where the file is."""
    folder = config.catalogue.folder
    if not folder:
        return config
    placed = CatalogueSection(folder=str(path.absolute().parent / folder))
    return msgspec.structs.replace(config, catalogue=placed)


def _usable(
    config: Config, refused: Collection[tuple[int | None, int | None]]
) -> Iterator[BusSection]:
    """Leave out every bus and every sensor that is refused, and a bus of which none is left."""
    for at, bus in enumerate(config.bus):
        sensors = [one for index, one in enumerate(bus.sensor) if (at, index) not in refused]
        if sensors and (at, None) not in refused:
            yield msgspec.structs.replace(bus, sensor=sensors)


def _things(config: Config) -> Iterator[ThingSection]:
    """Give each thing once: of those that share an id, what they agree on."""
    found: dict[str, ThingSection] = {}
    for one in config.thing:
        known = found.setdefault(one.id, one)
        found[one.id] = msgspec.structs.replace(
            known,
            name=one.name if known.name == one.name else one.id,
            lat=one.lat if known.lat == one.lat else None,
            lon=one.lon if known.lon == one.lon else None,
            elevation_m=one.elevation_m if known.elevation_m == one.elevation_m else None,
        )
    yield from found.values()
