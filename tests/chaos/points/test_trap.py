"""Traps: spring at the wanted event and no other; nothing passes that was to be held."""

from benchmarks.chaos_suite.points.events import Event, Thread, Way, What
from benchmarks.chaos_suite.points.taps import Passage
from benchmarks.chaos_suite.points.trap import Gate, Sight, Trap
from benchmarks.chaos_suite.points.witness import Witness

DUNE, CONTROL = "chaos-dune", "chaos-control"
PUBLISH = Event(DUNE, What.PUBLISH, Way.UP)
RECEIPT = Event(DUNE, What.RECEIPT, Way.DOWN)
SEALED = Event(DUNE, What.SYNCED, thread=Thread.UPLINK)
CONFIRMED = Event(DUNE, What.WRITE, thread=Thread.UPLINK)

AT_PUBLISH = Sight(What.PUBLISH, DUNE, Way.UP)
AT_RECEIPT = Sight(What.RECEIPT, DUNE)
AT_SEAL = Sight(What.SYNCED, DUNE, thread=Thread.UPLINK)
AT_CONFIRM = Sight(What.WRITE, DUNE, thread=Thread.UPLINK)


def test_it_springs_the_so_manieth_time_and_holds_what_sprung_it():
    trap = Trap([AT_PUBLISH], 3)

    assert [trap.judge(PUBLISH) for _ in range(3)] == [Passage.PASS, Passage.PASS, Passage.HOLD]
    assert trap.sprung_by == PUBLISH


def test_it_springs_once():
    trap = Trap([AT_PUBLISH], 1)

    assert [trap.judge(PUBLISH) for _ in range(2)] == [Passage.HOLD, Passage.PASS]


def test_what_sprung_it_may_pass():
    assert Trap([AT_PUBLISH], 1, passes=True).judge(PUBLISH) is Passage.PASS_THEN_HOLD


def test_events_of_others_are_not_counted():
    trap = Trap([AT_PUBLISH, AT_CONFIRM], 1)
    strange = [
        Event(CONTROL, What.PUBLISH, Way.UP),
        Event(DUNE, What.PUBLISH, Way.DOWN),
        Event(DUNE, What.PUBACK, Way.UP),
    ]
    assert {trap.judge(one) for one in strange} == {Passage.PASS}
    trap.judge(PUBLISH)
    trap.judge(Event(DUNE, What.WRITE, thread=Thread.BUS))

    assert trap.sprung_by is None
    assert trap.judge(CONFIRMED) is Passage.HOLD


def test_what_is_withheld_waits_until_it_is_the_next_step():
    trap = Trap([AT_SEAL, AT_RECEIPT, AT_CONFIRM], 1, withheld=AT_RECEIPT)

    assert trap.judge(RECEIPT) is Passage.WAIT
    assert trap.judge(CONFIRMED) is Passage.PASS
    assert trap.judge(SEALED) is Passage.PASS
    assert trap.judge(RECEIPT) is Passage.PASS
    assert trap.judge(RECEIPT) is Passage.WAIT
    assert trap.judge(CONFIRMED) is Passage.HOLD


def test_a_gate_without_a_trap_lets_all_pass():
    gate = Gate(Witness())

    assert gate.judge(PUBLISH) is Passage.PASS
    assert not gate.is_sprung


def test_a_gate_kills_when_the_trap_springs_and_only_then():
    gate, killed = Gate(Witness()), []
    gate.set(Trap([AT_SEAL], 2))

    gate.judge(SEALED, lambda: killed.append("too early"))
    gate.judge(SEALED, lambda: killed.append("now"))
    gate.judge(SEALED, lambda: killed.append("again"))

    assert killed == ["now"]
    assert gate.is_sprung


def test_what_waits_is_judged_anew_when_something_else_has_passed():
    gate, changes = Gate(Witness()), []
    gate.on_change = lambda: changes.append("changed")
    gate.set(Trap([AT_SEAL, AT_RECEIPT], 1, withheld=AT_RECEIPT))
    changes.clear()

    gate.judge(RECEIPT)
    assert changes == []
    gate.judge(SEALED)
    assert changes == ["changed"]
