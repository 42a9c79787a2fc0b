"""SDI-12 sensors: `adapter`, `asking` with retries, `measuring`, the `driver`, and `setup`."""

from gateway.drivers.sdi12.adapter import ADAPTERS, Adapter, AdapterKind
from gateway.drivers.sdi12.driver import Sdi12Driver

__all__ = ["ADAPTERS", "Adapter", "AdapterKind", "Sdi12Driver"]
