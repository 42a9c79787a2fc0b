"""Looking for sensors on serial ports: listen first, then ask only for what changes nothing."""

from gateway.scan.found import Finding, FoundSensor
from gateway.scan.search import Extent, Say
from gateway.scan.walk import Scanner

__all__ = ["Extent", "Finding", "FoundSensor", "Say", "Scanner"]
