"""More stations that talk NMEA 0183: the composite sentence MDA, and a Vaisala set to NMEA."""

from collections.abc import Mapping
from decimal import Decimal
from math import log

from firmware_sim.devices.base import Send, Setup
from firmware_sim.devices.nmea0183 import sentence
from firmware_sim.devices.streams.asked import Message, by_key
from firmware_sim.faults import FaultKind
from firmware_sim.world import Conditions

_SILENT = "no value in the line"
_INHG_PER_BAR = Decimal("29.5299830714")
_KNOTS_PER_MS = Decimal(3600) / Decimal(1852)


def _text(value: float | None, decimals: int) -> str:
    return "" if value is None else f"{value:.{decimals}f}"


def _told(texts: Mapping[str, str]) -> tuple[dict[str, Decimal], dict[str, str]]:
    """Split printed values into those that are there and those that are not."""
    values = {key: Decimal(text) + 0 for key, text in texts.items() if text}
    return values, {key: _SILENT for key, text in texts.items() if not text}


def _dew_point(vapour_kpa: float | None) -> float | None:
    """Turn the Magnus formula round: the temperature at which this much vapour saturates."""
    if not vapour_kpa:
        return None
    share = log(vapour_kpa / 0.6112) / 17.62
    return 243.12 * share / (1.0 - share)


class Composite:
    """A station that sends MDA, as marine weather stations do. When it ails, it has no wind."""

    def __init__(self, setup: Setup) -> None:
        """Mount it."""
        self.setup = setup

    def message(self, now: float) -> Message:
        """Measure and print."""
        air = self.setup.surroundings.conditions(now, self.setup.spot)
        wind = Conditions() if self.setup.faults.struck(FaultKind.AILS, now) else air
        bar = None if air.pressure_hpa is None else air.pressure_hpa / 1000.0
        texts = {
            "MDA.pressure": _text(bar, 4),
            "MDA.air_temperature": _text(air.air_temperature_c, 1),
            "MDA.relative_humidity": _text(air.relative_humidity_pct, 1),
            "MDA.dew_point": _text(_dew_point(air.vapour_pressure_kpa), 1),
            "MDA.direction_true": _text(wind.wind_direction_deg, 1),
            "MDA.speed": _text(wind.wind_speed_ms, 1),
        }
        inches = str(round(Decimal(texts["MDA.pressure"]) * _INHG_PER_BAR, 4)) if bar else ""
        speed = texts["MDA.speed"]
        knots = str(round(Decimal(speed) * _KNOTS_PER_MS, 1)) if speed else ""
        body = (
            f"WIMDA,{inches},I,{texts['MDA.pressure']},B,{texts['MDA.air_temperature']},C,,,"
            f"{texts['MDA.relative_humidity']},,{texts['MDA.dew_point']},C,{texts['MDA.direction_true']},T,,M,"
            f"{knots},N,{speed},M"
        )
        values, reasons = _told(texts)
        if "MDA.pressure" in values:
            values["MDA.pressure"] *= 1000  # the catalogue reads it in hPa
        return Message(body, values, reasons)

    def values(self, second: int) -> Mapping[str, Decimal | None]:
        """Give the values of one second."""
        message = self.message(float(second))
        return {**message.values, **dict.fromkeys(message.reasons)}

    def say(self, second: int) -> list[Send]:
        """Give the sentence of one second."""
        message = self.message(float(second))
        return [Send(0.0, sentence(message.text), by_key(self.setup, message))]


class VaisalaNmea:
    """A WXT530 with address 0 in its NMEA mode: MWV, and two XDR with its address as id."""

    def __init__(self, setup: Setup) -> None:
        """Mount it."""
        self.setup = setup

    def messages(self, now: float) -> list[Message]:
        """Measure and print."""
        air = self.setup.surroundings.conditions(now, self.setup.spot)
        return [self._wind(air, now), self._air(air), self._rain(air)]

    def values(self, second: int) -> Mapping[str, Decimal | None]:
        """Give the values of one second."""
        found: dict[str, Decimal | None] = {}
        for message in self.messages(float(second)):
            found |= {**message.values, **dict.fromkeys(message.reasons)}
        return found

    def say(self, second: int) -> list[Send]:
        """Give the sentences of one second."""
        return [
            Send(0.0, sentence(one.text), by_key(self.setup, one))
            for one in self.messages(float(second))
        ]

    def _wind(self, air: Conditions, now: float) -> Message:
        speed, angle = _text(air.wind_speed_ms, 1), _text(air.wind_direction_deg, 0)
        if not speed or not angle or self.setup.faults.struck(FaultKind.AILS, now):
            reasons = {"MWV.speed": "status V", "MWV.angle": "status V"}
            return Message("WIMWV,,R,,M,V", {}, reasons)
        angle = str(int(angle) % 360)
        values = {"MWV.speed": Decimal(speed), "MWV.angle": Decimal(angle)}
        return Message(f"WIMWV,{angle},R,{speed},M,A", values)

    def _air(self, air: Conditions) -> Message:
        texts = {
            "XDR.C.0": _text(air.air_temperature_c, 1),
            "XDR.H.0": _text(air.relative_humidity_pct, 1),
            "XDR.P.0": _text(air.pressure_hpa, 1),
        }
        warm, damp, heavy = texts.values()
        return Message(f"WIXDR,C,{warm},C,0,H,{damp},P,0,P,{heavy},H,0", *_told(texts))

    def _rain(self, air: Conditions) -> Message:
        rain = _text(air.rain_total_mm, 2)
        dry = dict.fromkeys(("XDR.R.0", "XDR.V.1", "XDR.R.1"), "0.0")
        body = f"WIXDR,V,{rain},M,0,Z,0,s,0,R,0.0,M,0,V,0.0,M,1,Z,0,s,1,R,0.0,M,1"
        return Message(body, *_told({"XDR.V.0": rain, "XDR.Z.0": "0", **dry}))
