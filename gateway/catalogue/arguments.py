"""The arguments of `saxaul-gateway catalogue`; what does the work is imported when it is called."""

import argparse
from pathlib import Path


def add_parser(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    shared: argparse.ArgumentParser,
) -> None:
    """Add the command and its own commands."""
    catalogue = commands.add_parser(
        "catalogue",
        help="list and show the sensor models, check one of your own",
        description="The sensor models that are known, and help for writing one of your own: "
        "docs/howto/add-a-sensor.md.",
    )
    actions = catalogue.add_subparsers(required=True, metavar="ACTION")

    every = actions.add_parser("list", parents=[shared], help="list all models")
    every.set_defaults(action="list")

    show = actions.add_parser("show", parents=[shared], help="show what is read of a model")
    show.add_argument("model", metavar="MODEL", help="as `list` names it")
    show.set_defaults(action="show")

    words = actions.add_parser(
        "properties", parents=[shared], help="list what can be measured, and in which units"
    )
    words.set_defaults(action="properties")

    check = actions.add_parser(
        "check",
        parents=[shared],
        help="check the file of a model, and try it on an answer",
        description="Check the file of a sensor model: all that is wrong, by line, with what to "
        "do; then what it reads. With --answer also what it makes of bytes you captured.",
    )
    check.add_argument("file", type=Path, metavar="FILE.toml")
    check.add_argument(
        "--answer",
        action="append",
        default=[],
        metavar="TEXT|HEX",
        help="an answer or line of the instrument: text for SDI-12 ('0+2038.84+16.1+39') and "
        "lines, hex for Modbus ('01 03 06 ...', with the request before it where that is needed); "
        "again for its next page or line; 'M3 0+5.5' for another SDI-12 command than the first",
    )
    check.set_defaults(action="check")
    for one in (every, show, words, check):
        one.set_defaults(command=_run)


def _run(args: argparse.Namespace) -> int:
    from gateway.catalogue.command import run  # noqa: PLC0415 - see the module's docstring

    return run(args)
