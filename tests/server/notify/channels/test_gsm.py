"""A GSM modem on a pseudo-terminal, whose other end is played here."""

import os
import pty
import re
import threading
import tty
from dataclasses import replace

import pytest

from server.notify.channels.gsm import GsmModem, GsmSettings
from server.notify.channels.port import Later, Never, Sent, UnsureError
from tests.server.notify.channels.letter import envelope

NUMBER = "+8613800138000"


class Modem:
    """The modem's side of the line; `answers` are given to `AT+CMGS`, one each."""

    def __init__(self, answers):
        self.answers = list(answers)
        self.taken = []
        self.master, slave = pty.openpty()
        tty.setraw(self.master)
        tty.setraw(slave)
        self.port = os.ttyname(slave)
        self._slave = slave
        self._thread = threading.Thread(target=self._play, daemon=True)
        self._thread.start()

    def _play(self):
        heard = b""
        while True:
            try:
                some = os.read(self.master, 256)
            except OSError:
                return
            if not some:
                return
            heard = self._react(heard + some)

    def _react(self, heard):
        if b"\x1a" in heard:
            pdu, _, heard = heard.partition(b"\x1a")
            self.taken.append(pdu)
            answer = self.answers.pop(0)
            if answer:
                os.write(self.master, answer)
            return heard
        found = re.search(rb"(AT[^\r]*)\r", heard)
        if found is None:
            return heard
        prompt = found[1].startswith(b"AT+CMGS")
        os.write(self.master, b"\r\n> " if prompt else b"\r\nOK\r\n")
        return heard[found.end() :]

    def close(self):
        os.close(self._slave)  # which ends what is read at the other end
        self._thread.join(20)
        os.close(self.master)


@pytest.fixture
def modem():
    opened = []

    def make(*answers):
        opened.append(Modem(answers))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def _send(one, text="Dune 1 is dry", send_s=20.0):
    message = envelope(NUMBER)
    message = replace(message, said=replace(message.said, short=text))
    return GsmModem(GsmSettings(one.port), send_s=send_s).send(message)


def test_a_message_is_handed_to_the_network(modem):
    one = modem(b"\r\n+CMGS: 41\r\n\r\nOK\r\n")
    assert _send(one) == Sent("41")
    assert bytes.fromhex(one.taken[0].decode())[5:12].hex() == "683108108300f0"


def test_a_long_message_goes_in_parts(modem):
    one = modem(b"\r\n+CMGS: 41\r\n\r\nOK\r\n", b"\r\n+CMGS: 42\r\n\r\nOK\r\n")
    assert _send(one, "土" * 100) == Sent("41,42")
    assert len(one.taken) == 2


def test_a_network_that_is_busy_is_tried_again(modem):
    one = modem(b"\r\n+CMS ERROR: 38\r\n")
    said = _send(one)
    assert isinstance(said, Later)
    assert "38" in said.reason


def test_a_number_that_nobody_has_is_not(modem):
    one = modem(b"\r\n+CMS ERROR: 1\r\n")
    assert _send(one) == Never("the network says +CMS ERROR: 1", is_address=True)


def test_a_modem_that_falls_silent_after_taking_it_leaves_it_open(modem):
    with pytest.raises(UnsureError, match="did not say"):
        _send(modem(b""), send_s=0.2)


def test_half_of_a_long_message_is_not_sent_again(modem):
    one = modem(b"\r\n+CMGS: 41\r\n\r\nOK\r\n", b"\r\n+CMS ERROR: 38\r\n")
    with pytest.raises(UnsureError, match="1 of 2 parts"):
        _send(one, "土" * 100)


def test_no_modem_is_tried_again_and_named():
    said = GsmModem(GsmSettings("/dev/serial/by-id/nothing")).send(envelope(NUMBER))
    assert isinstance(said, Later)
    assert "/dev/serial/by-id/nothing cannot be opened" in said.reason
