"""Ports for services that are stopped and started again."""

import socket
from pathlib import Path

from deploy.ports import free_port, is_open

EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_outgoing_connections_cannot_take_the_port_of_a_service_that_is_down():
    lowest = int(EPHEMERAL.read_text().split()[0])

    assert all(1024 <= free_port() < min(lowest, 32_768) for _ in range(50))


def test_a_port_in_use_is_not_named():
    port = free_port()
    assert not is_open(port)
    with socket.create_server(("127.0.0.1", port)):
        assert is_open(port)
