"""The arguments of `saxaul-gateway sensor`; what it does is imported only when it is asked for."""

import argparse

from gateway.drivers.sdi12.adapter import AdapterKind


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    sensor = commands.add_parser(
        "sensor",
        help="set up one sensor: its address, and what it says of itself",
        description="Talks to one sensor on a port that nothing else uses: stop the gateway first.",
    )
    actions = sensor.add_subparsers(required=True, metavar="ACTION")
    change = actions.add_parser("address", help="give a sensor another address")
    change.add_argument("--model", required=True, help="as in the catalogue")
    change.add_argument("--from", dest="old", required=True, metavar="ADDRESS")
    change.add_argument("--to", dest="new", required=True, metavar="ADDRESS")
    change.set_defaults(command=_change)
    show = actions.add_parser(
        "show", help="who an SDI-12 sensor is and, from v1.4 on, what it can measure"
    )
    show.add_argument("--address", metavar="ADDRESS", help="default: that of the only sensor there")
    show.set_defaults(command=_show)
    for one in (change, show):
        one.add_argument("--port", required=True, help="serial port")
        one.add_argument("--baud", type=int, help="default: the adapter's or the model's")
        one.add_argument(
            "--adapter",
            choices=[kind.value for kind in AdapterKind],
            default=AdapterKind.LINE.value,
            help="of SDI-12; as in gateway.toml",
        )
        one.add_argument("--log-level", default="warning", help=argparse.SUPPRESS)


def _change(args: argparse.Namespace) -> int:
    from gateway.setup.command import change_address  # noqa: PLC0415 - only this command needs it

    return change_address(args)


def _show(args: argparse.Namespace) -> int:
    from gateway.setup.command import show  # noqa: PLC0415 - only this command needs it

    return show(args)
