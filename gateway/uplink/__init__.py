"""The uplink: carries sealed batches to the server, and keeps at it until their receipts arrive."""

from gateway.uplink.allowance import Plan
from gateway.uplink.loop import Uplink, UplinkSettings
from gateway.uplink.session import KEEPALIVE_S, Link

__all__ = ["KEEPALIVE_S", "Link", "Plan", "Uplink", "UplinkSettings"]
