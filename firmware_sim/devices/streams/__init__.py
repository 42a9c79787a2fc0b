"""Instruments that send text lines or packets over RS-232 and RS-485, each on its own protocol.

Shares nothing with the gateway's codecs.
"""

from firmware_sim.devices.streams.asked import AskedBus, TextDevice
from firmware_sim.devices.streams.campbell import Sr50aSerial
from firmware_sim.devices.streams.davis import ConsoleBus, DavisStation
from firmware_sim.devices.streams.gill import PolledWindSonic, WindSonic
from firmware_sim.devices.streams.nmea import Composite, VaisalaNmea
from firmware_sim.devices.streams.vaisala import AutomaticWxt, PolledWxt

__all__ = [
    "AskedBus",
    "AutomaticWxt",
    "Composite",
    "ConsoleBus",
    "DavisStation",
    "PolledWindSonic",
    "PolledWxt",
    "Sr50aSerial",
    "TextDevice",
    "VaisalaNmea",
    "WindSonic",
]
