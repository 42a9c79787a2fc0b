"""The weather over a dune field as a function of time: sun, air, rain and wind.

Numbers are those of the southern rim of the Kubuqi desert: January mean -7, July mean 24 degrees,
rain of some 250 mm a year that falls as short pulses, windy afternoons and a few storms a month.
Wind is at 2 m above the sand. Times are seconds since the Unix epoch, UTC.
"""

from dataclasses import dataclass
from math import cos, exp, floor, log, pi, sin, sqrt

from firmware_sim.physics.chance import Noise, stream, uniform

DAY_S = 86_400.0
HOUR_S = 3_600.0
YEAR_DAYS = 365.2425
ANNUAL_MEAN_C = 8.5
SOLAR_CONSTANT = 1361.0  # W/m2 (Kopp & Lean 2011, 10.1029/2010GL045777)
_MINIMUM_RH_PCT = 4.0


@dataclass(frozen=True, slots=True)
class Site:
    """Where the world is: degrees WGS 84 and metres."""

    lat_deg: float = 40.6
    lon_deg: float = 108.9
    elevation_m: float = 1100.0


@dataclass(frozen=True, slots=True)
class Shower:
    """One pulse of rain: `depth_mm` and `strikes` of lightning, evenly over its duration."""

    start_s: float
    duration_s: float
    depth_mm: float
    strikes: int

    def share(self, time_s: float) -> float:
        """Tell which part of it, 0 to 1, has come down by an instant."""
        return min(1.0, max(0.0, (time_s - self.start_s) / self.duration_s))


@dataclass(frozen=True, slots=True)
class Air:
    """The state of the air at an instant, without sand and without running totals."""

    temperature_c: float
    vapour_pressure_kpa: float
    relative_humidity_pct: float
    pressure_hpa: float
    solar_wm2: float


@dataclass(frozen=True, slots=True)
class Wind:
    """Wind at 2 m: the speed of this second, the mean of the minute, the minute's gust, m/s."""

    speed_ms: float
    minute_ms: float
    gust_ms: float
    direction_deg: float


def saturation_kpa(temperature_c: float) -> float:
    """Saturation vapour pressure over water (FAO-56 eq. 11, after Tetens 1930)."""
    return 0.6108 * exp(17.27 * temperature_c / (temperature_c + 237.3))


def season(time_s: float, warmest_day: float) -> float:
    """Give +1 on the day of the year `warmest_day`, -1 half a year from it."""
    return cos(2.0 * pi * ((time_s / DAY_S) % YEAR_DAYS - warmest_day) / YEAR_DAYS)


class Weather:
    """Weather of one site under one seed."""

    def __init__(self, seed: int, site: Site) -> None:
        """Set up every source of chance under its own name."""
        self._site = site
        self._pressure_base = 1013.25 * exp(-site.elevation_m / 8200.0)
        self._rain = stream(seed, "rain")
        self._near: dict[tuple[int, int], list[Shower]] = {}  # speed, not state
        self._synoptic = Noise(seed, "synoptic temperature", 3.1 * DAY_S)
        self._moist = Noise(seed, "air mass moisture", 1.7 * DAY_S)
        self._depression = Noise(seed, "pressure", 3.7 * DAY_S)
        self._cover = Noise(seed, "cloud cover", 6.0 * HOUR_S)
        self._flicker = Noise(seed, "passing clouds", 180.0)
        self._eddy = Noise(seed, "warm eddies", 900.0)
        self._flutter = Noise(seed, "temperature flutter", 7.0)
        self._breeze = Noise(seed, "wind of hours", 7.0 * HOUR_S)
        self._storm = Noise(seed, "storms", 1.3 * DAY_S)
        self._lull = Noise(seed, "wind of ten minutes", 600.0)
        self._gust = Noise(seed, "gusts", 45.0)
        self._whirl = Noise(seed, "wind of seconds", 6.0)
        self._jitter = Noise(seed, "wind of one second", 1.0)
        self._veer = Noise(seed, "direction of half days", 11.0 * HOUR_S)
        self._sway = Noise(seed, "direction of minutes", 300.0)
        self._swing = Noise(seed, "direction of seconds", 4.0)

    def air(self, time_s: float) -> Air:
        """Compute the air at an instant."""
        wet = self._raining(time_s)
        cloud = self._cloud(time_s, wet)
        swing = 8.0 * (1.0 - 0.5 * cloud)
        base = ANNUAL_MEAN_C + self.seasonal_c(time_s) + self.spell_c(time_s)
        fast = 0.4 * self._eddy.at(time_s) + 0.06 * self._flutter.at(time_s)
        temperature = base + swing * self.day_wave(time_s) + fast - 2.0 * wet
        dew_point = min(base - 9.0 + 5.0 * self._moist.at(time_s) + 8.0 * wet, temperature)
        full = saturation_kpa(temperature)
        humidity = 100.0 * saturation_kpa(dew_point) / full
        humidity = min(100.0, max(_MINIMUM_RH_PCT, humidity))
        return Air(
            temperature_c=temperature,
            vapour_pressure_kpa=full * humidity / 100.0,
            relative_humidity_pct=humidity,
            pressure_hpa=self._pressure(time_s),
            solar_wm2=self._solar(time_s, cloud),
        )

    def seasonal_c(self, time_s: float) -> float:
        """Tell how far the season lies from the annual mean, degrees."""
        return 15.5 * season(time_s, 198.0)

    def spell_c(self, time_s: float) -> float:
        """Tell how far a warm or cold spell of some days departs from the season, degrees."""
        return 4.5 * self._synoptic.at(time_s)

    def day_wave(self, time_s: float) -> float:
        """+1 at 15 h solar time, -1 at 3 h."""
        return cos(2.0 * pi * (self._solar_hour(time_s) - 15.0) / 24.0)

    def wind(self, time_s: float) -> Wind:
        """Compute the wind of an instant, with turbulence down to one second."""
        slow = 3.2 + 0.8 * season(time_s, 110.0) + 2.6 * max(0.0, self.day_wave(time_s))
        slow += 1.8 * self._breeze.at(time_s)
        slow += 12.0 * max(0.0, self._storm.at(time_s) - 0.45)
        slow = max(0.3, slow)
        minute = slow * (1.0 + 0.12 * self._lull.at(time_s) + 0.16 * self._gust.at(time_s))
        fast = 0.13 * self._whirl.at(time_s) + 0.08 * self._jitter.at(time_s)
        speed = max(0.0, minute * (1.0 + fast))
        direction = 300.0 + 75.0 * self._veer.at(time_s) + 14.0 * self._sway.at(time_s)
        direction += 10.0 * self._swing.at(time_s)
        return Wind(speed, minute, max(speed, minute * 1.22), direction % 360.0)

    def rain_between(self, start_s: float, end_s: float) -> float:
        """Rain in mm between two instants."""
        return sum(
            shower.depth_mm * (shower.share(end_s) - shower.share(start_s))
            for shower in self._showers_near(start_s, end_s)
        )

    def strikes_between(self, start_s: float, end_s: float) -> int:
        """Lightning strikes between two instants."""
        return sum(
            floor(shower.strikes * shower.share(end_s))
            - floor(shower.strikes * shower.share(start_s))
            for shower in self._showers_near(start_s, end_s)
        )

    def _showers_near(self, start_s: float, end_s: float) -> list[Shower]:
        """Find the showers that can touch a span; one may begin on the day before."""
        first, last = int(start_s // DAY_S) - 1, int(end_s // DAY_S)
        if (first, last) not in self._near:
            showers = map(self._shower, range(first, last + 1))
            self._near[first, last] = [shower for shower in showers if shower is not None]
        return self._near[first, last]

    def _shower(self, day: int) -> Shower | None:
        """Give the shower that begins on a day, if there is one; most come in summer."""
        wetness = season(day * DAY_S, 205.0)
        chance, when, how_long, how_much, thunder = (
            uniform(self._rain, 5 * day + k) for k in range(5)
        )
        if chance >= 0.14 + 0.08 * wetness:
            return None
        depth = min(40.0, -5.0 * log(1.0 - how_much) + 0.3)
        return Shower(
            start_s=day * DAY_S + floor(when * 1440.0) * 60.0,
            duration_s=(0.5 + 5.0 * how_long) * HOUR_S,
            depth_mm=depth,
            strikes=floor(depth * 3.0) if thunder < 0.3 + 0.4 * wetness else 0,
        )

    def _raining(self, time_s: float) -> float:
        """1 while rain falls, 0 otherwise."""
        showers = self._showers_near(time_s, time_s)
        return 1.0 if any(0.0 < shower.share(time_s) < 1.0 for shower in showers) else 0.0

    def _cloud(self, time_s: float, wet: float) -> float:
        cover = 0.3 + 0.65 * self._cover.at(time_s) + 0.8 * wet
        return min(1.0, max(0.0, cover))

    def _solar_hour(self, time_s: float) -> float:
        return (time_s + 240.0 * self._site.lon_deg) % DAY_S / HOUR_S

    def _pressure(self, time_s: float) -> float:
        tide = 0.9 * cos(2.0 * pi * (self._solar_hour(time_s) - 10.0) / 12.0)
        return self._pressure_base + 7.0 * self._depression.at(time_s) + tide

    def _solar(self, time_s: float, cloud: float) -> float:
        latitude = self._site.lat_deg * pi / 180.0
        declination = 0.4091 * season(time_s, 172.0)
        hour_angle = pi * (self._solar_hour(time_s) - 12.0) / 12.0
        height = sin(latitude) * sin(declination)
        height += cos(latitude) * cos(declination) * cos(hour_angle)
        if height <= 0.0:
            return 0.0
        clear = SOLAR_CONSTANT * 0.76 * height  # less what a clear sky takes
        return (
            clear
            * (1.0 - 0.7 * cloud * sqrt(cloud))
            * (1.0 + 0.12 * cloud * self._flicker.at(time_s))
        )
