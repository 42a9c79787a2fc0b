"""A bus leaves its port to somebody else for a while, and takes it back."""

import threading

import pytest

from gateway.buses.handover import Handover
from gateway.buses.runner import PORT_LENT, PORT_TAKEN_BACK
from gateway.buses.serial_port import PortSettings, SerialPort
from gateway.errors import BusError
from tests.gateway.buses.test_runner import answer, reasons, run, section, values

__all__ = ["run"]  # the fixture


def test_a_lent_port_can_be_opened_and_what_is_due_meanwhile_is_missing_for_that_reason(
    run, peer, eventually, logged
):
    seen = []
    device = peer(answer)
    runner = run(section(device.port), seen.extend)
    eventually(lambda: any(values(seen)))
    with pytest.raises(BusError, match="in use"):
        SerialPort(PortSettings(device.port, 9600), lambda: False)

    with runner.without_port("being scanned"):
        SerialPort(PortSettings(device.port, 9600), lambda: False).close()
        eventually(lambda: "being scanned" in reasons(seen))
        assert (runner.health().open, runner.health().last_error) == (False, "being scanned")

    back = len(seen)
    eventually(lambda: any(values(seen[back:])))
    assert runner.health().last_error == ""
    events = [one["event"] for one in logged if one["event"] in {PORT_LENT, PORT_TAKEN_BACK}]
    assert events == [PORT_LENT, PORT_TAKEN_BACK]
    assert "port not there" not in reasons(seen)


def test_a_question_under_way_has_its_answer_before_the_port_is_lent(run, peer, eventually):
    asked, free = threading.Event(), threading.Event()

    def slow(request):
        asked.set()
        free.wait(10)
        return answer(request)

    seen = []
    runner = run(section(peer(slow).port, interval_s=3600), seen.extend)
    runner.ask("dune-1/probe")
    assert asked.wait(15)
    threading.Timer(0.2, free.set).start()
    with runner.without_port("being scanned"):
        told = runner.questions.newest("dune-1/probe")

    assert {one.key: str(one.value) for one in told.readings}["vwc"] == "49.5"


def test_a_port_is_lent_to_one_at_a_time_and_taken_back_after_a_failure(run, peer, eventually):
    seen = []
    runner = run(section(peer(answer).port), seen.extend)

    def fail():
        with runner.without_port("being scanned"):
            with pytest.raises(BusError, match="being scanned already"):
                runner.without_port("being scanned").__enter__()
            raise OSError("the scan fell over")

    with pytest.raises(OSError, match="fell over"):
        fail()
    back = len(seen)
    eventually(lambda: any(values(seen[back:])))


def test_who_is_not_given_the_port_in_time_is_told():
    """Such as of a bus whose thread has ended."""
    handover = Handover()
    with pytest.raises(BusError, match="has not let go"):
        handover.taken("being scanned", 0.01).__enter__()

    assert handover.wanted == ""
