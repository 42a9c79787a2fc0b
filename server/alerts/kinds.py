"""Every kind of rule we know: what it looks at, its levels, its pace, and how it is told of.

Thresholds are starting points that a rule may replace; where they come from stands beside them.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from server.alerts.condition import HOUR_MS, Severity, Side

_MINUTE_MS = 60_000
_DAY_MS = 24 * HOUR_MS


class Pace(StrEnum):
    """Who judges: ingest at each sample, the watchkeeper by the hour, or it by what gateways do."""

    SAMPLE = "sample"
    HOUR = "hour"
    GATEWAY = "gateway"
    SILENCE = "silence"


class Subject(StrEnum):
    """What a rule is expanded over: a watch for each."""

    DATASTREAM = "datastream"
    THING = "thing"
    GATEWAY = "gateway"


class InputKind(StrEnum):
    """What the condition is judged on; `server.alerts.inputs` computes all but the first."""

    SAMPLE = "sample"
    MEAN = "mean"
    SUM = "sum"
    ROOT_ZONE_MEAN = "root_zone_mean"
    RATE = "rate"
    RISE = "rise"
    DIFFERENCE = "difference"
    DAYS_TO_THRESHOLD = "days_to_threshold"
    FAULT_SHARE = "fault_share"
    STATE = "state"


@dataclass(frozen=True, slots=True)
class Step:
    """One default level, in the kind's unit; `leave` is where it is left."""

    severity: Severity
    threshold: str
    leave: str


@dataclass(frozen=True, slots=True)
class Cap:
    """Words of CAP 1.2 that go with a kind; its severity follows from the level."""

    category: str
    event: str
    response: str
    urgency: str = "Expected"
    certainty: str = "Observed"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of rule. `properties`: the first that a thing has is looked at (none: any).

    `unit` is that of the levels (None: the rule must say, or it is the series' own). A transition
    older than `fresh_ms` when it is recorded goes into a digest. `cause_rank`: a lower one explains
    higher ones, which are kept back meanwhile. `tells_recovery`: whether its end is worth a word.
    `least_depth_m`: what lies above it is not looked at where a thing measures deeper, unless the
    rule names depths or a sensor.
    """

    key: str
    label: str
    pace: Pace
    subject: Subject
    input: InputKind
    cap: Cap
    side: Side | None = None
    levels: tuple[Step, ...] = ()
    unit: str | None = None
    properties: tuple[str, ...] = ()
    window_ms: int = 0
    on_delay_ms: int = 0
    off_delay_ms: int = 0
    min_share: float = 0.75
    realarm_ms: int = 7 * _DAY_MS
    fresh_ms: int = 6 * HOUR_MS
    cause_rank: int = 3
    tells_recovery: bool = True
    least_depth_m: float = 0.0


_W, _C, _N = Severity.WARNING, Severity.CRITICAL, Severity.NOTICE
_ENV_DRY = Cap("Env", "Dry soil", "Execute")
_INFRA = "Infra"
# Above this sand is wet after each shower and dry again days later; and roots lie deeper.
_ROOTS_M = 0.1

KINDS: dict[str, Kind] = {
    kind.key: kind
    for kind in (
        # FAO-56: half of the available water is used; the deadband is twice the diurnal artefact of
        # probes in sand. Critical at 0.1: what most plants here can still take up is gone.
        Kind(
            "dry_soil",
            "Dry soil",
            Pace.SAMPLE,
            Subject.DATASTREAM,
            InputKind.SAMPLE,
            _ENV_DRY,
            Side.BELOW,
            (Step(_W, "0.5", "0.6"), Step(_C, "0.1", "0.2")),
            "1",
            ("relative_extractable_water",),
            on_delay_ms=6 * HOUR_MS,
            off_delay_ms=6 * HOUR_MS,
            least_depth_m=_ROOTS_M,
        ),
        Kind(
            "getting_dry",
            "Soil is getting dry",
            Pace.HOUR,
            Subject.DATASTREAM,
            InputKind.DAYS_TO_THRESHOLD,
            Cap("Env", "Soil is getting dry", "Prepare", "Future", "Likely"),
            Side.BELOW,
            (Step(_N, "5", "7"),),
            "d",
            ("relative_extractable_water",),
            window_ms=30 * _DAY_MS,
            on_delay_ms=12 * HOUR_MS,
            off_delay_ms=12 * HOUR_MS,
            min_share=0.5,
            realarm_ms=0,
            fresh_ms=_DAY_MS,
            tells_recovery=False,
            least_depth_m=_ROOTS_M,
        ),
        Kind(
            "water_arrived",
            "Rain or irrigation arrived",
            Pace.HOUR,
            Subject.DATASTREAM,
            InputKind.RISE,
            Cap("Env", "Rain or irrigation arrived", "Monitor"),
            Side.ABOVE,
            (Step(_N, "0.03", "0.01"),),
            "m3/m3",
            ("vwc",),
            window_ms=_DAY_MS,
            realarm_ms=0,
            tells_recovery=False,
            least_depth_m=_ROOTS_M,
        ),
        Kind(
            "rain",
            "Rain",
            Pace.HOUR,
            Subject.DATASTREAM,
            InputKind.SUM,
            Cap("Met", "Rain", "Monitor"),
            Side.ABOVE,
            (Step(_N, "5", "1"),),
            "mm",
            ("rain",),
            window_ms=_DAY_MS,
            realarm_ms=0,
            tells_recovery=False,
        ),
        Kind(
            "frost",
            "Frost",
            Pace.SAMPLE,
            Subject.DATASTREAM,
            InputKind.SAMPLE,
            Cap("Met", "Frost", "Prepare", "Immediate"),
            Side.BELOW,
            (Step(_W, "0", "1"), Step(_C, "-5", "-4")),
            "Cel",
            ("air_temperature",),
            on_delay_ms=30 * _MINUTE_MS,
            off_delay_ms=2 * HOUR_MS,
            realarm_ms=_DAY_MS,
            fresh_ms=2 * HOUR_MS,
        ),
        Kind(
            "heat",
            "Heat",
            Pace.SAMPLE,
            Subject.DATASTREAM,
            InputKind.SAMPLE,
            Cap("Met", "Heat", "Prepare", "Immediate"),
            Side.ABOVE,
            (Step(_W, "38", "36"), Step(_C, "42", "40")),
            "Cel",
            ("air_temperature",),
            on_delay_ms=30 * _MINUTE_MS,
            off_delay_ms=2 * HOUR_MS,
            realarm_ms=_DAY_MS,
            fresh_ms=2 * HOUR_MS,
        ),
        # Beaufort 6 and 8.
        Kind(
            "strong_wind",
            "Strong wind",
            Pace.SAMPLE,
            Subject.DATASTREAM,
            InputKind.SAMPLE,
            Cap("Met", "Strong wind", "Prepare", "Immediate"),
            Side.ABOVE,
            (Step(_W, "10.8", "8.0"), Step(_C, "17.2", "13.9")),
            "m/s",
            ("wind_speed_10min", "wind_speed"),
            on_delay_ms=10 * _MINUTE_MS,
            off_delay_ms=HOUR_MS,
            realarm_ms=_DAY_MS,
            fresh_ms=HOUR_MS,
        ),
        # Seconds in an hour with sand moving: a tenth, a half.
        Kind(
            "blowing_sand",
            "Blowing sand",
            Pace.HOUR,
            Subject.DATASTREAM,
            InputKind.SUM,
            Cap("Met", "Blowing sand", "Prepare", "Immediate"),
            Side.ABOVE,
            (Step(_W, "360", "60"), Step(_C, "1800", "900")),
            "s",
            ("saltation_seconds",),
            window_ms=HOUR_MS,
            off_delay_ms=6 * HOUR_MS,
            realarm_ms=_DAY_MS,
            fresh_ms=3 * HOUR_MS,
        ),
        # Where nothing measures visibility, by which storms are classed (GB/T 20480): hourly PM10,
        # as Korea warns of dust above 800 for two hours. Among dunes 400 is any windy afternoon.
        Kind(
            "sandstorm",
            "Sandstorm",
            Pace.HOUR,
            Subject.DATASTREAM,
            InputKind.MEAN,
            Cap("Met", "Sandstorm", "Shelter", "Immediate"),
            Side.ABOVE,
            (Step(_W, "800", "400"), Step(_C, "2000", "1000")),
            "ug/m3",
            ("pm10",),
            window_ms=HOUR_MS,
            on_delay_ms=HOUR_MS,
            off_delay_ms=3 * HOUR_MS,
            realarm_ms=_DAY_MS,
            fresh_ms=3 * HOUR_MS,
        ),
        Kind(
            "surface_deflation",
            "Sand surface is being blown out",
            Pace.HOUR,
            Subject.DATASTREAM,
            InputKind.RISE,
            Cap("Env", "Sand surface is being blown out", "Execute"),
            Side.BELOW,
            (Step(_W, "-0.02", "-0.01"), Step(_C, "-0.05", "-0.03")),
            "m",
            ("sand_height",),
            window_ms=7 * _DAY_MS,
            on_delay_ms=6 * HOUR_MS,
            off_delay_ms=_DAY_MS,
            fresh_ms=_DAY_MS,
        ),
        Kind(
            "sensor_fault",
            "Sensor fault",
            Pace.HOUR,
            Subject.DATASTREAM,
            InputKind.FAULT_SHARE,
            Cap(_INFRA, "Sensor fault", "Execute"),
            Side.ABOVE,
            (Step(_W, "0.5", "0.2"),),
            "1",
            window_ms=6 * HOUR_MS,
            on_delay_ms=3 * HOUR_MS,
            off_delay_ms=6 * HOUR_MS,
            fresh_ms=_DAY_MS,
            cause_rank=2,
        ),
        Kind(
            "no_data",
            "No data",
            Pace.SILENCE,
            Subject.THING,
            InputKind.STATE,
            Cap(_INFRA, "No data", "Execute"),
            Side.ABOVE,
            (Step(_W, "21600", "3600"), Step(_C, "172800", "21600")),
            "s",
            min_share=0.0,
            fresh_ms=2 * _DAY_MS,
            cause_rank=1,
        ),
        Kind(
            "gateway_offline",
            "Gateway offline",
            Pace.GATEWAY,
            Subject.GATEWAY,
            InputKind.STATE,
            Cap(_INFRA, "Gateway offline", "Execute"),
            Side.ABOVE,
            (Step(_W, "1", "1"),),
            "1",
            on_delay_ms=15 * _MINUTE_MS,
            off_delay_ms=2 * _MINUTE_MS,
            min_share=0.0,
            fresh_ms=_DAY_MS,
            cause_rank=0,
        ),
        # A 12 V lead battery at rest: a quarter full, empty.
        Kind(
            "gateway_battery",
            "Low battery",
            Pace.SAMPLE,
            Subject.DATASTREAM,
            InputKind.SAMPLE,
            Cap(_INFRA, "Low battery", "Execute"),
            Side.BELOW,
            (Step(_W, "11.9", "12.3"), Step(_C, "11.4", "11.7")),
            "V",
            ("battery_voltage", "supply_voltage"),
            on_delay_ms=HOUR_MS,
            off_delay_ms=2 * HOUR_MS,
            cause_rank=1,
        ),
        # 1 while no clock vouches for what it stamps.
        Kind(
            "gateway_clock",
            "Gateway's clock is not known",
            Pace.GATEWAY,
            Subject.GATEWAY,
            InputKind.STATE,
            Cap(_INFRA, "Gateway's clock is not known", "Execute"),
            Side.ABOVE,
            (Step(_W, "1", "1"),),
            "1",
            on_delay_ms=HOUR_MS,
            off_delay_ms=10 * _MINUTE_MS,
            min_share=0.0,
            fresh_ms=_DAY_MS,
            cause_rank=1,
        ),
        # Days until a certificate that the gateway depends on ends.
        Kind(
            "gateway_certificate",
            "Certificate ends",
            Pace.GATEWAY,
            Subject.GATEWAY,
            InputKind.STATE,
            Cap(_INFRA, "Certificate ends", "Execute", "Future"),
            Side.BELOW,
            (Step(_W, "30", "31"), Step(_C, "7", "8")),
            "d",
            min_share=0.0,
            fresh_ms=7 * _DAY_MS,
            cause_rank=1,
        ),
        Kind(
            "threshold",
            "Threshold",
            Pace.SAMPLE,
            Subject.DATASTREAM,
            InputKind.SAMPLE,
            Cap("Other", "Threshold passed", "Monitor"),
        ),
        Kind(
            "rate",
            "Rate of change",
            Pace.HOUR,
            Subject.DATASTREAM,
            InputKind.RATE,
            Cap("Other", "Fast change", "Monitor"),
            window_ms=6 * HOUR_MS,
        ),
        Kind(
            "comparison",
            "Differs from another plot",
            Pace.HOUR,
            Subject.DATASTREAM,
            InputKind.DIFFERENCE,
            Cap("Other", "Differs from another plot", "Monitor"),
            on_delay_ms=6 * HOUR_MS,
            off_delay_ms=6 * HOUR_MS,
        ),
    )
}

CAP_SEVERITY = {
    Severity.NORMAL: "Minor",
    Severity.NOTICE: "Minor",
    Severity.WARNING: "Moderate",
    Severity.CRITICAL: "Severe",
}


def kind_of(key: str) -> Kind:
    """Look a kind up; raises KeyError with names that are like it."""
    if key in KINDS:
        return KINDS[key]
    like = get_close_matches(key, KINDS, n=1)
    hint = f"did you mean '{like[0]}'?" if like else f"known: {', '.join(KINDS)}"
    raise KeyError(f"unknown kind '{key}'; {hint}")
