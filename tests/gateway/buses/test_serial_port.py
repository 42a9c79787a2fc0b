import socket
import threading
import time

import pytest

from gateway.buses.serial_port import MAX_BUFFER_BYTES, PortSettings, SerialPort, StoppedError
from gateway.drivers.conversation import Ask
from gateway.errors import BusError


def line_end(buffer):
    return buffer.find(b"\n") + 1


def ask(request, timeout_s=20.0, quiet_s=None):
    return Ask(request, line_end, timeout_s, quiet_s)


@pytest.fixture
def opened(settings):
    ports = []

    def open_(peer, stopping=lambda: False):
        ports.append(SerialPort(settings(peer.port), stopping))
        return ports[-1]

    yield open_
    for port in ports:
        port.close()


def test_an_answer_ends_where_it_is_complete(peer, opened):
    device = peer(lambda asked: b"answer to " + asked + b"\nmore")

    assert opened(device).exchange(ask(b"one")) == b"answer to one\n"


def test_what_came_after_an_answer_is_there_for_who_listens_on(peer, opened):
    """The service request may arrive in one piece with the announcement."""
    port = opened(peer(lambda _: b"00013\n0\n"))

    assert port.exchange(ask(b"0M!")) == b"00013\n"
    assert port.exchange(ask(b"")) == b"0\n"


def test_what_stands_unread_is_dropped_before_a_request(peer, opened, eventually):
    device = peer(lambda asked: asked + b"\n")
    port = opened(device)
    device.say(b"stale\n")
    eventually(lambda: port._device.in_waiting == 6)

    assert port.exchange(ask(b"fresh")) == b"fresh\n"


def test_silence_gives_nothing_after_the_timeout(peer, opened):
    begun = time.monotonic()

    assert opened(peer()).exchange(ask(b"x", timeout_s=0.3)) == b""
    assert 0.3 <= time.monotonic() - begun < 10


def test_half_an_answer_ends_when_the_line_falls_quiet(peer, opened):
    begun = time.monotonic()

    assert opened(peer(lambda _: b"half")).exchange(ask(b"x", 30, quiet_s=0.2)) == b"half"
    assert time.monotonic() - begun < 10


def test_a_late_answer_is_not_taken_for_the_next_ones(peer, opened):
    """PITFALLS: telegraf#9253. The first answer comes after its timeout."""
    device = peer(lambda asked: b"" if asked == b"first" else asked + b"\n")
    owed = []

    def late():  # asked whenever the port is listened to
        if owed:
            device.say(owed.pop())
        return False

    port = opened(device, late)
    assert port.exchange(ask(b"first", timeout_s=0.3)) == b""
    owed.append(b"first\n")

    assert port.exchange(ask(b"second")) == b"second\n"


def test_a_babbling_line_ends_with_the_timeout_and_bounded_memory(peer, opened):
    device = peer()
    done = threading.Event()

    def babble():
        while not done.is_set():
            device.say(b"\x55" * 500)
            time.sleep(0.005)

    thread = threading.Thread(target=babble)
    thread.start()
    try:
        got = opened(device).exchange(Ask(b"", lambda _: 0, 0.5))
    finally:
        done.set()
        thread.join()

    assert 0 < len(got) <= MAX_BUFFER_BYTES


def test_a_reader_gets_what_came(peer, opened, eventually):
    device = peer()
    port = opened(device)
    device.say(b"$SALT\r\n")
    heard = []
    eventually(lambda: heard.append(port.read()) or b"".join(heard) == b"$SALT\r\n")


def test_a_stop_ends_a_long_wait(peer, opened):
    stop = threading.Event()
    port = opened(peer(), stop.is_set)
    threading.Timer(0.2, stop.set).start()
    begun = time.monotonic()

    with pytest.raises(StoppedError):
        port.exchange(ask(b"x", timeout_s=60))

    assert time.monotonic() - begun < 10


def test_a_port_that_is_not_there_is_named(settings, tmp_path):
    with pytest.raises(BusError, match="ttyUSB7: not there"):
        SerialPort(settings(str(tmp_path / "ttyUSB7")), lambda: False)


def test_a_file_is_no_serial_port(settings, tmp_path):
    path = tmp_path / "notes"
    path.touch()

    with pytest.raises(BusError, match="not a serial port"):
        SerialPort(settings(str(path)), lambda: False)


def test_two_cannot_have_one_port(peer, opened, settings):
    device = peer()
    opened(device)

    with pytest.raises(BusError, match=r"in use, locked by .*this process"):
        SerialPort(settings(device.port), lambda: False)


def test_an_impossible_rate_is_told(settings, peer):
    with pytest.raises(BusError, match="baud"):
        SerialPort(settings(peer().port, -1), lambda: False)


@pytest.mark.parametrize(
    "use",
    [
        lambda port: port.read(),
        lambda port: port.check(),
        lambda port: port.exchange(ask(b"x", timeout_s=1)),
    ],
)
def test_a_port_that_is_pulled_is_a_bus_error(peer, opened, use):
    device = peer()
    port = opened(device)
    device.unplug()

    with pytest.raises(BusError, match=device.port):
        use(port)


def test_a_port_that_is_there_passes_its_check(peer, opened):
    opened(peer()).check()


def test_closing_twice_makes_no_trouble(peer, opened):
    port = opened(peer())
    port.close()
    port.close()


def test_a_port_server_on_the_network_is_a_port_too():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = SerialPort(
            PortSettings(f"socket://127.0.0.1:{server.getsockname()[1]}", 9600), lambda: False
        )
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"1+2.5\n")
            got = port.exchange(ask(b""))
            port.exchange(Ask(b"1D0!", lambda _: 0, 0.2))
            heard = connection.recv(100)
        with pytest.raises(BusError):
            port.exchange(ask(b"x"))
        port.close()

    assert (got, heard) == (b"1+2.5\n", b"1D0!")


def test_no_beginning_of_an_answer_ends_the_wait_early(peer, settings):
    """SDI-12 v1.4, 7.2: we must know within 87 ms that a sensor does not answer."""
    port = SerialPort(PortSettings(peer().port, 1200, slice_s=0.01), lambda: False)
    begun = time.monotonic()
    got = port.exchange(Ask(b"0!", line_end, timeout_s=60, begin_s=0.08))
    port.close()

    assert got == b""
    assert 0.08 <= time.monotonic() - begun < 10


def test_an_answer_that_has_begun_in_time_is_waited_for(peer):
    device = peer()

    def slow(_):
        threading.Timer(1.5, device.say, (b"3\n",)).start()
        return b"0+"

    device.answer = slow
    port = SerialPort(PortSettings(device.port, 1200, slice_s=0.01), lambda: False)
    got = port.exchange(Ask(b"0D0!", line_end, timeout_s=60, begin_s=1.0))
    port.close()

    assert got == b"0+3\n"


def test_a_break_goes_before_a_request_that_wakes_and_only_then(peer, capsys):
    """A pty carries no break: what pyserial was told to do is read from its own log."""
    device = peer(lambda asked: asked + b"\n")
    port = SerialPort(PortSettings(f"spy://{device.port}", 1200), lambda: False)
    port.exchange(Ask(b"0M!", line_end, 20.0, wakes=True))
    port.exchange(Ask(b"0D0!", line_end, 20.0))
    port.close()

    lines = capsys.readouterr().err.splitlines()
    words = [line.split(None, 1)[1] for line in lines if " BRK " in line or " TX " in line]
    assert [" ".join(line.split()[:2]) for line in words] == [
        "BRK active",
        "BRK inactive",
        "TX 0000",
        "TX 0000",
    ]


def test_what_an_adapter_says_while_it_starts_is_nobodys_answer(peer):
    device = peer(lambda asked: asked + b"\n")
    begun = time.monotonic()
    port = SerialPort(PortSettings(device.port, 9600, start_s=0.4), lambda: False)
    device.say(b"SDI-12 USB adapter\n")
    got = port.exchange(ask(b"0M!"))
    port.close()

    assert got == b"0M!\n"
    assert time.monotonic() - begun >= 0.4
