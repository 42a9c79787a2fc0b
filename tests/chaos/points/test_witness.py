"""The witness: nothing that the server says may be ahead of its commit."""

import pytest

from benchmarks.chaos_suite.points.events import Event, Way, What
from benchmarks.chaos_suite.points.witness import Witness

BATCH = "saxaul/1/chaos-dune/batch/0123456789abcdef/7"


def event(peer, what, way):
    return Event(peer, what, way, (BATCH,))


COMMITTED = event("database", What.COMMIT_DONE, Way.DOWN)
LOST_ANSWER = event("database", What.COMMIT_UNKNOWN, Way.DOWN)
ASKED = event("database", What.COMMIT, Way.UP)
SAID = [event("broker", What.PUBACK, Way.UP), event("broker", What.RECEIPT, Way.UP)]


def told(*events):
    witness = Witness()
    for one in events:
        witness.note(one)
    return witness.found


@pytest.mark.parametrize("said", SAID)
def test_what_is_said_before_the_answer_to_the_commit_is_told(said):
    (example,) = told(ASKED, said, COMMITTED)

    assert example == f"{said.what} by the server before its commit: {BATCH}"


@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize("kept", [COMMITTED, LOST_ANSWER])
def test_what_is_said_after_it_is_well(said, kept):
    assert told(ASKED, kept, said) == []


def test_what_the_broker_says_to_anyone_is_no_promise_of_the_server():
    broker_to_gateway = event("chaos-dune", What.PUBACK, Way.DOWN)
    broker_to_server = event("broker", What.PUBLISH, Way.DOWN)

    assert told(broker_to_gateway, broker_to_server) == []


def test_a_receipt_that_reaches_a_gateway_is_asked_of_the_servers_file():
    passed = event("chaos-dune", What.RECEIPT, Way.DOWN)
    wrong, right = Witness(lambda _topic: False), Witness(lambda _topic: True)
    wrong.note(passed)
    right.note(passed)

    assert wrong.found == [f"PUBLISH of a receipt by the server before its commit: {BATCH}"]
    assert right.found == []


def test_what_an_outbox_holds_for_confirmed_needs_a_receipt():
    witness = Witness()
    witness.compare({BATCH})
    assert witness.found == [f"confirmed in the outbox without a receipt: {BATCH}"]

    told = Witness()
    told.note(event("chaos-dune", What.RECEIPT, Way.DOWN))
    told.compare({BATCH})
    assert told.found == []
