"""The technician's page, as the doctor sees it: ours, somebody else's, or nobody's."""

import socket
from threading import Thread

import pytest
from msgspec.structs import replace

from gateway.config import PageSection
from gateway.doctor.finding import Verdict
from gateway.doctor.page import check_page
from gateway.outbox.lock import DataDirLock
from gateway.page.server import PageServer


@pytest.fixture
def settings(config_of):
    """Settings with the page at a port of this machine."""

    def make(port):
        listen = f"127.0.0.1:{port}" if port is not None else ""
        return replace(config_of(), page=PageSection(listen=listen))

    return make


def found(config):
    (one,) = check_page(config, timeout_s=20)
    return one


@pytest.fixture
def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def test_where_no_page_is_wanted_nothing_is_said(settings):
    assert list(check_page(settings(None))) == []


def test_the_gateways_own_page_is_well(settings):
    page = PageServer("127.0.0.1", 0, None, "")
    page.start()
    try:
        told = found(settings(page.port))
    finally:
        page.close()

    assert told.verdict is Verdict.FINE


def test_another_program_at_its_address_is_told_with_how_to_find_it(settings):
    with socket.create_server(("127.0.0.1", 0)) as other:

        def answer():
            line, _ = other.accept()
            with line:
                line.recv(1024)
                line.sendall(b"HTTP/1.0 200 OK\r\nServer: nginx\r\n\r\n")

        thread = Thread(target=answer)
        thread.start()
        told = found(settings(other.getsockname()[1]))
        thread.join()

    assert told.verdict is Verdict.FAILED
    assert "another program" in told.said
    assert "ss -ltnp" in told.remedy


def test_with_the_gateway_running_and_nobody_at_the_address_its_journal_says_why(
    settings, free_port, tmp_path
):
    config = settings(free_port)
    lock = DataDirLock(tmp_path / "data")
    try:
        told = found(config)
    finally:
        lock.close()

    assert told.verdict is Verdict.FAILED
    assert "page_unavailable" in told.remedy


def test_without_a_running_gateway_nobody_serves_it_and_nothing_is_changed(
    settings, free_port, tmp_path
):
    told = found(settings(free_port))

    assert told.verdict is Verdict.LOOK
    assert "start the gateway" in told.remedy
    assert not (tmp_path / "data").exists()
