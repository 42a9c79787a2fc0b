"""A soil as a form shows it, and back: shares in percent, depths in cm. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite

from server.soil.ground import Said
from server.soil.texture import CLASSES
from server.web.alerts.forms import Form
from wire.errors import ConfigError

# What the form calls its fields, each a percentage.
MINERAL = {"sand": "Sand", "clay": "Clay"}
WATER = {
    "wilting_point": "Wilting point",
    "field_capacity": "Field capacity",
    "saturation": "Saturation",
}
ORGANIC = "organic_percent"
_NAMES = {**MINERAL, **WATER, ORGANIC: "Organic matter", "from_cm": "From depth", "to_cm": "To"}
_NEVER_BELOW_1 = ("field_capacity", "saturation")
# No probe is deeper.
_DEEPEST_CM = 1000.0


@dataclass(frozen=True, slots=True)
class Fields:
    """What stands in the form, as text, by the names of its fields; `texture` is a class or ""."""

    place: str
    texture: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Give what stands in a field."""
        return self.texts.get(name, "")


@dataclass(frozen=True, slots=True)
class Wish:
    """What was said on the form: of which depths (m; None: no limit), and what soil."""

    from_m: float | None
    to_m: float | None
    said: Said


def fields_of(form: Form) -> Fields:
    """Take what was sent, to be shown again or carried along."""
    texts = {name: form.one(name)[:20] for name in _NAMES if form.one(name)}
    return Fields(form.one("place"), form.one("texture"), texts)


def filled(place: str, from_m: float | None, to_m: float | None, said: Said | None) -> Fields:
    """Write what was said of a place into the form."""
    values = {
        "from_cm": None if from_m is None else 100 * from_m,
        "to_cm": None if to_m is None else 100 * to_m,
    }
    texture = ""
    if said is not None:
        texture = next((key for key, it in CLASSES.items() if it == (said.sand, said.clay)), "")
        values[ORGANIC] = said.organic_percent
        for name in (*WATER, *(() if texture else MINERAL)):
            share = getattr(said, name)
            values[name] = None if share is None else 100 * share
    texts = {name: f"{round(value, 6):g}" for name, value in values.items() if value is not None}
    return Fields(place, texture, texts)


def read_wish(fields: Fields) -> Wish:
    """Read the form; raises ConfigError, naming the field and what to write."""
    from_m, to_m = _depths(fields)
    shares = {name: _share(fields, name) for name in (*MINERAL, *WATER)}
    if fields.texture:
        if shares["sand"] is not None or shares["clay"] is not None:
            raise ConfigError("Texture", "choose a class, or write sand and clay, not both")
        if fields.texture not in CLASSES:
            raise ConfigError("Texture", "choose one of the list")
        shares["sand"], shares["clay"] = CLASSES[fields.texture]
    return Wish(from_m, to_m, Said(**shares, organic_percent=_number(fields, ORGANIC)))


def _depths(fields: Fields) -> tuple[float | None, float | None]:
    first, end = _number(fields, "from_cm"), _number(fields, "to_cm")
    for name, value in (("from_cm", first), ("to_cm", end)):
        if value is not None and not 0 <= value <= _DEEPEST_CM:
            raise ConfigError(_NAMES[name], f"write cm below the surface, 0 to {_DEEPEST_CM:.0f}")
    if first is None and end is None:
        return None, None
    first = first or 0.0
    if end is not None and end <= first:
        raise ConfigError("Depth", f"{first:g} cm is not above {end:g} cm: turn them round")
    return first / 100, None if end is None else end / 100


def _share(fields: Fields, name: str) -> float | None:
    value = _number(fields, name)
    if value is None:
        return None
    if not 0 <= value <= 100:
        raise ConfigError(_NAMES[name], f"{value:g} is no percentage: write 0 to 100")
    if name in _NEVER_BELOW_1 and 0 < value < 1:
        raise ConfigError(
            _NAMES[name], f"{value:g} % cannot be: write {100 * value:g} for {100 * value:g} %"
        )
    return value / 100


def _number(fields: Fields, name: str) -> float | None:
    text = fields.text(name).removesuffix("%").strip().replace(",", ".")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise ConfigError(_NAMES[name], f"'{text}' is no number; write such as 12.5")
    return value
