"""What the heartbeat says."""

from gateway.health import Health, hardware, rss_mb
from wire.messages import ClockSource, OutboxFigures

FIGURES = OutboxFigures(epoch="00c0ffee", sealed=3, unconfirmed=1)


def test_status_tells_state_clock_outbox_and_uptime(hand, clock_of):
    hand.synchronised = True
    health = Health(clock_of(hand))
    hand.advance(61_500)
    status = health.status("online", FIGURES)
    assert (status.state, status.at, status.uptime_s) == ("online", 1_767_225_661_500, 61.5)
    assert status.clock is ClockSource.NTP
    assert status.outbox == [FIGURES]
    past = OutboxFigures(epoch="01dbea7", sealed=9, lost=2)
    assert health.status("online", FIGURES, [past]).outbox == [FIGURES, past]
    assert status.software.startswith("saxaul-gateway ")


def test_rss_is_resident_pages_in_megabytes(tmp_path):
    """/proc/PID/statm: size resident shared text lib data dt, in pages (proc(5))."""
    statm = tmp_path / "statm"
    statm.write_text("50000 10000 3000 1 0 20000 0\n")
    assert rss_mb(statm) in {41.0, 164.0, 655.4}  # pages of 4, 16 or 64 KiB


def test_rss_is_none_where_there_is_no_proc(tmp_path):
    assert rss_mb(tmp_path / "absent") is None


def test_this_process_has_a_plausible_size():
    assert 5 < rss_mb() < 2000


def test_hardware_is_the_boards_name(tmp_path):
    model = tmp_path / "model"
    model.write_bytes(b"Raspberry Pi 4 Model B Rev 1.4\0")
    assert hardware(model) == "Raspberry Pi 4 Model B Rev 1.4"


def test_hardware_without_a_device_tree_is_the_processor(tmp_path):
    assert hardware(tmp_path / "absent")
