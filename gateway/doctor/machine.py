"""The machine as its files tell: /proc and /sys under a root, mounts, processes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_ESCAPED_SPACE = "\\040"  # proc(5), /proc/self/mounts


@dataclass(frozen=True, slots=True)
class Mount:
    """A file system: its device, where it is mounted, its kind and options."""

    device: str
    place: Path
    kind: str
    options: frozenset[str]


@dataclass(frozen=True, slots=True)
class Machine:
    """Reads the kernel's files below `root`."""

    root: Path = Path("/")

    def text(self, path: str) -> str | None:
        """Give a file's text, stripped; None where there is no such file or it cannot be read."""
        try:
            return (self.root / path.lstrip("/")).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return None

    def glob(self, pattern: str) -> list[str]:
        """List the files of a pattern, as absolute paths of the machine."""
        found = self.root.glob(pattern.lstrip("/"))
        return sorted(f"/{path.relative_to(self.root)}" for path in found)

    def processes(self) -> Iterator[tuple[int, str]]:
        """Give number and name of every process."""
        for path in self.glob("/proc/[0-9]*/comm"):
            name = self.text(path)
            if name:
                yield int(path.split("/")[2]), name

    def mount_of(self, folder: Path) -> Mount | None:
        """Find the file system that holds a folder."""
        holding = [one for one in self._mounts() if folder.is_relative_to(one.place)]
        return max(holding, key=lambda one: len(one.place.parts), default=None)

    def _mounts(self) -> Iterator[Mount]:
        for line in (self.text("/proc/self/mounts") or "").splitlines():
            device, place, kind, options, *_ = [*line.split(), "", "", "", ""]
            if place:
                where = Path(place.replace(_ESCAPED_SPACE, " "))
                yield Mount(device, where, kind, frozenset(options.split(",")))
