"""`saxaul-gateway sensor`: talks to one sensor and says what came of it."""

import argparse
import time

from rich.console import Console

from gateway.buses.runner import BREAKING_SLICE_S
from gateway.buses.serial_port import SLICE_S, PortSettings, SerialPort
from gateway.codecs.sdi12 import ADDRESSES
from gateway.drivers import modbus_setup
from gateway.drivers.conversation import Ask, Conversation, Step, T, hold
from gateway.drivers.outcome import NoReplyError
from gateway.drivers.sdi12 import ADAPTERS, Adapter, AdapterKind, setup
from wire.catalogue import Protocol, SensorModel, bundled
from wire.errors import ConfigError

_console = Console(highlight=False)


def change_address(args: argparse.Namespace) -> int:
    """Give a sensor another address; raises ConfigError, BusError, FrameError, SensorError."""
    model = _model(args.model)
    if model.protocol is Protocol.SDI12:
        adapter = ADAPTERS[AdapterKind(args.adapter)]
        talk = setup.change_address(_sdi12(args.old), _sdi12(args.new), adapter)
        found = _hold(talk, _sdi12_port(args, adapter))
        _console.print(f"{found.vendor} {found.model} {found.serial} is at address {args.new} now")
        return 0
    if model.modbus is None:
        raise ConfigError("--model", f"{model.model} has no address on a bus")
    settings = PortSettings(args.port, args.baud or model.modbus.baud, model.modbus.frame)
    _hold(modbus_setup.change_address(model, args.old, args.new), settings)
    _console.print(f"{model.model} is at address {args.new} now")
    return 0


def show(args: argparse.Namespace) -> int:
    """Say who an SDI-12 sensor is and what it can measure."""
    adapter = ADAPTERS[AdapterKind(args.adapter)]
    settings = _sdi12_port(args, adapter)
    if args.address is None:
        address = _hold(setup.find_alone(adapter), settings)
    else:
        address = _sdi12(args.address)
    found = _hold(setup.identify(address, adapter), settings)
    _console.print(
        f"address {address}: {found.vendor} {found.model}, firmware {found.firmware}, "
        f"serial {found.serial or 'not told'}, SDI-12 v{found.version[0]}.{found.version[1]}"
    )
    for offer in _hold(setup.offers(address, adapter), settings):
        _console.print(
            f"  {offer.measurement}: {offer.announced.values} values "
            f"in {offer.announced.wait_s} s or less"
        )
        for number, one in enumerate(offer.parameters, start=1):
            words = ", ".join((one.code, one.unit or "no unit", *one.more))
            _console.print(f"    {number} {words}", markup=False)
    return 0


def _model(name: str) -> SensorModel:
    model = bundled().get(name)
    if model is None:
        raise ConfigError("--model", f"'{name}' is not in the catalogue; see `catalogue list`")
    return model


def _sdi12(address: str) -> str:
    if len(address) != 1 or address not in ADDRESSES:
        raise ConfigError(
            "arguments", f"'{address}' is no SDI-12 address: give one of 0-9, A-Z, a-z"
        )
    return address


def _sdi12_port(args: argparse.Namespace, adapter: Adapter) -> PortSettings:
    return PortSettings(
        port=args.port,
        baud=args.baud or adapter.baud,
        frame=adapter.frame,
        slice_s=BREAKING_SLICE_S if adapter.host_breaks else SLICE_S,
        start_s=adapter.start_s,
    )


def _hold(conversation: Conversation[T], settings: PortSettings) -> T:
    port = SerialPort(settings, lambda: False)

    def do(step: Step) -> bytes:
        if isinstance(step, Ask):
            return port.exchange(step)
        time.sleep(step.seconds)
        return b""

    try:
        return hold(conversation, do)
    except NoReplyError as error:
        raise NoReplyError(
            str(error) or f"{settings.port}: no answer; look at cable, supply and address"
        ) from None
    finally:
        port.close()
