"""How a derived series says what it is computed by: `sonic-height/1(air_c; reference_m=2.013)`.

One text that says it all: which transform, from which further series of the same sensor, and with
which parameters, such as what was measured when the sensor was put up. What computes on from a
result stands after it: `teros12-mineral/1 | relative-water/1(; field_capacity=0.1, ...)`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from wire.derive.transforms import TRANSFORMS, Transform

_FORMULA = re.compile(r"([a-z0-9-]+/\d+)(?:\(([a-z0-9_, ]*);([^()]*)\))?", re.ASCII)

_THEN = " | "


@dataclass(frozen=True, slots=True)
class Formula:
    """A transform by name, the properties of its further sources, and its parameters."""

    transform: str
    also: tuple[str, ...] = ()
    parameters: Mapping[str, float] = field(default_factory=dict)
    then: "Formula | None" = None

    def __str__(self) -> str:
        """Write it; a transform of one source without parameters is its name alone."""
        own = self.transform
        if self.also or self.parameters:
            given = ", ".join(f"{name}={value!r}" for name, value in self.parameters.items())
            own = f"{own}({', '.join(self.also)}; {given})"
        return own if self.then is None else f"{own}{_THEN}{self.then}"

    def bound(self) -> Transform | None:
        """Give what computes it; None for a transform, or its parameters, that are not known."""
        transform = TRANSFORMS.get(self.transform)
        if transform is None or transform.sources != 1 + len(self.also):
            return None
        if set(transform.parameters) != set(self.parameters):
            return None
        own = transform.with_parameters(self.parameters)
        if self.then is None:
            return own
        last = self.then.bound()
        return None if last is None or self.then.also else own.followed_by(last)

    def followed_by(self, last: "Formula") -> "Formula":
        """Give what computes `last` from the result of this one."""
        return replace(self, then=last if self.then is None else self.then.followed_by(last))


def read(text: str) -> Formula | None:
    """Read what a formula was written as; None for what is none."""
    out: Formula | None = None
    for part in reversed(text.split(_THEN)):
        one = _read_one(part)
        if one is None:
            return None
        out = replace(one, then=out)
    return out


def _read_one(text: str) -> Formula | None:
    found = _FORMULA.fullmatch(text)
    if not found:
        return None
    try:
        return Formula(found[1], _words(found[2]), _numbers(found[3]))
    except ValueError:
        return None


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())


def _numbers(text: str | None) -> dict[str, float]:
    """Read `name=number`, several apart by commas; raises ValueError."""
    pairs = (word.split("=") for word in _words(text))
    return {name.strip(): float(number) for name, number in pairs}
