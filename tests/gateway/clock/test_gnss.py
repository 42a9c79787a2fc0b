"""When a satellite receiver is believed."""

from datetime import UTC, datetime, timedelta
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock.gnss import GnssTime

BEGAN = datetime(2026, 12, 1, 6, tzinfo=UTC)


def rmc(moment, status="A"):
    body = f"GPRMC,{moment:%H%M%S}.00,{status},,,,,,,{moment:%d%m%y},,,{status if status == 'A' else 'N'}"
    return framed(body)


def zda(moment):
    return framed(f"GPZDA,{moment:%H%M%S}.00,{moment:%d,%m,%Y},00,00")


def framed(body):
    return f"${body}*{reduce(lambda a, b: a ^ b, body.encode(), 0):02X}".encode()


def heard(lines):
    """Let a receiver say (ms of its arrival, line); give what is believed 1 ms after the last."""
    gnss = GnssTime()
    for mono_ms, line in lines:
        gnss.hear(line, mono_ms)
    return gnss.offset_ms(lines[-1][0] + 1)


def seconds(count, make=rmc, began=BEGAN, delay_ms=200):
    return [(at * 1000 + delay_ms, make(began + timedelta(seconds=at))) for at in range(count)]


def from_seconds(seconds):
    return datetime.fromtimestamp(seconds, UTC)


OFFSET_MS = round(BEGAN.timestamp() * 1000)


def test_three_that_agree_are_believed():
    assert heard(seconds(2)) is None
    assert heard(seconds(3)) == OFFSET_MS - 200


def test_the_one_that_came_soonest_after_its_second_is_right():
    late = [(ms + 300 * (at != 2), line) for at, (ms, line) in enumerate(seconds(5))]

    assert heard(late) == OFFSET_MS - 200


def test_without_a_fix_it_is_not_believed():
    assert heard(seconds(9, lambda moment: rmc(moment, "V"))) is None


def test_a_receiver_that_says_only_the_date_needs_a_fix_from_another_sentence():
    """Without one it may tell what its own battery kept."""
    assert heard(seconds(9, zda)) is None
    fix = framed("GPGGA,060000,,,,,1,08,0.9,,M,,M,,")
    lines = [(ms, line) for at, line in seconds(9, zda) for ms, line in ((at, fix), (at + 1, line))]

    assert heard(lines) == OFFSET_MS - 201


@pytest.mark.parametrize(
    "began",
    [
        BEGAN - timedelta(weeks=1024),  # the week number has rolled over
        datetime(2000, 1, 1, tzinfo=UTC),
        datetime(2047, 1, 1, tzinfo=UTC),
    ],
)
def test_a_date_that_cannot_be_is_not_believed(began):
    assert heard(seconds(9, began=began)) is None


def test_a_receiver_that_jumps_must_agree_with_itself_again():
    jumped = [(ms + 3000, line) for ms, line in seconds(3, began=BEGAN + timedelta(days=7))]

    assert heard(seconds(3) + jumped[:2]) is None
    assert heard(seconds(3) + jumped) == OFFSET_MS + 7 * 86_400_000 - 3200


def test_old_sentences_that_are_heard_at_once_after_a_stall_do_not_agree():
    """They waited in the port: each is a second from the next, and half a minute behind."""
    gnss = GnssTime()
    for mono_ms, line in seconds(5):
        gnss.hear(line, mono_ms)
    for _, line in seconds(12, began=BEGAN + timedelta(seconds=5)):
        gnss.hear(line, 50_000)
    assert gnss.offset_ms(50_001) is None

    for mono_ms, line in seconds(3, began=BEGAN + timedelta(seconds=50)):
        gnss.hear(line, mono_ms + 50_000)
    assert gnss.offset_ms(53_000) == OFFSET_MS - 200


def test_a_receiver_of_many_sentences_a_second_is_believed_too():
    often = [
        (at * 50 + 20, rmc(BEGAN + timedelta(milliseconds=at * 50 // 1000 * 1000)))
        for at in range(60)
    ]

    assert heard(often) is not None


def test_a_receiver_that_falls_silent_is_believed_for_a_minute():
    gnss = GnssTime()
    for mono_ms, line in seconds(3):
        gnss.hear(line, mono_ms)

    assert gnss.offset_ms(60_000) is not None
    assert gnss.offset_ms(62_201) is None


@given(
    lines=st.lists(
        st.tuples(
            st.integers(0, 5_000),
            st.one_of(
                st.binary(max_size=80),
                st.builds(
                    rmc,
                    st.integers(631_152_000, 3_439_756_800).map(from_seconds),  # 1990 to 2079
                    st.sampled_from("AV"),
                ),
            ),
        ),
        max_size=40,
    )
)
def test_what_is_believed_was_said_three_times_with_a_fix_and_can_be(lines):
    gnss, mono_ms = GnssTime(), 0
    for wait_ms, line in lines:
        mono_ms += wait_ms
        gnss.hear(line, mono_ms)
        offset_ms = gnss.offset_ms(mono_ms)
        if offset_ms is not None:
            moment = datetime.fromtimestamp((mono_ms + offset_ms) / 1000, UTC)
            assert 2026 <= moment.year <= 2046
