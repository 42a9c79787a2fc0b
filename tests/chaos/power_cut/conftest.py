"""One recorded life of an outbox for all tests."""

import pytest

from benchmarks.chaos_suite.power_cut.recording import record

SEED = 3


@pytest.fixture(scope="session")
def life(tmp_path_factory):
    return record(SEED, tmp_path_factory.mktemp("recording"))
