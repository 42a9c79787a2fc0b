"""The checker catches what it must: lost, doubled, wrong, shifted and invented readings."""

from decimal import Decimal

import pytest

from deploy.demo.check import compare
from deploy.demo.check.facts import Answer, Evidence, HistoryRow, Sensor
from wire.catalogue import bundled

START = 1_795_159_200_000  # a full minute
SLOTS = [START, START + 10_000, START + 20_000, START + 30_000]
SOIL = Sensor("dune-1/soil-10cm", bundled()["METER TEROS 12"], 10_000)
SALT = Sensor("dune-1/saltation", bundled()["Saltation counter, ASCII"], 10_000)
PROBE = Sensor("control-1/soil-20cm", bundled()["RS485 soil probe ECTH (0x0000 family)"], 10_000)


def answer(sensor, at_ms, values, reasons=None):
    decimals = {key: Decimal(value) for key, value in values.items()}
    return Answer(at_ms, sensor.name, decimals, reasons or {}, not sensor.is_talker)


@pytest.fixture
def said():
    """Four polls of a probe, and 40 s of a saltation counter with 1, 2, 3, ... grains a second."""
    polls = [
        answer(
            PROBE, slot + 53, {"vwc": f"5.{i}", "soil_temperature": f"-0.{i + 1}", "soil_ec": "23"}
        )
        for i, slot in enumerate(SLOTS)
    ]
    lines = [
        answer(SALT, START + 503 + 1000 * i, {"count": str(i + 1), "energy": f"{i}.5"})
        for i in range(40)
    ]
    return [*polls, *lines]


@pytest.fixture
def stored():
    """What a faultless system makes of it."""
    counts = {10: 55, 20: 155, 30: 255, 40: 355}
    energies = {10: 50.0, 20: 150.0, 30: 250.0, 40: 350.0}
    return {
        "control-1/soil-20cm/vwc": dict(zip(SLOTS, [5.0, 5.1, 5.2, 5.3], strict=True)),
        "control-1/soil-20cm/soil_temperature": dict(
            zip(SLOTS, [-0.1, -0.2, -0.3, -0.4], strict=True)
        ),
        "control-1/soil-20cm/soil_ec": dict.fromkeys(SLOTS, 23.0),
        "dune-1/saltation/saltation_count": {START + s * 1000: v for s, v in counts.items()},
        "dune-1/saltation/saltation_energy": {START + s * 1000: v for s, v in energies.items()},
        "dune-1/saltation/saltation_seconds": {START + s * 1000: 10.0 for s in counts},
    }


def verdict_of(said, stored, sensors=(PROBE, SALT), history=(), stored_twice=()):
    """Compare; beside each series of water is what it makes of assumed sand, if not given."""
    relative = {
        name.replace("/vwc", "/relative_extractable_water"): {
            at: None if water is None else (water / whole - 0.028) / (0.0742 - 0.028)
            for at, water in series.items()
        }
        for name, series in stored.items()
        for whole in [100.0 if name.startswith(PROBE.name) else 1.0]
        if name.endswith("/vwc")
    }
    return compare(
        Evidence(
            sensors=sensors,
            answers=said,
            history=history,
            stored=relative | stored,
            stored_twice=stored_twice,
            started_ms=START - 1,
            ready_ms=START,
            until_ms=START + 47_000,
        )
    )


def test_a_faultless_run_is_exact(said, stored):
    verdict = verdict_of(said, stored)

    assert str(verdict) == "sent 24 stored 24 lost 0 duplicated 0 wrong 0"
    assert verdict.is_exact
    assert verdict.examples == []


def test_nothing_sent_is_not_exact():
    assert not verdict_of([], {}).is_exact


def test_a_lost_poll_is_found(said, stored):
    del stored["control-1/soil-20cm/vwc"][SLOTS[2]]
    verdict = verdict_of(said, stored)

    assert str(verdict) == "sent 24 stored 23 lost 1 duplicated 0 wrong 0"
    assert not verdict.is_exact
    assert verdict.examples == [
        "lost: control-1/soil-20cm/vwc at 2026-11-20T07:20:20.000+00:00: expected 5.2, found nothing"
    ]


def test_an_answer_that_became_a_missing_is_lost(said, stored):
    stored["control-1/soil-20cm/vwc"][SLOTS[2]] = None

    assert str(verdict_of(said, stored)).endswith("lost 1 duplicated 0 wrong 0")


def test_a_lost_window_is_found(said, stored):
    del stored["dune-1/saltation/saltation_energy"][START + 30_000]

    assert str(verdict_of(said, stored)).endswith("lost 1 duplicated 0 wrong 0")


def test_all_windows_of_a_talker_lost(said, stored):
    for name in [name for name in stored if "saltation" in name]:
        del stored[name]

    assert str(verdict_of(said, stored)).endswith("stored 12 lost 12 duplicated 0 wrong 0")


def test_a_wrong_value_is_found(said, stored):
    stored["control-1/soil-20cm/soil_temperature"][SLOTS[0]] = 6553.5
    verdict = verdict_of(said, stored)

    assert str(verdict).endswith("stored 23 lost 0 duplicated 0 wrong 1")
    assert "expected -0.1, got 6553.5" in verdict.examples[0]


def test_the_nearest_double_is_demanded(said, stored):
    stored["control-1/soil-20cm/vwc"][SLOTS[1]] = 5.1 + 1e-12

    assert str(verdict_of(said, stored)).endswith("wrong 1")


def test_readings_one_slot_too_late_are_found(said, stored):
    """A series shifted by one slot: the last one has no answer behind it, the first is lost."""
    series = stored["control-1/soil-20cm/vwc"]
    stored["control-1/soil-20cm/vwc"] = {time + 10_000: value for time, value in series.items()}
    verdict = verdict_of(said, stored)

    assert (verdict.lost, verdict.wrong) == (1, 4)


def test_an_instant_off_by_a_millisecond_is_lost_and_invented(said, stored):
    series = stored["control-1/soil-20cm/vwc"]
    series[SLOTS[1] + 1] = series.pop(SLOTS[1])
    verdict = verdict_of(said, stored)

    assert (verdict.lost, verdict.wrong) == (1, 1)


def test_an_invented_value_is_found(said, stored):
    stored["control-1/soil-20cm/vwc"][START + 40_000] = 5.3
    verdict = verdict_of(said, stored)

    assert str(verdict) == "sent 24 stored 24 lost 0 duplicated 0 wrong 1"
    assert verdict.examples[0].startswith("invented: control-1/soil-20cm/vwc")


def test_a_missing_without_an_answer_is_honest(said, stored):
    stored["control-1/soil-20cm/vwc"][START + 40_000] = None

    assert verdict_of(said, stored).is_exact


def test_a_sentinel_must_be_stored_as_missing(said, stored):
    said.append(answer(PROBE, START + 40_060, {}, {"vwc": "probe fault"}))
    stored["control-1/soil-20cm/vwc"][START + 40_000] = 6553.5
    assert str(verdict_of(said, stored)).endswith("lost 0 duplicated 0 wrong 1")

    stored["control-1/soil-20cm/vwc"][START + 40_000] = None
    assert verdict_of(said, stored).is_exact


def test_a_retry_leaves_a_choice_of_answers(said, stored):
    said.append(answer(PROBE, SLOTS[1] + 900, {"vwc": "7.7"}))
    assert verdict_of(said, stored).is_exact

    stored["control-1/soil-20cm/vwc"][SLOTS[1]] = 7.7
    assert verdict_of(said, stored).is_exact

    stored["control-1/soil-20cm/vwc"][SLOTS[1]] = 6.4  # the mean of both is neither
    assert not verdict_of(said, stored).is_exact


def test_a_line_counted_twice_is_found(said, stored):
    """The line at 19.5 s in the window that ends at 20 s and in the next one."""
    stored["dune-1/saltation/saltation_count"][START + 30_000] += 20

    assert not verdict_of(said, stored).is_exact


def test_a_line_that_slips_over_a_boundary_as_a_whole_is_allowed(said, stored):
    counts = stored["dune-1/saltation/saltation_count"]
    energies = stored["dune-1/saltation/saltation_energy"]
    seconds = stored["dune-1/saltation/saltation_seconds"]
    for series, share in ((counts, 20), (energies, 19.5), (seconds, 1)):
        series[START + 20_000] -= share
        series[START + 30_000] += share

    assert verdict_of(said, stored).is_exact


def test_a_line_that_slips_over_a_boundary_by_half_is_found(said, stored):
    """Its count went into the next window, its energy stayed: no line does that."""
    stored["dune-1/saltation/saltation_count"][START + 20_000] -= 20
    stored["dune-1/saltation/saltation_count"][START + 30_000] += 20

    assert not verdict_of(said, stored).is_exact


def test_a_statistic_of_another_kind_is_found(said, stored):
    stored["dune-1/saltation/saltation_count"][START + 20_000] = 15.5  # the mean, not the sum
    verdict = verdict_of(said, stored)

    assert "expected 155 of 10 lines, got 15.5" in verdict.examples[0]


def test_a_window_that_began_before_the_gateway_may_be_partial(said, stored):
    said.extend(
        answer(SALT, START - 9497 + 1000 * i, {"count": "4", "energy": "1.0"}) for i in range(10)
    )
    stored["dune-1/saltation/saltation_count"][START] = 28.0
    stored["dune-1/saltation/saltation_energy"][START] = 7.0
    stored["dune-1/saltation/saltation_seconds"][START] = 7.0

    assert verdict_of(said, stored).is_exact


def test_the_window_in_which_the_sensors_were_stopped_may_be_there(said, stored):
    """Seven lines of ten make a value: it must be that of exactly those lines."""
    said.extend(
        answer(SALT, START + 40_503 + 1000 * i, {"count": "2", "energy": "1.0"}) for i in range(7)
    )
    stored["dune-1/saltation/saltation_count"][START + 50_000] = 14.0
    assert verdict_of(said, stored).is_exact

    stored["dune-1/saltation/saltation_count"][START + 50_000] = 13.0
    assert not verdict_of(said, stored).is_exact


def test_a_batch_stored_twice_is_counted(said, stored):
    verdict = verdict_of(said, stored, stored_twice=["kubuqi-dune ab12cd34 7"])

    assert str(verdict) == "sent 24 stored 24 lost 0 duplicated 1 wrong 0"
    assert not verdict.is_exact


def test_history_is_compared_row_by_row(said, stored):
    history = [
        HistoryRow(START - 600_000, "control-1/soil-20cm/vwc", Decimal("4.8")),
        HistoryRow(START - 1_200_000, "control-1/soil-20cm/vwc", None),
    ]
    stored["control-1/soil-20cm/vwc"].update({START - 600_000: 4.8, START - 1_200_000: None})
    assert str(verdict_of(said, stored, history=history)).startswith("sent 26 stored 26 lost 0")

    stored["control-1/soil-20cm/vwc"][START - 600_000] = 4.9
    assert str(verdict_of(said, stored, history=history)).endswith("lost 0 duplicated 0 wrong 1")


class TestDerived:
    """dune-1/soil-10cm/vwc follows from vwc_raw; 3.879e-4 x 2493.4 - 0.6956 = 0.27158986."""

    said = (answer(SOIL, START + 700, {"vwc_raw": "2493.4"}),)

    def verdict(self, derived):
        stored = {"dune-1/soil-10cm/vwc_raw": {START: 2493.4}, "dune-1/soil-10cm/vwc": derived}
        return verdict_of(self.said, stored, sensors=[SOIL])

    def test_right(self):
        assert str(self.verdict({START: 0.27158986})).endswith("lost 0 duplicated 0 wrong 0")

    @pytest.mark.parametrize("derived", [{}, {START: 0.2716}, {START: None}])
    def test_absent_or_wrong(self, derived):
        assert str(self.verdict(derived)) == "sent 1 stored 1 lost 0 duplicated 0 wrong 1"

    def test_without_a_source(self):
        verdict = self.verdict({START: 0.27158986, START + 10_000: 0.2})

        assert verdict.wrong == 1


class TestRelativeWater:
    """It follows from water content in sand: (0.27158986 - 0.028) / 0.0462 = 5.27250779."""

    said = (answer(SOIL, START + 700, {"vwc_raw": "2493.4"}),)

    def verdict(self, relative):
        stored = {
            "dune-1/soil-10cm/vwc_raw": {START: 2493.4},
            "dune-1/soil-10cm/vwc": {START: 0.27158986},
            "dune-1/soil-10cm/relative_extractable_water": relative,
        }
        return verdict_of(self.said, stored, sensors=[SOIL])

    def test_right(self):
        assert self.verdict({START: 0.24358986 / 0.0462}).is_exact

    @pytest.mark.parametrize("relative", [{}, {START: 5.27}, {START: None}])
    def test_absent_or_wrong(self, relative):
        assert str(self.verdict(relative)) == "sent 1 stored 1 lost 0 duplicated 0 wrong 1"


def test_at_most_twenty_examples_are_told(said, stored):
    stored.clear()
    verdict = verdict_of(said, stored)

    assert verdict.lost == 24
    assert len(verdict.examples) == 20
