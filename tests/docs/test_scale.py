"""docs/scale.md: what is worked out there follows from what is given and measured."""

import ast
import operator
import re
from pathlib import Path

import pytest

TEXT = (Path(__file__).parent.parent.parent / "docs" / "scale.md").read_text(encoding="utf-8")
# Results are rounded to three digits.
TOLERANCE = 0.006
OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def tables():
    """Each table as its head and its rows of cells."""
    for block in re.findall(r"(?:^\|.*\n)+", TEXT, re.MULTILINE):
        rows = [
            [cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()
        ]
        yield rows[0], rows[2:]


def number(text):
    return float(text.replace(",", ""))


def name(cell):
    return cell.strip("`")


def givens():
    return {
        name(row[0]): number(row[1])
        for head, rows in tables()
        if head[:2] == ["name", "value"]
        for row in rows
    }


def formulas():
    return [
        (name(row[0]), row[1], number(row[2]))
        for head, rows in tables()
        if head[1:] == ["formula", "result"]
        for row in rows
    ]


def value(formula, known):
    text = formula.replace("\N{MULTIPLICATION SIGN}", "*").replace("\N{DIVISION SIGN}", "/")
    text = text.replace(",", "")

    def of(node):
        if isinstance(node, ast.BinOp):
            return OPERATORS[type(node.op)](of(node.left), of(node.right))
        return known[node.id] if isinstance(node, ast.Name) else node.value

    return of(ast.parse(text, mode="eval").body)


def worked_out():
    known = givens()
    found = []
    for what, formula, told in formulas():
        known[what] = value(formula, known)
        found.append((what, known[what], told))
    return found


def test_everything_is_read():
    assert len(givens()) >= 28
    assert len(formulas()) >= 36


@pytest.mark.parametrize(("what", "expected", "told"), worked_out(), ids=lambda one: str(one)[:20])
def test_a_result_follows_from_its_formula(what, expected, told):
    assert told == pytest.approx(expected, rel=TOLERANCE), f"{what} is {expected:.4g} now"


def test_no_name_stands_for_two_things():
    names = [*givens(), *(what for what, _, _ in formulas())]

    assert len(names) == len(set(names))


def test_what_was_not_measured_is_marked():
    """No number without a date stands among what was measured, unless it says so."""
    (rows,) = [
        rows for head, rows in tables() if head[0] == "name" and "by" in head and "on" in head
    ]

    for row in rows:
        assert re.fullmatch(
            r"\d{4}-\d\d-\d\d|\*a target, not measured yet\*|\*to be measured\*", row[3]
        ), row
