"""Made-up facts of every kind, so that each message can be seen in each language before it is."""

from server.alerts.condition import Severity
from server.alerts.kinds import KINDS, Subject
from server.alerts.machine import Change
from server.words.facts import AlertFact, Occasion, Place

_HOUR_MS = 3_600_000

# A value, the threshold, the unit and the property of each kind; where none stands, sand's.
_MEASURED: dict[str, tuple[float, float, str, str, str]] = {
    "dry_soil": (0.34, 0.5, "1", "relative_extractable_water", "Soil water plants can use"),
    "getting_dry": (4, 5, "d", "relative_extractable_water", "Soil water plants can use"),
    "water_arrived": (0.043, 0.03, "m3/m3", "vwc", "Soil water"),
    "rain": (12.4, 5, "mm", "rain", "Rain"),
    "frost": (-3.2, 0, "Cel", "air_temperature", "Air temperature"),
    "heat": (39.1, 38, "Cel", "air_temperature", "Air temperature"),
    "strong_wind": (13.4, 10.8, "m/s", "wind_speed", "Wind speed"),
    "blowing_sand": (720, 360, "s", "saltation_seconds", "Seconds with saltation"),
    "sandstorm": (512, 400, "ug/m3", "pm10", "PM10"),
    "surface_deflation": (-0.031, -0.02, "m", "sand_height", "Sand height"),
    "sensor_fault": (0.62, 0.5, "1", "vwc", "Soil water"),
    "no_data": (25_200, 21_600, "s", "", ""),
    "gateway_battery": (11.7, 11.9, "V", "battery_voltage", "Battery voltage"),
    "gateway_certificate": (21, 30, "d", "", ""),
    "threshold": (412, 400, "uS/cm", "soil_ec", "Soil bulk conductivity"),
    "rate": (0.08, 0.05, "m3/m3", "vwc", "Soil water"),
    "comparison": (0.06, 0.05, "m3/m3", "vwc", "Soil water"),
}
_UNMEASURED = (1.0, 1.0, "1", "", "")
_BURIED = ("dry_soil", "getting_dry", "water_arrived", "sensor_fault", "threshold", "comparison")


def preview(kind: str, change: Change, occasion: Occasion, now_ms: int) -> AlertFact:
    """Make up a fact of a kind, as if it had happened seven hours ago."""
    value, threshold, unit, key, label = _MEASURED.get(kind, _UNMEASURED)
    is_over = change in (Change.CLEARED, Change.ENDED)
    of_gateway = KINDS[kind].subject is Subject.GATEWAY
    place = Place(
        "kubuqi-north",
        "Kubuqi north",
        "Asia/Shanghai",
        thing="" if of_gateway else "Dune 1",
        gateway="kubuqi-dune",
        depth_m=0.3 if kind in _BURIED else None,
        lat=40.6,
        lon=108.9,
    )
    return AlertFact(
        key="preview",
        kind=kind,
        change=change,
        level=Severity.NORMAL if is_over else Severity.WARNING,
        level_before=Severity.WARNING if is_over else Severity.NORMAL,
        place=place,
        at_ms=now_ms - _HOUR_MS,
        since_ms=now_ms - 7 * _HOUR_MS,
        rule="kubuqi-north-example",
        property=key,
        property_label=label,
        unit=unit,
        value=threshold * 1.1 if is_over else value,
        threshold=threshold,
        share=0.97,
        soil="sand" if kind in ("dry_soil", "getting_dry") else "",
        soil_assumed=True,
        occasion=occasion,
    )
