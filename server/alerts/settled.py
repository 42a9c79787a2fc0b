"""A rule with what its kind says where it says nothing: all that a watch of it is made from."""

from dataclasses import dataclass
from decimal import Decimal

from server.alerts.condition import HOUR_MS, YEAR_ROUND, Severity, Side
from server.alerts.kinds import InputKind, Kind, Pace, Step, Subject
from server.alerts.measures import convert
from server.alerts.rules import LevelRule, Rule, duration_ms
from wire.properties import PROPERTIES

# Inputs whose values are no longer the series' own, but differences of them.
DIFFERENCES = (InputKind.RATE, InputKind.RISE, InputKind.DIFFERENCE)
# Inputs with a unit of their own.
OF_FIXED_UNIT = (InputKind.DAYS_TO_THRESHOLD, InputKind.FAULT_SHARE, InputKind.STATE)
# Days are counted to half of the extractable water, as dry soil begins there.
DRYING_LINE = Decimal("0.5")
_FIXED_PACES = (Pace.GATEWAY, Pace.SILENCE)


@dataclass(frozen=True, slots=True)
class Line:
    """One level in the rule's unit."""

    severity: Severity
    threshold: Decimal
    leave: Decimal


@dataclass(frozen=True, slots=True)
class Settled:
    """A rule and its kind. Made by `server.alerts.settling.settle`, which refuses faulty ones."""

    rule: Rule
    kind: Kind

    @property
    def input(self) -> InputKind:
        """What is judged."""
        return self.rule.input.of or self.kind.input

    @property
    def is_difference(self) -> bool:
        """Tell whether values are differences, so that units convert without an offset."""
        return self.input in DIFFERENCES

    @property
    def pace(self) -> Pace:
        """Who judges, and when."""
        if self.kind.pace in _FIXED_PACES:
            return self.kind.pace
        return Pace.SAMPLE if self.input is InputKind.SAMPLE else Pace.HOUR

    @property
    def subject(self) -> Subject:
        """What there is a watch for each of."""
        return Subject.THING if self.input is InputKind.ROOT_ZONE_MEAN else self.kind.subject

    @property
    def properties(self) -> tuple[str, ...]:
        """The properties that are looked at, the first that a thing has; none: any."""
        own = self.rule.scope.property
        return self.kind.properties if own is None else (own,)

    @property
    def is_of_the_kinds_properties(self) -> bool:
        """Tell whether the kind's own levels mean anything here."""
        own = self.rule.scope.property
        return own is None or own in self.kind.properties or not self.kind.properties

    @property
    def unit(self) -> str | None:
        """The unit of the levels; None while nothing says it. A rate's is this an hour."""
        if self.rule.unit is not None:
            return self.rule.unit
        if self.kind.unit is not None and self.is_of_the_kinds_properties:
            return self.kind.unit
        found = PROPERTIES.get(self.rule.scope.property or "")
        return found.unit if found else None

    @property
    def side(self) -> Side | None:
        """The side of the levels; None while nothing says it."""
        for level in self.rule.levels:
            return Side.ABOVE if level.below is None else Side.BELOW
        return self.kind.side

    @property
    def lines(self) -> tuple[Line, ...]:
        """The levels, the mildest first."""
        if self.rule.levels:
            lines = [self._own_line(level) for level in self.rule.levels]
        else:
            lines = [self._kinds_line(step) for step in self.kind.levels]
        return tuple(sorted(lines, key=lambda line: line.severity))

    @property
    def window_ms(self) -> int:
        """Over how long values are taken together."""
        own = self.rule.input.window
        return (duration_ms(own) if own else self.kind.window_ms) or HOUR_MS

    @property
    def drying_line(self) -> float:
        """The value that days are counted to, in the series' unit."""
        own = self.rule.input.threshold
        return float(DRYING_LINE if own is None else own)

    @property
    def on_delay_ms(self) -> int:
        """How long a level's threshold is passed before it is entered."""
        return _ms(self.rule.on_delay, self.kind.on_delay_ms)

    @property
    def off_delay_ms(self) -> int:
        """How long a level's deadband is passed before it is left."""
        return _ms(self.rule.off_delay, self.kind.off_delay_ms)

    @property
    def realarm_ms(self) -> int:
        """After how long an episode that goes on is told of again; 0: never."""
        return _ms(self.rule.realarm, self.kind.realarm_ms)

    @property
    def min_share(self) -> float:
        """How many of the expected samples must be good."""
        own = self.rule.min_share
        return self.kind.min_share if own is None else float(own)

    @property
    def months(self) -> frozenset[int]:
        """The months in which the rule holds."""
        return frozenset(self.rule.months) or YEAR_ROUND

    def deadband(self, level: LevelRule) -> Decimal | None:
        """Give a level's deadband: its own, else that of the kind's like level."""
        if level.deadband is not None:
            return level.deadband
        like = next((one for one in self.kind.levels if one.severity == level.rank), None)
        if like is None or not self.is_of_the_kinds_properties:
            return None
        width = abs(Decimal(like.leave) - Decimal(like.threshold))
        return self._from_kind(width, is_difference=True)

    def _own_line(self, level: LevelRule) -> Line:
        threshold = level.above if level.below is None else level.below
        threshold = Decimal(0) if threshold is None else threshold
        if level.leave is not None:
            return Line(level.rank, threshold, level.leave)
        width = self.deadband(level) or Decimal(0)
        safe = width if level.below is not None else -width
        return Line(level.rank, threshold, threshold + safe)

    def _kinds_line(self, step: Step) -> Line:
        threshold, leave = (
            self._from_kind(Decimal(one), is_difference=self.is_difference)
            for one in (step.threshold, step.leave)
        )
        return Line(step.severity, threshold, leave)

    def _from_kind(self, value: Decimal, *, is_difference: bool) -> Decimal:
        if self.kind.unit is None or self.unit is None:
            return value
        return convert(value, self.kind.unit, self.unit, is_difference=is_difference)


def _ms(own: str | None, kinds_ms: int) -> int:
    return kinds_ms if own is None else duration_ms(own)
