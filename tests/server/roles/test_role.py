"""Roles and workers as they are asked for on the command line, and what cannot work."""

from argparse import ArgumentTypeError

import pytest

from server.ingest.consumer import Part
from server.roles.role import Duty, Role, Workers, duty_of, parse_workers
from wire.errors import ConfigError
from wire.topics import UP_FILTERS

SHARED = "$share/saxaul/saxaul/1/+/batch/+/+"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("4", Workers(1, 4)), ("1", Workers(1, 1)), ("5-8", Workers(5, 8, others=True)),
     ("1-4", Workers(1, 4, others=True))],
)  # fmt: skip
def test_workers_are_a_number_or_the_numbers_of_one_machine(text, expected):
    assert parse_workers(text) == expected


@pytest.mark.parametrize("text", ["0", "", "-3", "3-", "8-5", "0-4", "two", "65", "60-65", "1.5"])
def test_what_names_no_workers_is_refused(text):
    with pytest.raises(ArgumentTypeError, match="worker"):
        parse_workers(text)


def test_one_command_does_everything_as_before():
    assert duty_of(Role.ALL, None, on_postgresql=False, embedded=True) == Duty(Role.ALL, None)


def test_a_process_that_only_takes_in_has_one_worker_unless_more_are_asked_for():
    found = duty_of(Role.INGEST, None, on_postgresql=True, embedded=False)

    assert found == Duty(Role.INGEST, Workers(1, 1))


@pytest.mark.parametrize(
    ("role", "workers", "on_postgresql", "embedded", "told"),
    [
        (Role.API, None, False, False, "--role api: SQLite takes one process"),
        (Role.INGEST, None, False, False, "--role ingest: SQLite takes one process"),
        (Role.ALL, Workers(1, 2), False, False, "--workers: SQLite takes one process"),
        (Role.INGEST, None, True, True, "--role ingest: the embedded broker serves one process"),
        (Role.ALL, Workers(1, 2), True, True, "--workers: the embedded broker serves one"),
        (Role.API, Workers(1, 2), True, False, "--workers: --role api takes nothing in"),
    ],
)
def test_what_cannot_work_is_told(role, workers, on_postgresql, embedded, told):
    with pytest.raises(ConfigError, match=f"^{told}"):
        duty_of(role, workers, on_postgresql=on_postgresql, embedded=embedded)


def test_a_process_that_serves_pages_needs_no_broker():
    assert duty_of(Role.API, None, on_postgresql=True, embedded=True) == Duty(Role.API)


def test_batches_are_shared_and_all_else_goes_to_one_worker_in_its_order():
    order, second = Part(0, shared=True), Part(2, shared=True)

    assert second.filters == (SHARED,)
    assert set(order.filters) == set(UP_FILTERS) - {"saxaul/1/+/batch/+/+"}
    assert Part().filters == UP_FILTERS


def test_worker_0_goes_on_with_the_session_of_a_server_without_workers():
    ids = [part.client_id("saxaul-server") for part in (Part(), Part(0, shared=True))]

    assert ids == ["saxaul-server", "saxaul-server"]
    assert Part(2, shared=True).client_id("saxaul-server") == "saxaul-server-2"
    assert Part(0, shared=True).unwanted == ("saxaul/1/+/batch/+/+",)


def test_worker_0_runs_beside_the_first_that_shares():
    assert list(Workers(1, 2)) == [0, 1, 2]
    assert list(Workers(5, 6, others=True)) == [5, 6]
