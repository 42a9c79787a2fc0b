"""A weather station that talks NMEA 0183: each second one MWV (wind) and one XDR (air).

Its barometer speaks bar, as the standard has it (XDR type P, unit B), with five decimals; a gateway
that reads hectopascal must convert.
"""

from collections.abc import Mapping
from decimal import Decimal

from firmware_sim.devices.base import Answer, Send, Setup
from firmware_sim.devices.talker import xor_text
from firmware_sim.faults import FaultKind
from firmware_sim.world import Conditions

_LONGEST = 82  # with `$` and <CR><LF>
_SILENT = "no value in the line"


def sentence(body: str) -> bytes:
    """Frame what stands between `$` and `*`."""
    line = f"${body}*{xor_text(body.encode('ascii'))}\r\n".encode("ascii")
    if len(line) > _LONGEST:
        raise ValueError(f"a sentence has at most {_LONGEST} characters, this one {len(line)}")
    return line


class WeatherTalker:
    """Wind, air temperature, humidity and pressure, once a second. When it ails, status V."""

    def __init__(self, setup: Setup) -> None:
        """Mount it."""
        self.setup = setup

    def values(self, second: int) -> Mapping[str, Decimal | None]:
        """Give the numbers of one second by field key."""
        air = self.setup.surroundings.conditions(float(second), self.setup.spot)
        wind = Conditions() if self.setup.faults.struck(FaultKind.AILS, float(second)) else air
        angle = _decimal(wind.wind_direction_deg, 1)
        return {
            "MWV.angle": None if angle is None else angle % 360,
            "MWV.speed": _decimal(wind.wind_speed_ms, 2),
            "XDR.C.AIR": _decimal(air.air_temperature_c, 2),
            "XDR.H.RH": _decimal(air.relative_humidity_pct, 1),
            "XDR.P.BARO": _decimal(air.pressure_hpa, 2),
        }

    def say(self, second: int) -> list[Send]:
        """Give the two lines of one second."""
        values = self.values(second)
        return [
            Send(0.0, sentence(_mwv(values)), self._answer(values, "MWV.")),
            Send(0.0, sentence(_xdr(values)), self._answer(values, "XDR.")),
        ]

    def _answer(self, values: Mapping[str, Decimal | None], prefix: str) -> Answer:
        own = {key: value for key, value in values.items() if key.startswith(prefix)}
        if prefix == "MWV." and None in own.values():
            own = dict.fromkeys(own)  # status V withdraws both
        return Answer(
            self.setup.name,
            "line",
            {key: value for key, value in own.items() if value is not None},
            {key: _SILENT for key, value in own.items() if value is None},
        )


def _decimal(value: float | None, decimals: int) -> Decimal | None:
    return None if value is None else Decimal(f"{value:.{decimals}f}") + 0  # no -0.00


def _mwv(values: Mapping[str, Decimal | None]) -> str:
    angle, speed = values["MWV.angle"], values["MWV.speed"]
    if angle is None or speed is None:
        return "WIMWV,,R,,M,V"
    return f"WIMWV,{angle:05.1f},R,{speed},M,A"


def _xdr(values: Mapping[str, Decimal | None]) -> str:
    pressure = values["XDR.P.BARO"]
    bar = None if pressure is None else pressure.scaleb(-3)
    return (
        f"WIXDR,C,{_text(values['XDR.C.AIR'])},C,AIR"
        f",H,{_text(values['XDR.H.RH'])},P,RH,P,{_text(bar)},B,BARO"
    )


def _text(value: Decimal | None) -> str:
    return "" if value is None else str(value)
