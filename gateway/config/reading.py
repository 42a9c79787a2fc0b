"""Reading gateway.toml without touching hardware: all of it, or what of it can be used."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from gateway.config.faults import Fault, find_faults
from gateway.config.sections import BusSection, CatalogueSection, Config
from wire.errors import ConfigError
from wire.toml_text import faults as misfits
from wire.toml_text import key_lines, parse


class SettingsError(ConfigError):
    """Settings that cannot be used as they stand: every fault of the file, a line each."""

    def __init__(self, source: str, faults: Sequence[object], line: int | None = None) -> None:
        """Tell all `faults`; each names the file, the line and the remedy. `line`: of the first."""
        super().__init__(source, "cannot be used", line)
        self.args = ("\n".join(str(fault) for fault in faults),)


class _FolderOnly(msgspec.Struct, frozen=True):
    catalogue: CatalogueSection = CatalogueSection()


def load(path: Path) -> Config:
    """Read gateway.toml; raises ConfigError naming file, line and remedy of every fault."""
    config, faults = read(path)
    if faults:
        raise SettingsError(str(path), faults, faults[0].line)
    return config


def load_valid(path: Path) -> tuple[Config, list[Fault]]:
    """Read gateway.toml without the sensors that cannot be read, and what is wrong with those.

    Raises ConfigError for faults of the whole file, and when no sensor is left.
    """
    config, faults = read(path)
    if not config.bus or any(fault.bus is None for fault in faults):
        raise SettingsError(str(path), faults, faults[0].line)
    return config, faults


def read(path: Path) -> tuple[Config, list[Fault]]:
    """Read what can be used of gateway.toml, maybe without any bus, and find all its faults.

    Raises ConfigError for a file that is no TOML, or that has keys or values of no known sort.
    """
    source, text = str(path), _text_of(path)
    config = _placed(_parsed(text, source), path)
    faults = find_faults(config, config.models, source, key_lines(text))
    return msgspec.structs.replace(config, bus=list(_usable(config, faults))), faults


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


def _parsed(text: str, source: str) -> Config:
    try:
        return parse(text, Config, source)
    except ConfigError as error:
        faults = misfits(text, Config, source) or [error]
        raise SettingsError(source, faults, error.line) from None


def _placed(config: Config, path: Path) -> Config:
    """Name the folder of models from anywhere, not only from where the file is."""
    folder = config.catalogue.folder
    if not folder:
        return config
    placed = CatalogueSection(folder=str(path.absolute().parent / folder))
    return msgspec.structs.replace(config, catalogue=placed)


def _usable(config: Config, faults: Sequence[Fault]) -> Iterator[BusSection]:
    """Leave out every bus and every sensor that is refused, and a bus of which none is left."""
    refused = {(fault.bus, fault.sensor) for fault in faults}
    for at, bus in enumerate(config.bus):
        sensors = [one for index, one in enumerate(bus.sensor) if (at, index) not in refused]
        if sensors and (at, None) not in refused:
            yield msgspec.structs.replace(bus, sensor=sensors)
