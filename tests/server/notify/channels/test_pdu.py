"""SMS as bytes: known messages, and a reader of our own that puts parts together again."""

from hypothesis import given
from hypothesis import strategies as st

from server.notify.channels.pdu import pack, parts_of


def test_the_textbook_message():
    """ "hellohello" in seven bits: the example every description of the packing has."""
    assert pack([ord(one) for one in "hellohello"]).hex() == "e8329bfd4697d9ec37"


def test_a_short_message_is_one_part():
    (part,) = parts_of("+46708251358", "hellohello", 0)
    assert part.hex().upper() == "0001000B916407281553F800000AE8329BFD4697D9EC37"


def test_another_alphabet_goes_as_ucs2():
    (part,) = parts_of("+8613800138000", "土壤干旱", 0)
    assert part[-9:] == bytes([8]) + "土壤干旱".encode("utf-16-be")
    assert part[-10] == 0x08


def _read(part: bytes) -> tuple[str, tuple[int, int, int] | None]:
    """Read a part as a telephone does."""
    digits = part[3]
    at = 5 + (digits + 1) // 2
    coding, length, data = part[at + 1], part[at + 2], part[at + 3 :]
    assert len(part) <= 1 + 4 + 12 + 3 + 140
    header = tuple(data[3:6]) if part[1] & 0x40 else None
    if coding == 0x08:
        assert length == len(data)
        return data[6 if header else 0 :].decode("utf-16-be"), header
    bits = int.from_bytes(data, "little")
    septets = [(bits >> (7 * place)) & 0x7F for place in range(length)]
    return _letters(septets[7 if header else 0 :]), header


_BASE = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_MORE = {0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]",
         0x40: "|", 0x65: "€"}  # fmt: skip


def _letters(septets):
    found, escaped = "", False
    for one in septets:
        if escaped:
            found, escaped = found + _MORE[one], False
        elif one == 0x1B:
            escaped = True
        else:
            found += _BASE[one]
    assert not escaped, "a letter was cut in two"
    return found


_PLAIN = st.text(st.sampled_from(_BASE.replace("\x1b", "") + "".join(_MORE.values())), max_size=700)
_ANY = st.text(st.characters(blacklist_categories=["Cs"]), max_size=400)


@given(st.one_of(_PLAIN, _ANY), st.integers(0, 255))
def test_a_telephone_reads_what_was_written(text, reference):
    parts = [_read(one) for one in parts_of("+976991234567", text, reference)]
    assert "".join(said for said, _ in parts) == text
    if len(parts) > 1:
        assert [header for _, header in parts] == [
            (reference, len(parts), at + 1) for at in range(len(parts))
        ]


@given(_PLAIN)
def test_no_part_is_longer_than_the_network_takes(text):
    for part in parts_of("+976991234567", text, 1):
        at = 5 + (part[3] + 1) // 2
        assert len(part) - (at + 3) <= 140
