"""Which watches rules call for at a gateway, and what each is judged by."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import structlog

from server.alerts.condition import HOUR_MS, Condition
from server.alerts.kinds import InputKind, Pace, Subject
from server.alerts.rules import Scope
from server.alerts.settled import Settled
from server.alerts.settling import Series, condition_of, value_unit
from server.soil.ground import Ground
from server.watch.rows import Basis, Source
from server.watch.rules.subjects import Measured, Place, Subjects
from wire.errors import ConfigError

# Kinds that speak of water in the soil.
_OF_SOIL = ("dry_soil", "getting_dry", "water_arrived")

RULE_UNFIT = "rule_does_not_fit"

log = structlog.get_logger(__name__)

Others = Callable[[Scope], Sequence[Measured]]
"""Finds the series of a scope, at whichever gateway."""


@dataclass(frozen=True, slots=True)
class Ruled:
    """A rule in force, and the id it is stored by."""

    id: int
    settled: Settled


@dataclass(frozen=True, slots=True)
class Wanted:
    """A watch that should be there; `subject` is the same for the same thing, ever."""

    rule_id: int
    subject: str
    place: Place
    datastream_id: int | None
    basis: Basis


@dataclass(slots=True)
class Wants:
    """Works out the watches of one gateway after the other; says once what does not fit."""

    rules: Sequence[Ruled]
    others: Others
    grounds: Mapping[int, Ground] = field(default_factory=dict)
    _conditions: dict[tuple[int, Series], Condition] = field(default_factory=dict)
    _unfit: set[str] = field(default_factory=set)

    def at(self, subjects: Subjects) -> list[Wanted]:
        """List the watches of a gateway; a subject that a rule does not fit is left out."""
        found: list[Wanted] = []
        for rule in self.rules:
            for make in self._each(rule, subjects):
                try:
                    found.append(make())
                except ConfigError as error:
                    self._say(str(error))
        return found

    def _each(self, rule: Ruled, subjects: Subjects) -> Iterator[Callable[[], Wanted]]:
        """Give for each subject of a rule how to make its watch."""
        settled, scope = rule.settled, rule.settled.rule.scope
        if settled.subject is Subject.GATEWAY:
            if subjects.covers_gateway(scope):
                yield partial(self._of_state, rule, subjects.gateway)
        elif settled.subject is Subject.THING and settled.pace is Pace.SILENCE:
            for place in subjects.places(scope):
                yield partial(self._of_state, rule, place)
        elif settled.subject is Subject.THING:
            yield from self._each_profile(rule, subjects)
        else:
            least_m = settled.kind.least_depth_m
            for one in subjects.chosen(scope, settled.properties, least_m):
                yield partial(self._of_series, rule, one)

    def _each_profile(self, rule: Ruled, subjects: Subjects) -> Iterator[Callable[[], Wanted]]:
        settled = rule.settled
        chosen = subjects.chosen(settled.rule.scope, settled.properties)
        for place in subjects.things:
            layers = [one for one in chosen if one.place is place and one.depth_m is not None]
            if layers:
                yield partial(self._of_profile, rule, layers)

    def _of_state(self, rule: Ruled, place: Place) -> Wanted:
        name = place.thing or place.gateway_id
        subject = f"thing:{place.thing_id}" if place.thing_id else f"gateway:{place.gateway_id}"
        basis = self._basis(rule, Series(name, zone=place.zone))
        return Wanted(rule.id, subject, place, None, basis)

    def _of_series(self, rule: Ruled, one: Measured) -> Wanted:
        settled, series = rule.settled, _series(one)
        subject = f"datastream:{one.datastream_id}"
        if settled.input is InputKind.FAULT_SHARE:
            one = replace(one, thermometer=None)  # a fault is one in the cold as well
        if settled.pace is Pace.SAMPLE:
            basis = self._basis(rule, series, one)
            return Wanted(rule.id, subject, one.place, one.datastream_id, basis)
        other = self._other(settled, one) if settled.input is InputKind.DIFFERENCE else None
        sources = ((_source(one),), _source(other) if other else None)
        basis = self._basis(rule, series, one, *sources)
        return Wanted(rule.id, subject, one.place, None, basis)

    def _of_profile(self, rule: Ruled, layers: Sequence[Measured]) -> Wanted:
        first = layers[0]
        basis = self._basis(rule, _series(first), first, tuple(_source(one) for one in layers))
        return Wanted(rule.id, f"thing:{first.place.thing_id}", first.place, None, basis)

    def _basis(
        self,
        rule: Ruled,
        series: Series,
        first: Measured | None = None,
        sources: tuple[Source, ...] = (),
        other: Source | None = None,
    ) -> Basis:
        settled = rule.settled
        counts = settled.input is InputKind.DAYS_TO_THRESHOLD
        depth_m = settled.rule.scope.depth_m
        return Basis(
            condition=self._condition(rule, series),
            realarm_ms=settled.realarm_ms,
            unit=value_unit(settled, series),
            input=settled.input,
            window_ms=settled.window_ms,
            threshold=settled.drying_line if counts else None,
            sources=sources,
            other=other,
            span_m=(float(depth_m[0]), float(depth_m[1])) if depth_m else None,
            thermometer=first.thermometer if first and not sources else None,
            about=self._about(settled, first) if first else {},
        )

    def _about(self, settled: Settled, one: Measured) -> dict[str, Any]:
        """Say where and by what a series is measured, and in which soil if that matters."""
        told: dict[str, Any] = {
            "datastream_id": one.datastream_id,
            "datastream": one.name,
            "thing": one.place.name,
            "sensor": one.sensor,
            "property": one.property,
        }
        heights = {"depth_m": one.depth_m, "height_m": one.height_m}
        told |= {key: value for key, value in heights.items() if value is not None}
        ground = self.grounds.get(one.datastream_id)
        if settled.kind.key in _OF_SOIL and ground is not None:
            told["soil"] = {"texture": ground.texture, "assumed": ground.is_assumed}
        return told

    def _condition(self, rule: Ruled, series: Series) -> Condition:
        """Make the condition; series that are alike share theirs."""
        alike = Series("", series.property, series.unit, series.interval_s, series.zone)
        found = self._conditions.get((rule.id, alike))
        if found is None:
            found = self._conditions[rule.id, alike] = condition_of(rule.settled, series)
        return found

    def _other(self, settled: Settled, one: Measured) -> Measured:
        """Find what a series is compared with: the same property, as deep as can be."""
        scope = settled.rule.input.other or Scope()
        found = [
            other
            for other in self.others(scope)
            if other.property == one.property and other.datastream_id != one.datastream_id
        ]
        if not found:
            raise ConfigError(
                f"rule '{settled.rule.key}' on {one.name}",
                f"input.other: nothing there measures {one.property}; name another plot",
            )
        return min(found, key=lambda other: abs((other.depth_m or 0.0) - (one.depth_m or 0.0)))

    def _say(self, fault: str) -> None:
        if fault not in self._unfit:
            self._unfit.add(fault)
            log.warning(RULE_UNFIT, fault=fault)


def _series(one: Measured) -> Series:
    return Series(one.name, one.property, one.unit, one.interval_s, one.place.zone)


def _source(one: Measured) -> Source:
    interval_ms = round(one.interval_s * 1000) or HOUR_MS
    return Source(one.datastream_id, one.depth_m, interval_ms, one.thermometer)
