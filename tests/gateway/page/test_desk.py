"""What the page shows and takes, on a real outbox."""

from decimal import Decimal

import pytest

from gateway.buses.asking import Answer
from gateway.readings import Observation, Reading
from tests.gateway.page.conftest import JPEG

SOIL = "dune-1/soil-10cm"


def heard(place, hand, vwc="2400", temperature="18.5", ec="12", at_ms=None):
    mono_ms = hand.mono_ms if at_ms is None else at_ms
    values = {"vwc_raw": vwc, "soil_temperature": temperature, "soil_ec": ec}
    place.board(
        [
            Observation(
                f"{SOIL}/{name}",
                mono_ms,
                None if value is None else Decimal(value),
                reason="" if value else "timeout",
            )
            for name, value in values.items()
        ]
    )


def states(place):
    (sensor,) = place.desk.view().sensors
    return {one.datastream.rpartition("/")[2]: one.state.value for one in sensor.values}


def test_the_board_hands_on_what_it_shows(place, hand):
    heard(place, hand)

    assert [one.datastream for one in place.kept] == [
        f"{SOIL}/vwc_raw",
        f"{SOIL}/soil_temperature",
        f"{SOIL}/soil_ec",
    ]


def test_before_the_first_reading_all_wait(place):
    assert set(states(place).values()) == {"waiting"}


def test_values_are_shown_with_unit_and_age(place, hand):
    heard(place, hand)
    hand.advance(12_000)
    (sensor,) = place.desk.view().sensors

    first = sensor.values[0]
    assert (first.value, first.unit, first.age_s) == ("2400", "raw", 12.0)
    assert first.at_ms == hand.mono_ms + hand.offset_ms - 12_000


def test_impossible_missing_and_old_values_are_told_apart(place, hand):
    heard(place, hand, temperature="85", ec=None)

    assert states(place) == {
        "vwc_raw": "fine",
        "vwc": "fine",
        "soil_temperature": "odd",
        "soil_ec": "missing",
    }
    hand.advance(151_000)  # two and a half intervals
    assert set(states(place).values()) == {"stale"}


def test_an_older_observation_does_not_hide_a_newer_one(place, hand):
    heard(place, hand, vwc="2400")
    heard(place, hand, vwc="1111", at_ms=hand.mono_ms - 1000)

    assert place.desk.view().sensors[0].values[0].value == "2400"


def make_ready(place, hand, *, heard_first=True):
    if heard_first:
        heard(place, hand)
    place.outbox.append([Observation(f"{SOIL}/vwc_raw", hand.mono_ms, Decimal(2400))])
    place.outbox.seal()
    place.outbox.confirm([(1, 1)])
    place.desk.photograph(JPEG)
    place.desk.place(_position("dune-1"))


def _position(thing):
    from gateway.page.visits import Position

    return Position(thing=thing, lat=40.6, lon=108.9)


def test_step_by_step_the_card_turns_green(place, hand):
    before = place.desk.view()
    assert not before.may_leave
    make_ready(place, hand)
    after = place.desk.view()

    assert after.may_leave, after.steps
    assert {one.verdict.value for one in after.steps} == {"fine"}


def test_the_record_is_kept_and_sent(place, hand):
    make_ready(place, hand)
    record = place.desk.leave("Bayar", "new probe at 10 cm", anyway=False)

    assert record.green
    assert record.clock == "ntp"
    assert len(record.photos) == 1
    assert place.visits.newest() == record
    assert place.link.announced == 2  # for the position, too
    assert place.desk.view().installation == record


def test_one_may_leave_anyway_and_the_record_says_so(place):
    with pytest.raises(ValueError, match="not ready"):
        place.desk.leave("Bayar", "", anyway=False)
    record = place.desk.leave("Bayar", "storm is coming", anyway=True)

    assert not record.green
    assert "failed" in {one.verdict for one in record.steps}


def test_nobody_leaves_without_a_name(place):
    with pytest.raises(ValueError, match="who you are"):
        place.desk.leave("  ", "", anyway=True)


def test_the_photo_of_one_visit_does_not_count_for_the_next(place, hand):
    make_ready(place, hand)
    place.desk.leave("Bayar", "", anyway=False)

    assert place.desk.view().photos == []
    assert not place.desk.view().may_leave


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7", b"<svg/>"])
def test_what_is_no_photo_is_refused(place, content):
    with pytest.raises(ValueError, match="no photo"):
        place.desk.photograph(content)


def test_a_position_of_another_gateway_is_refused(place):
    with pytest.raises(ValueError, match="dune-9"):
        place.desk.place(_position("dune-9"))


def test_the_self_test_does_not_write_at_every_look(place, hand):
    """A page left open asks every two seconds, for a year."""
    place.desk.view()
    first = place.outbox.meta("page_self_test")
    hand.advance(50_000)
    place.desk.view()
    assert place.outbox.meta("page_self_test") == first
    hand.advance(11_000)
    place.desk.view()
    assert place.outbox.meta("page_self_test") != first


def test_what_a_power_cut_left_of_a_photo_is_none(place):
    place.desk.photograph(JPEG)
    (kept,) = (place.data_dir / "photos").iterdir()
    kept.rename(kept.with_name(f".{kept.name}.new"))

    assert place.desk.view().photos == []
    record = place.desk.leave("Bayar", "", anyway=True)
    assert place.visits.newest() == record


def answered(place, hand, vwc="2500", temperature="18.5"):
    """Let the sensor answer a person."""
    readings = [Reading("vwc_raw", Decimal(vwc)), Reading("soil_temperature", Decimal(temperature))]
    place.bus.questions.answer(SOIL, Answer(hand.mono_ms, readings))


def shown(place, name="vwc_raw"):
    (sensor,) = place.desk.view().sensors
    return next(one for one in sensor.values if one.datastream.endswith(f"/{name}"))


def test_what_is_asked_for_is_shown_beside_what_is_stored_and_not_stored(place, hand):
    heard(place, hand)
    kept = len(place.kept)
    place.desk.ask([SOIL])
    assert place.desk.view().sensors[0].asking
    hand.advance(7_000)
    answered(place, hand)

    assert not place.desk.view().sensors[0].asking
    assert (shown(place).value, shown(place).now) == ("2400", "2500")
    assert place.desk.view().sensors[0].asked_s == 0.0
    assert len(place.kept) == kept


def test_the_newer_of_the_two_counts(place, hand):
    place.desk.ask([])
    answered(place, hand, temperature="85")
    assert (shown(place, "soil_temperature").state, shown(place, "soil_ec").state) == (
        "odd",
        "waiting",
    )
    hand.advance(1000)
    heard(place, hand)

    assert (shown(place, "soil_temperature").state, shown(place).now) == ("fine", None)


def test_who_does_not_answer_a_person_is_silent_whatever_was_stored(place, hand):
    heard(place, hand)
    hand.advance(1000)
    place.desk.ask([SOIL])
    readings = [
        Reading(name, None, "timeout") for name in ("vwc_raw", "soil_temperature", "soil_ec")
    ]
    place.bus.questions.answer(SOIL, Answer(hand.mono_ms, readings))

    (told,) = [one for one in place.desk.view().steps if one.about == "sensors"]
    assert (told.verdict, told.said) == ("failed", "silent: dune-1/soil-10cm (timeout)")


def test_a_question_that_could_not_be_put_says_nothing_of_the_sensor(place, hand):
    heard(place, hand)
    place.desk.ask([SOIL])
    place.bus.questions.answer(SOIL, Answer(hand.mono_ms + 1, reason="being scanned"))

    assert place.desk.view().sensors[0].asked_reason == "being scanned"
    assert shown(place).state == "fine"


def test_an_answer_becomes_old_like_any_reading(place, hand):
    place.desk.ask([SOIL])
    answered(place, hand)
    hand.advance(151_000)  # two and a half intervals

    assert shown(place).state == "stale"


def test_a_sensor_of_another_gateway_cannot_be_asked(place):
    with pytest.raises(ValueError, match="dune-9/soil"):
        place.desk.ask(["dune-9/soil"])


def test_a_reading_on_demand_is_enough_to_see_that_a_sensor_answers(place, hand):
    """Its next slot may be an hour away."""
    make_ready(place, hand, heard_first=False)
    assert not place.desk.view().may_leave
    place.desk.ask([])
    answered(place, hand)
    readings = [Reading(name, Decimal(20)) for name in ("soil_temperature", "soil_ec")]
    place.desk.ask([])
    place.bus.questions.answer(
        SOIL, Answer(hand.mono_ms, [Reading("vwc_raw", Decimal(2400)), *readings])
    )

    assert place.desk.view().may_leave


def test_the_water_content_stands_beside_the_counts_and_its_state_is_theirs(place, hand):
    heard(place, hand, vwc="2400")
    assert (shown(place, "vwc").value, shown(place, "vwc").unit) == ("0.235", "m³/m³")
    assert shown(place, "vwc").source == shown(place).label
    place.desk.ask([SOIL])
    hand.advance(1000)
    answered(place, hand, vwc="2500")
    assert shown(place, "vwc").now == "0.274"
    hand.advance(200_000)

    assert (shown(place, "vwc").state, shown(place).state) == ("stale", "stale")


def test_more_water_than_there_is_room_for_cannot_be(place, hand):
    """Counts that the instrument can give, and no soil: told of the water, not of the counts."""
    heard(place, hand, vwc="4600")

    assert (shown(place).state, shown(place, "vwc").state) == ("fine", "odd")
    (told,) = [one for one in place.desk.view().steps if one.about == "values"]
    assert told.said == "cannot be: dune-1/soil-10cm: Soil water 1.089 m³/m³"


def test_of_a_value_that_cannot_be_what_is_computed_from_it_is_not_told_as_well(place, hand):
    heard(place, hand, vwc="900")

    (told,) = [one for one in place.desk.view().steps if one.about == "values"]
    assert told.said == "cannot be: dune-1/soil-10cm: Soil water, raw 900 raw"
