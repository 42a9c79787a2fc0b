"""How a derived series says what it is computed by: `sonic-height/1(air_c; reference_m=2.013)`.

One text that says it all: which transform, from which further series of the same sensor, and with
which parameters, such as what was measured when the sensor was put up.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from wire.derive.transforms import TRANSFORMS, Transform

_FORMULA = re.compile(r"([a-z0-9-]+/\d+)(?:\(([a-z0-9_, ]*);([^()]*)\))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Formula:
    """A transform by name, the properties of its further sources, and its parameters."""

    transform: str
    also: tuple[str, ...] = ()
    parameters: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        """Write it; a transform of one source without parameters is its name alone."""
        if not self.also and not self.parameters:
            return self.transform
        given = ", ".join(f"{name}={value!r}" for name, value in self.parameters.items())
        return f"{self.transform}({', '.join(self.also)}; {given})"

    def bound(self) -> Transform | None:
        """Give what computes it; None for a transform, or its parameters, that are not known."""
        transform = TRANSFORMS.get(self.transform)
        if transform is None or transform.sources != 1 + len(self.also):
            return None
        if set(transform.parameters) != set(self.parameters):
            return None
        return transform.with_parameters(self.parameters)


def read(text: str) -> Formula | None:
    """Read what a formula was written as; None for what is none."""
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
