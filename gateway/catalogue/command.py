"""`saxaul-gateway catalogue`: lists and shows sensor models, and checks one of your own."""

import argparse
import sys
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.markup import escape

from gateway.catalogue.answers import decode, unusable
from gateway.catalogue.models import known_models, likely, read_text
from gateway.catalogue.tables import (
    decoded_table,
    fields_table,
    models_table,
    properties_table,
    settings,
)
from gateway.config import catalogue_folder
from gateway.errors import FrameError, SensorError
from wire.catalogue import SensorModel, bundled, faults, parse_model
from wire.catalogue.fields import Problem
from wire.catalogue.remarks import remarks
from wire.errors import ConfigError
from wire.toml_text import key_lines, nearest_line

PROGRAM = "saxaul-gateway"
EXIT_OK, EXIT_MEND = 0, 2
_WIDTH = 160


def run(args: argparse.Namespace) -> int:
    """Do what was asked; raises ConfigError and GatewayError for what a person can mend."""
    actions = {"list": _list, "show": _show, "check": _check, "properties": _properties}
    return actions[args.action](args, Console(width=None if sys.stdout.isatty() else _WIDTH))


def _list(args: argparse.Namespace, console: Console) -> int:
    models = known_models(catalogue_folder(args.config))
    own = [name for name, model in models.items() if bundled().get(name) is not model]
    console.print(models_table(models, own))
    return EXIT_OK


def _show(args: argparse.Namespace, console: Console) -> int:
    models = known_models(catalogue_folder(args.config))
    model = models.get(args.model)
    if model is None:
        raise ConfigError(
            "the catalogue",
            f"has no model '{args.model}'{likely(args.model, models)}; "
            f"'{PROGRAM} catalogue list' shows all",
        )
    _explain(model, console)
    return EXIT_OK


def _properties(_args: argparse.Namespace, console: Console) -> int:
    console.print(properties_table())
    return EXIT_OK


def _check(args: argparse.Namespace, console: Console) -> int:
    text, source = read_text(args.file), str(args.file)
    wrong = [*faults(text, source)] or [*_clashes(parse_model(text, source), source, text)]
    for error in wrong:
        sys.stderr.write(f"{PROGRAM}: {error}\n")
    if wrong:
        return EXIT_MEND
    model = parse_model(text, source)
    _explain(model, console)
    for line in _remarks(model, text, source):
        console.print(line, style="yellow", markup=False, highlight=False, soft_wrap=True)
    return _try(model, args.answer, console) if args.answer else EXIT_OK


def _clashes(model: SensorModel, source: str, text: str) -> Iterator[ConfigError]:
    """Refuse what no driver can use, and a name that is taken (but by the bundled file itself)."""
    if fault := unusable(model):
        yield ConfigError(source, fault)
    other = bundled().get(model.model)
    if other is not None and other != model:
        yield ConfigError(
            source,
            f"model '{model.model}' is in the bundled catalogue already, and differs: give yours "
            "another name",
            nearest_line(key_lines(text), ("model",)),
        )


def _explain(model: SensorModel, console: Console) -> None:
    console.print(f"[bold]{escape(model.model)}[/] ({escape(model.vendor)}): {settings(model)}")
    console.print(fields_table(model))
    for one in model.derived:
        console.print(
            f"The server derives {one.property} ({one.unit}) from {one.source} by {one.transform}.",
            markup=False,
        )
    console.print(f"Facts: {model.reference}", markup=False, highlight=False, soft_wrap=True)


def _remarks(model: SensorModel, text: str, source: str) -> Iterator[str]:
    lines = key_lines(text)
    derived = Problem(
        ("derived", 0), "the server derives only for models that it has: bundled ones"
    )
    unheard = [derived] if model.derived and model.model not in bundled() else []
    for one in (*remarks(model), *unheard):
        line = nearest_line(lines, one.path)
        yield f"{source}{'' if line is None else f':{line}'}: look at this again: {one.message}"


def _try(model: SensorModel, answers: Sequence[str], console: Console) -> int:
    """Show what captured answers come to."""
    try:
        decoded = decode(model, answers)
    except (FrameError, SensorError) as error:
        raise SensorError(f"--answer: {error}") from None
    console.print(decoded_table(decoded))
    return EXIT_OK
