"""The models a gateway knows: the bundled ones, and those in a folder of its own.

A model of one's own is a catalogue file as the bundled ones are; docs/howto/add-a-sensor.md.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

from wire.catalogue import SensorModel, bundled, parse_model
from wire.errors import ConfigError

SUFFIX = ".toml"
_TELLING = 3  # letters; fewer are in too many names


def known_models(folder: Path | None) -> Mapping[str, SensorModel]:
    """Give all models by name; raises ConfigError for a file that is wrong, or a name twice.

    A model of the folder goes before a bundled one of its name: a newer Saxaul that brings such a
    one must not stop a station. `catalogue check` advises against it, for the server knows that
    name by other fields.
    """
    if folder is None:
        return bundled()
    return _read(files_in(folder))


def files_in(folder: Path) -> tuple[tuple[str, str], ...]:
    """Read the catalogue files of a folder, in the order of their names: path and text of each."""
    try:
        paths = sorted(one for one in folder.iterdir() if one.suffix == SUFFIX)
        return tuple((str(path), read_text(path)) for path in paths)
    except OSError as error:
        raise ConfigError(
            str(folder),
            f"the folder of models cannot be read: {error.strerror}; make it, or take 'folder' "
            "out of [catalogue] in gateway.toml",
        ) from None


def read_text(path: Path) -> str:
    """Read a file a person wrote; raises ConfigError when it cannot be."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(str(path), f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(str(path), "is no text in UTF-8; save it as UTF-8") from None


def likely(name: str, models: Iterable[str]) -> str:
    """Offer the model that a name was probably meant to be, for the end of a message."""
    lower = {one.lower(): one for one in models}
    close = get_close_matches(name.lower(), lower, n=1) or [
        one for one in lower if len(name) >= _TELLING and name.lower() in one
    ]
    return f" (did you mean '{lower[close[0]]}'?)" if close else ""


@lru_cache(maxsize=1)
def _read(files: tuple[tuple[str, str], ...]) -> Mapping[str, SensorModel]:
    own: dict[str, SensorModel] = {}
    came_from: dict[str, str] = {}
    for source, text in files:
        model = parse_model(text, source)
        if other := came_from.get(model.model):
            raise ConfigError(
                source, f"model '{model.model}' is in {other} already: give it another name"
            )
        own[model.model] = model
        came_from[model.model] = source
    return {**bundled(), **own}
