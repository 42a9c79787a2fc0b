"""Encryption of push messages: the example of RFC 8291, and what other code reads."""

from base64 import urlsafe_b64decode

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from server.notify.channels.web_push.encryption import MOST_BYTES, Chance, encrypt, point_of
from tests.server.notify.channels.phone import Phone

# RFC 8291, appendix A.
TEXT = b"When I grow up, I want to be a watermelon"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
UA_PRIVATE = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
UA_PUBLIC = (
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
)
AS_PRIVATE = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml"
    "mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT"
    "pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)
ANY_KEY = ec.generate_private_key(ec.SECP256R1())


def raw(text):
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def key(text):
    return ec.derive_private_key(int.from_bytes(raw(text)), ec.SECP256R1())


def test_the_example_of_the_standard_comes_out_byte_for_byte():
    assert point_of(key(UA_PRIVATE).public_key()) == raw(UA_PUBLIC)

    body = encrypt(TEXT, raw(UA_PUBLIC), raw(AUTH), Chance(key(AS_PRIVATE), raw(SALT)))

    assert body == raw(BODY)


@settings(max_examples=40, deadline=None)
@given(
    text=st.binary(max_size=MOST_BYTES),
    auth=st.binary(min_size=16, max_size=16),
    salt=st.binary(min_size=16, max_size=16),
    ours=st.integers(1, 2**255),
)
def test_other_code_reads_what_was_encrypted(text, auth, salt, ours):
    phone = Phone(ANY_KEY, auth)
    chance = Chance(ec.derive_private_key(ours, ec.SECP256R1()), salt)

    assert phone.read(encrypt(text, phone.point, auth, chance)) == text


def test_what_fills_a_message_fits_into_what_every_push_service_takes(phone):
    chance = Chance(ANY_KEY, b"s" * 16)
    body = encrypt(b"x" * MOST_BYTES, phone.point, phone.auth, chance)

    assert len(body) == 4096
    assert phone.read(body) == b"x" * MOST_BYTES


def test_a_text_too_long_and_a_key_that_is_none_are_refused(phone):
    chance = Chance(ANY_KEY, b"s" * 16)
    with pytest.raises(ValueError, match="do not fit"):
        encrypt(b"x" * (MOST_BYTES + 1), phone.point, phone.auth, chance)
    with pytest.raises(ValueError, match="Invalid EC key"):
        encrypt(b"x", b"\x04" + b"1" * 64, phone.auth, chance)
