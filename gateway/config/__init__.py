"""gateway.toml: one typed tree, read without touching hardware.

Passwords are not written here; the environment carries them (SAXAUL_MQTT_PASSWORD).
"""

from gateway.config.faults import Fault, RefusedSensor
from gateway.config.reading import (
    Own,
    SettingsError,
    catalogue_folder,
    line_of,
    load,
    load_valid,
    own_of,
    read,
)
from gateway.config.sections import (
    BusSection,
    CatalogueSection,
    ClockSection,
    Config,
    GatewaySection,
    OutboxSection,
    PageSection,
    SensorSection,
    ThingSection,
    UplinkSection,
    datastream_name,
    is_loopback,
    lender_of,
    place_of,
)

__all__ = [
    "BusSection",
    "CatalogueSection",
    "ClockSection",
    "Config",
    "Fault",
    "GatewaySection",
    "OutboxSection",
    "Own",
    "PageSection",
    "RefusedSensor",
    "SensorSection",
    "SettingsError",
    "ThingSection",
    "UplinkSection",
    "catalogue_folder",
    "datastream_name",
    "is_loopback",
    "lender_of",
    "line_of",
    "load",
    "load_valid",
    "own_of",
    "place_of",
    "read",
]
