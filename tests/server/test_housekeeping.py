"""The housekeeper: chores take turns, and one that fails keeps none of the others up."""

import time

import pytest

from server.housekeeping import Chore, Housekeeper


@pytest.fixture
def keep(sqlite_engine, monkeypatch):
    monkeypatch.setattr("server.housekeeping._REST_S", 0.001)
    monkeypatch.setattr("server.housekeeping._AFTER_FAILURE_S", 0.02)
    keepers = []

    def start(*chores):
        keeper = Housekeeper(sqlite_engine, chores)
        keepers.append(keeper)
        keeper.start()
        return keeper

    yield start
    for keeper in keepers:
        keeper.stop()


def poll(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def chore(name, step, every_s=3600.0):
    return Chore(name, step, every_s, f"{name} is not done")


def test_a_chore_is_done_step_by_step_until_nothing_is_left(keep):
    steps, others = [], []

    def step():
        steps.append(1)
        return 0.0 if len(steps) < 5 else None

    def endless():
        others.append(1)
        return 0.0

    keep(chore("journal", step), chore("retention", endless))

    poll(lambda: len(others) > 20)
    assert len(steps) == 5, "the next time is in an hour"


def test_chores_take_turns(keep):
    order = []

    def endless(name):
        def step():
            order.append(name)
            return 0.0

        return step

    keep(chore("a", endless("a")), chore("b", endless("b")))

    poll(lambda: len(order) > 20)
    assert abs(order[:20].count("a") - 10) <= 1


def test_a_chore_that_fails_is_named_and_tried_again_beside_the_others(keep):
    broken, done = [True], []

    def fail():
        if broken:
            raise OSError("no room")

    def step():
        done.append(1)
        return 0.001

    keeper = keep(chore("retention", fail), chore("journal", step))

    poll(lambda: "retention is not done" in keeper.errors.get("retention", ""))
    assert "no room" in keeper.errors["retention"]
    before = len(done)
    poll(lambda: len(done) > before + 5)
    broken.clear()
    poll(lambda: keeper.errors == {})


def test_a_chore_says_itself_when_it_wants_to_go_on(keep):
    steps = []

    def step():
        steps.append(time.monotonic())
        return 0.05

    keep(chore("retention", step))

    poll(lambda: len(steps) == 3)
    assert steps[2] - steps[0] >= 0.1
