"""What the page shows and takes, on a real outbox."""

from decimal import Decimal

import pytest

from gateway.readings import Observation
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

    assert states(place) == {"vwc_raw": "fine", "soil_temperature": "odd", "soil_ec": "missing"}
    hand.advance(151_000)  # two and a half intervals
    assert set(states(place).values()) == {"stale"}


def test_an_older_observation_does_not_hide_a_newer_one(place, hand):
    heard(place, hand, vwc="2400")
    heard(place, hand, vwc="1111", at_ms=hand.mono_ms - 1000)

    assert place.desk.view().sensors[0].values[0].value == "2400"


def make_ready(place, hand):
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
