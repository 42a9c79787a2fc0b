"""When watches by the hour are taken up: in rounds, so that a backlog is not judged over and over."""

from server.watch.keeping.hours import EVERY_S, HourRounds


def worked_off(rounds, now_s):
    for one, _ in rounds.next(100):
        rounds.note(one, None)
    rounds.rest(now_s)


def test_rounds_begin_some_time_apart():
    rounds = HourRounds()
    assert rounds.is_due(5.0)
    rounds.begin(["a"], 5.0)
    assert not rounds.is_due(5.0 + EVERY_S)
    worked_off(rounds, 6.0)

    assert not rounds.is_due(5.0 + EVERY_S - 0.1)
    assert rounds.is_due(5.0 + EVERY_S)


def test_a_long_round_is_rested_from_nine_times_as_long_but_two_minutes_at_most():
    rounds = HourRounds()
    for took_s, rest_s in ((10.0, 90.0), (600.0, 120.0)):
        rounds = HourRounds()
        rounds.begin(["a"], 0.0)
        worked_off(rounds, took_s)

        assert not rounds.is_due(took_s + rest_s - 0.1)
        assert rounds.is_due(took_s + rest_s)


def test_who_has_more_goes_behind_the_others_and_on_from_there():
    rounds = HourRounds()
    rounds.begin(["a", "b"], 0.0)
    rounds.note("a", 20)

    assert rounds.next(5) == [("b", 0), ("a", 20)]


def test_who_is_renewed_is_taken_up_without_a_round():
    """Nor does it begin one, or put the next one off."""
    rounds = HourRounds()
    rounds.begin(["b"], 0.0)
    worked_off(rounds, 0.0)
    rounds.add(["a"])
    assert rounds.left == ["a"]
    worked_off(rounds, 19.0)

    assert rounds.left == []
    assert rounds.is_due(EVERY_S)


def test_a_round_of_nobody_puts_nothing_off():
    """What comes late when nothing did for a while is judged at once."""
    rounds = HourRounds()
    rounds.begin([], 0.0)
    rounds.rest(0.0)

    assert rounds.is_due(0.5)
