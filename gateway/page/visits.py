"""What a visit leaves behind, in files beside the outbox: photos, positions, installation records.

A record is one JSON file a visit, `installations/2026-11-20T061502Z.json`; photos lie in `photos/`
under the name of their content, so that the same photo sent twice is kept once.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import msgspec

from gateway.errors import StoreError
from wire.messages import Installation, Latitude, Longitude, Name

MAX_PHOTO_BYTES = 8_000_000
MAX_PHOTOS_BYTES = 400_000_000
_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_ENDINGS = {_JPEG: ".jpg", _PNG: ".png"}


class Position(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a station stands, as entered on the page. Degrees WGS 84."""

    thing: Name
    lat: Latitude
    lon: Longitude


class Visits:
    """The files of all visits to this gateway. Raises StoreError when the disk refuses."""

    def __init__(self, data_dir: Path) -> None:
        """Keep them in the gateway's data folder; nothing is written yet."""
        self._records = data_dir / "installations"
        self._photos = data_dir / "photos"
        self._positions = data_dir / "positions.json"

    def records(self) -> Iterator[Installation]:
        """Read the records, the newest first; what cannot be read is passed over."""
        for path in sorted(self._records.glob("*.json"), reverse=True):
            try:
                yield msgspec.json.decode(path.read_bytes(), type=Installation)
            except (OSError, msgspec.MsgspecError):
                continue

    def newest(self) -> Installation | None:
        """Read the newest record."""
        return next(self.records(), None)

    def keep(self, record: Installation) -> Path:
        """Write a record down for good; gives its path."""
        at = datetime.fromtimestamp(record.at / 1000, UTC)
        path = self._records / f"{at:%Y-%m-%dT%H%M%S}{at.microsecond // 1000:03d}Z.json"
        content = msgspec.json.encode(record)
        msgspec.json.decode(content, type=Installation)  # what could not be read is not kept
        _write(path, msgspec.json.format(content))
        return path

    def add_photo(self, content: bytes) -> str:
        """Keep a photo; gives its SHA-256. Raises ValueError for what is none, or one too many."""
        ending = next((end for head, end in _ENDINGS.items() if content.startswith(head)), None)
        if ending is None:
            raise ValueError("this is no photo: send a JPEG or PNG")
        if len(content) > MAX_PHOTO_BYTES:
            raise ValueError(f"a photo may have {MAX_PHOTO_BYTES // 1_000_000} MB: send a smaller")
        kept = sum(path.stat().st_size for path in self._photos.glob("*"))
        if kept + len(content) > MAX_PHOTOS_BYTES:
            raise ValueError(f"there is no room for more photos: take some out of {self._photos}")
        name = sha256(content).hexdigest()
        _write(self._photos / f"{name}{ending}", content)
        return name

    def new_photos(self) -> list[str]:
        """Name the photos that no record names: those of the visit that is going on."""
        named = {photo for one in self.records() for photo in one.photos}
        found = [
            (path.stat().st_mtime_ns, path.stem)
            for path in self._photos.glob("*.*")
            if not path.name.startswith(".")  # what a power cut left of one
        ]
        return [name for _, name in sorted(found) if name not in named]

    def positions(self) -> Mapping[str, Position]:
        """Give the positions entered on the page, by thing."""
        try:
            kept = msgspec.json.decode(self._positions.read_bytes(), type=list[Position])
        except (OSError, msgspec.MsgspecError):
            return {}
        return {one.thing: one for one in kept}

    def place(self, position: Position) -> None:
        """Keep where a thing stands, in the place of what was known."""
        now = {**self.positions(), position.thing: position}
        _write(self._positions, msgspec.json.encode(list(now.values())))


def _write(path: Path, content: bytes) -> None:
    """Write a whole file that outlasts a power cut, or none."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise StoreError(
            f"{path}: cannot be written: {error.strerror}; check the disk's free space (df)"
        ) from None
