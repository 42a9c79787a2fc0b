"""What the outbox knows of the server, read beside whoever holds it."""

import pytest

from gateway.doctor.finding import Verdict
from gateway.doctor.receipts import check_receipts
from gateway.outbox import DataDirLock, Outbox
from gateway.outbox.schema import FILE_NAME
from wire.messages import Refusal

HOUR_MS = 3_600_000


@pytest.fixture
def outbox(config_of, hand, clock_of, observe, tmp_path):
    """An outbox with one sealed batch, in the folder that gateway.toml names."""
    config = config_of()
    hand.synchronised = True
    (tmp_path / "data").mkdir()
    one = Outbox(tmp_path / "data", clock_of(hand), 86400, lambda: "00c0ffee")
    one.append([observe(hand.mono_ms)])
    one.seal()
    yield config, one, hand.mono_ms + hand.offset_ms
    one.close()


def told(config, now_ms):
    return {one.about: one for one in check_receipts(config, now_ms)}


def test_before_the_first_start_there_is_nothing_to_tell(config_of, tmp_path):
    config = config_of()

    assert {about: one.verdict for about, one in told(config, 0).items()} == {
        "outbox": Verdict.LOOK
    }
    assert not (tmp_path / "data" / FILE_NAME).exists()


def test_batches_that_wait_a_little_are_no_fault(outbox):
    config, _, now_ms = outbox

    assert told(config, now_ms + 1000)["receipts"].verdict is Verdict.LOOK  # none confirmed yet


def test_batches_that_wait_long_are_one(outbox):
    config, _, now_ms = outbox
    found = told(config, now_ms + HOUR_MS)["receipts"]

    assert found.verdict is Verdict.FAILED
    assert "1 batches and 0 readings more wait" in found.said


def test_a_receipt_makes_it_well(outbox):
    config, one, now_ms = outbox
    one.confirm([(1, 1)])

    assert told(config, now_ms + HOUR_MS)["receipts"].verdict is Verdict.FINE


def test_a_refused_batch_is_told(outbox):
    config, one, now_ms = outbox
    one.refuse([Refusal(seq=1, reason="unknown unit 'furlong'")])

    assert told(config, now_ms)["refused batches"].verdict is Verdict.FAILED


def test_whether_the_gateway_runs(outbox, tmp_path):
    config, _, now_ms = outbox

    assert told(config, now_ms)["gateway"].verdict is Verdict.LOOK
    with DataDirLock(tmp_path / "data"):
        assert told(config, now_ms)["gateway"].verdict is Verdict.FINE
