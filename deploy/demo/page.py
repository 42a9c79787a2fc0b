"""The server as its own users see it: over HTTP."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Page:
    """The server that listens on a loopback port."""

    port: int

    @property
    def address(self) -> str:
        """Address of the live page."""
        return f"http://127.0.0.1:{self.port}/"

    def is_ready(self) -> bool:
        """Tell whether the server can do its work."""
        return self._get("readyz") is not None

    def online(self) -> set[str]:
        """Name the gateways that say they are online."""
        found = self._get("api/v1/gateways") or {"items": []}
        return {one["id"] for one in found["items"] if one["state"] == "online"}

    def _get(self, path: str) -> Any:
        try:
            with urllib.request.urlopen(self.address + path, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - loopback
                return json.load(answer)
        except (urllib.error.URLError, OSError, ValueError):
            return None
