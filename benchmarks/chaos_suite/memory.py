"""How much a gateway's memory grows while it cannot send."""

from dataclasses import dataclass, field
from pathlib import Path

# By then a gateway has loaded all it needs and served a connection.
_SETTLED_S = 3.0


@dataclass(slots=True)
class Growth:
    """Resident memory of processes beyond what each held once it had settled; in MB."""

    _first_seen_s: dict[int, float] = field(default_factory=dict)
    _settled_mb: dict[int, float] = field(default_factory=dict)
    _most_mb: dict[int, float] = field(default_factory=dict)

    def note(self, pid: int, now_s: float) -> None:
        """Look at a process now."""
        rss_mb = _rss_mb(pid)
        if rss_mb is None:
            return
        if now_s - self._first_seen_s.setdefault(pid, now_s) >= _SETTLED_S:
            self._settled_mb.setdefault(pid, rss_mb)
            self._most_mb[pid] = max(self._most_mb.get(pid, rss_mb), rss_mb)

    @property
    def mb(self) -> float:
        """The most that any one has grown."""
        return max((self._most_mb[pid] - mb for pid, mb in self._settled_mb.items()), default=0.0)


def _rss_mb(pid: int) -> float | None:
    """Read resident memory (proc(5), VmRSS); None when the process has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("VmRSS:")]
    return int(found[0]) / 1024 if found else None
