"""The rules of a new site: what warns there before anybody has written one. Soil in, rules out.

Few messages a week is the aim. What would speak of weather that nobody there can act on, of sand
that blows every third day among dunes, or of a battery whose voltage we do not know, is there to be
switched on. Decision 0042 has what each would say in a year.
"""

from collections.abc import Sequence
from decimal import Decimal

from server.alerts.kinds import KINDS
from server.alerts.rules import Input, LevelRule, Rule, Scope
from server.soil.ground import Ground

# Coarse soils give their water easily until little is left: drought classes by relative moisture
# are lowered for sands by 5 to 10 points (after GB/T 32136), and so is the line here.
_COARSE = ("sand", "loamy sand")
_LINE, _COARSE_LINE = Decimal("0.5"), Decimal("0.4")
_CRITICAL = Decimal("0.1")
# 0.01 m3/m3 lies above the noise of probes (0.003) and most of their daily swing. Of the little
# that sand can give it is a fifth, of a loam's water a thirteenth.
_DEADBAND_VWC = 0.01
_LEAST_DEADBAND, _MOST_DEADBAND = 0.05, 0.25
# Ice hardly shows to probes of permittivity: frozen soil reads as dry.
_TROPICS_DEG = 30.0
_NORTHERN_MONTHS = [4, 5, 6, 7, 8, 9, 10]
_SOUTHERN_MONTHS = [1, 2, 3, 4, 10, 11, 12]
# Snow that melts is a surface that sinks.
_NORTHERN_BARE = [3, 4, 5, 6, 7, 8, 9, 10, 11]
_SOUTHERN_BARE = [1, 2, 3, 4, 5, 9, 10, 11, 12]

_OF_SITES = (
    "strong_wind",
    "sandstorm",
    "sensor_fault",
    "no_data",
)
_TO_SWITCH_ON = ("rain", "heat", "blowing_sand", "gateway_battery")
_OF_GATEWAYS = ("gateway_offline", "gateway_clock", "gateway_certificate")


def site_rules(site: str, ground: Ground, latitude_deg: float | None = None) -> list[Rule]:
    """Give the rules of a new site, by its soil; the latitude tells when the soil may be frozen."""
    months = thawed_months(latitude_deg)
    return [
        _dry_soil(site, ground, months),
        _getting_dry(site, ground, months),
        _water_arrived(site, months),
        *(_plain(site, kind, enabled=True) for kind in _OF_SITES),
        _plain(site, "surface_deflation", enabled=True, months=bare_months(latitude_deg)),
        *(_plain(site, kind, enabled=False) for kind in _TO_SWITCH_ON),
        # In winter it freezes every night, and nothing grows that frost could hurt.
        _plain(site, "frost", enabled=False, months=months),
    ]


def gateway_rules() -> list[Rule]:
    """Give the rules that hold for every gateway."""
    return [
        Rule(key=kind.replace("_", "-"), kind=kind, name=KINDS[kind].label) for kind in _OF_GATEWAYS
    ]


def thawed_months(latitude_deg: float | None) -> list[int]:
    """Give the months in which soil moisture can be judged; none named: all."""
    if latitude_deg is None or abs(latitude_deg) < _TROPICS_DEG:
        return []
    return _NORTHERN_MONTHS if latitude_deg > 0 else _SOUTHERN_MONTHS


def bare_months(latitude_deg: float | None) -> list[int]:
    """Give the months in which hardly any snow lies; none named: all."""
    if latitude_deg is None or abs(latitude_deg) < _TROPICS_DEG:
        return []
    return _NORTHERN_BARE if latitude_deg > 0 else _SOUTHERN_BARE


def dry_line(ground: Ground) -> Decimal:
    """Give the relative extractable water below which a soil counts as dry."""
    return _COARSE_LINE if ground.texture in _COARSE else _LINE


def deadband(ground: Ground) -> Decimal:
    """Give by how much relative water must recover: 0.01 m3/m3 in this soil, within bounds."""
    width = _DEADBAND_VWC / ground.limits.available
    return Decimal(str(round(min(max(width, _LEAST_DEADBAND), _MOST_DEADBAND), 2)))


def _dry_soil(site: str, ground: Ground, months: list[int]) -> Rule:
    return Rule(
        key=_key(site, "dry_soil"),
        kind="dry_soil",
        name=KINDS["dry_soil"].label,
        scope=Scope(site=site),
        levels=[
            LevelRule(severity="warning", below=dry_line(ground), deadband=deadband(ground)),
            LevelRule(severity="critical", below=_CRITICAL, deadband=deadband(ground)),
        ],
        months=months,
    )


def _getting_dry(site: str, ground: Ground, months: list[int]) -> Rule:
    return Rule(
        key=_key(site, "getting_dry"),
        kind="getting_dry",
        name=KINDS["getting_dry"].label,
        scope=Scope(site=site),
        input=Input(threshold=dry_line(ground)),
        months=months,
    )


def _water_arrived(site: str, months: list[int]) -> Rule:
    return Rule(
        key=_key(site, "water_arrived"),
        kind="water_arrived",
        name=KINDS["water_arrived"].label,
        scope=Scope(site=site),
        months=months,
    )


def _plain(site: str, kind: str, *, enabled: bool, months: Sequence[int] = ()) -> Rule:
    return Rule(
        key=_key(site, kind),
        kind=kind,
        name=KINDS[kind].label,
        enabled=enabled,
        scope=Scope(site=site),
        months=list(months),
    )


def _key(site: str, kind: str) -> str:
    return f"{site}-{kind.replace('_', '-')}"
