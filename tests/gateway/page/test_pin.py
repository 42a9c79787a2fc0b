"""The PIN, on time that is moved by hand."""

import pytest

from gateway.page.pin import Door, is_pin


@pytest.mark.parametrize(
    ("text", "can_be"),
    [
        ("4711", True),
        ("123456789012", True),
        ("471", False),
        ("", False),
        ("47x1", False),
        ("1234567890123", False),
        ("٤٧١١", False),
    ],
)
def test_what_can_be_a_pin(text, can_be):
    assert is_pin(text) is can_be


def test_after_too_many_wrong_ones_even_the_right_one_waits():
    now_s = [100.0]
    door = Door("4711", lambda: now_s[0])
    assert [door.enter("0000") for _ in range(5)] == [None] * 5

    assert door.enter("4711") is None
    now_s[0] += 299.0
    assert door.enter("4711") is None
    now_s[0] += 1.5
    token = door.enter("4711")
    assert token
    assert door.knows(token)


def test_a_token_of_nobody_is_not_known():
    door = Door("4711", lambda: 0.0)

    assert not door.knows("")
    assert not door.knows("guessed")
    door.enter("4711")
    assert not door.knows("\u00e9")


def test_a_door_without_a_pin_is_open():
    assert Door("", lambda: 0.0).knows("")
