"""The uplink: carries sealed batches to the server, and keeps at it until their receipts arrive."""

from gateway.uplink.loop import Uplink, UplinkSettings
from gateway.uplink.session import Link

__all__ = ["Link", "Uplink", "UplinkSettings"]
