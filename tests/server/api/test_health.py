"""Alive and ready are two questions."""

import pytest

from server.api.schemas import Part
from tests.server.api.running import READY

RED = Part(name="ingest", ready=False, detail="not connected to the broker at 10.0.0.9:8883")


@pytest.fixture
def broken(api):
    api.parts = [*READY, RED]
    yield api
    api.parts = list(READY)


def test_the_process_is_alive_whatever_its_parts(broken):
    assert broken.get("/healthz") == {"alive": True}


def test_ready_names_every_part(api):
    found = api.get("/readyz")

    assert found == {
        "ready": True,
        "parts": [{"name": "database", "ready": True, "detail": "current"}],
    }


def test_not_ready_is_a_problem_that_says_which_part_is_red(broken):
    problem = broken.problem("/readyz")

    assert problem["status"] == 503
    assert problem["detail"] == "ingest: not connected to the broker at 10.0.0.9:8883"
    assert [(part["name"], part["ready"]) for part in problem["parts"]] == [
        ("database", True),
        ("ingest", False),
    ]
