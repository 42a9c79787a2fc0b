"""The limits we hold our own code to; each sits on the tail, where code starts to hurt."""

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("wire", "gateway", "server", "firmware_sim", "deploy", "benchmarks")
MODULES = sorted(
    path
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if "vendor" not in path.parts
)

MAX_FUNCTION_LINES = 60
LONG_FUNCTION_LINES = 35
MAX_LONG_SHARE = 0.05
MAX_MODULE_LINES = 500
MAX_NESTING = 4
MAX_MODULES_IN_A_PACKAGE = 12
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}
NESTING = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.Match, ast.AsyncFor, ast.AsyncWith)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
IMPORTS = (ast.Import, ast.ImportFrom)


@cache
def parsed(path):
    """Give the tree of a module, and what of it tests look for: its functions, its imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = list(ast.walk(tree))
    return (
        tree,
        [node for node in nodes if isinstance(node, FUNCTIONS)],
        [node for node in nodes if isinstance(node, IMPORTS)],
    )


def functions():
    for path in MODULES:
        for node in parsed(path)[1]:
            yield path.relative_to(ROOT), node


def length(node):
    """Lines of a function without its docstring."""
    body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
    return body[-1].end_lineno - body[0].lineno + 1


def depth(node):
    """Deepest nesting of blocks; an elif is no deeper than its if."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, FUNCTIONS):
            continue
        is_elif = isinstance(node, ast.If) and [child] == node.orelse and isinstance(child, ast.If)
        own = 1 if isinstance(child, NESTING) and not is_elif else 0
        deepest = max(deepest, own + depth(child))
    return deepest


def test_there_is_code_to_judge():
    assert len(MODULES) > 20


def test_no_function_is_too_long():
    found = [
        f"{path}:{node.lineno} {node.name}"
        for path, node in functions()
        if length(node) > MAX_FUNCTION_LINES
    ]

    assert found == []


def test_few_functions_are_long():
    lengths = [length(node) for _, node in functions()]

    assert sum(one > LONG_FUNCTION_LINES for one in lengths) <= MAX_LONG_SHARE * len(lengths)


def test_no_function_nests_too_deep():
    found = [
        f"{path}:{node.lineno} {node.name}"
        for path, node in functions()
        if depth(node) > MAX_NESTING
    ]

    assert found == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_short_and_named_for_what_it_owns(path):
    text = path.read_text(encoding="utf-8")

    assert len(text.splitlines()) <= MAX_MODULE_LINES
    assert path.stem not in VAGUE_NAMES
    assert ast.get_docstring(parsed(path)[0]), "say in the first line what this module owns"


def test_no_package_holds_too_many_modules():
    counts = {}
    for path in MODULES:
        if not path.stem.startswith("__"):
            counts[path.parent] = counts.get(path.parent, 0) + 1

    assert {folder: n for folder, n in counts.items() if n > MAX_MODULES_IN_A_PACKAGE} == {}


def test_no_program_needs_what_only_the_tests_install():
    """Such as a bench: `bin/prepare bench` installs no tools of the tests."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    tools = {name_of(one) for one in project["dependency-groups"]["dev"]}
    imported = {
        (module, str(path.relative_to(ROOT)))
        for path in MODULES
        for node in parsed(path)[2]
        for module in modules_of(node)
    }

    assert "httpx" in tools
    assert [one for one in sorted(imported) if one[0] in tools] == []


def name_of(requirement):
    return re.split(r"[^A-Za-z0-9_-]", requirement)[0].replace("-", "_").lower()


def modules_of(node):
    """Name the top-level modules that an import statement brings in."""
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    return [] if node.level else [node.module.partition(".")[0]]
