"""A WXT530 as its manual describes it; byte literals are the manual's, recomputed."""

import pytest

from firmware_sim.devices.streams.vaisala import AutomaticWxt, PolledWxt
from firmware_sim.faults import Ailments, Fault, FaultKind

NOW = 1_795_000_000.0
MODEL = "Vaisala WXT530, with checksum"


@pytest.fixture
def wxt(set_up):
    return PolledWxt(set_up(MODEL, address="0"))


def said(wxt, command):
    return [send.data for send in wxt.hear(command, NOW)]


def test_wind_is_printed_with_its_letters(wxt):
    assert said(wxt, b"0R1\r\n") == [b"0R1,Dn=215D,Dm=215D,Dx=215D,Sn=5.4M,Sm=5.4M,Sx=5.4M\r\n"]


@pytest.mark.parametrize("command", [b"0r1Goe\r\n", b"0r2Gje\r\n", b"0r3Kid\r\n", b"0r5Kcd\r\n"])
def test_a_sealed_question_gets_a_sealed_answer(wxt, command):
    (line,) = said(wxt, command)

    assert line.startswith(command[:3] + b",")
    assert said(wxt, command.upper()[:3] + b"\r\n") == [line.replace(b"r", b"R", 1)[:-5] + b"\r\n"]


def test_a_wrong_checksum_is_refused_with_the_right_one(wxt):
    assert said(wxt, b"0r1XXX\r\n") == [b"0tX,Use chksum GoeIU~\r\n"]


def test_one_question_can_ask_for_all_messages(wxt):
    assert [line[:4] for line in said(wxt, b"0R\r\n")] == [b"0R1,", b"0R2,", b"0R3,", b"0R5,"]


def test_what_it_does_not_know_it_says(wxt):
    assert said(wxt, b"0Q9\r\n") == [b"0TX,Unknown cmd error\r\n"]


def test_commands_to_others_are_not_its_own_and_come_in_pieces(wxt):
    assert said(wxt, b"1R1\r\n") == []
    assert said(wxt, b"0R") == []
    assert len(said(wxt, b"2\r\n")) == 1


def test_when_it_ails_its_wind_is_marked_invalid(set_up):
    faults = Ailments([Fault(kind=FaultKind.AILS)], NOW)
    wxt = PolledWxt(set_up(MODEL, address="0", faults=faults))

    (line,) = said(wxt, b"0R1\r\n")
    assert line == b"0R1,Dn=000#,Dm=000#,Dx=000#,Sn=0.0#,Sm=0.0#,Sx=0.0#\r\n"


def test_in_automatic_mode_it_speaks_every_five_seconds(set_up):
    wxt = AutomaticWxt(set_up("Vaisala WXT530, automatic"), sealed=False)

    assert [len(wxt.say(second)) for second in (0, 1, 4, 5)] == [4, 0, 0, 4]
