"""Who is asked for what, and how often."""

from server.ledger.book import Epoch
from server.ledger.resend import Resends, Wanted
from wire.messages import Command

ONE = Wanted(Epoch("dune", "a1b2c3d4"), [(3, 4)])
TWO = Wanted(Epoch("dune", "ffffffff"), [(9, 9)])
OTHER = Wanted(Epoch("edge", "a1b2c3d4"), [(1, 1)])


def test_a_gateway_is_asked_once_a_minute_at_most():
    resends = Resends()

    assert resends.take([ONE], 0.0) == (
        "dune",
        Command(kind="resend", epoch="a1b2c3d4", ranges=[(3, 4)]),
    )
    assert resends.take([ONE], 59.9) is None
    assert resends.take([ONE], 60.0) is not None


def test_one_gateway_does_not_hold_up_another():
    resends = Resends()
    resends.take([ONE], 0.0)

    assert resends.take([OTHER], 0.0) is not None


def test_what_stays_missing_is_asked_for_less_and_less_often():
    """A gateway that cannot answer is not asked for ever; once an hour it may have learned to."""
    resends = Resends()

    asked = [minute for minute in range(400) if resends.take([ONE], minute * 60.0)]

    assert asked == [0, 1, 3, 7, 15, 31, 63, 123, 183, 243, 303, 363]


def test_what_is_newly_missing_is_asked_for_at_once():
    resends = Resends()
    for minute in range(20):
        resends.take([ONE], minute * 60.0)

    more = Wanted(ONE.epoch, [(3, 5)])
    assert resends.take([more], 20 * 60.0)[1].ranges == [(3, 5)]


def test_outboxes_take_turns():
    resends = Resends()

    asked = [resends.take([ONE, TWO], minute * 60.0)[1].epoch for minute in range(3)]

    assert asked == ["a1b2c3d4", "a1b2c3d4", "ffffffff"]


def test_nothing_wanted_is_nothing_said():
    assert Resends().take([], 0.0) is None
