"""The server's key: made once, whoever asks; what it signs is checked by other code."""

import json
from base64 import urlsafe_b64decode
from concurrent.futures import ThreadPoolExecutor

from cryptography.hazmat.primitives.asymmetric import ec
from py_vapid import Vapid02
from sqlalchemy import select

from server.db.notify_tables import secret
from server.notify.channels.web_push.encryption import point_of
from server.notify.channels.web_push.vapid import VapidKey, from_text, read_or_make

NOW = 1_795_200_000_000
ENDPOINT = "https://push.example:8443/send/abc?x=1"


def test_the_key_is_made_once_however_many_ask_at_a_time(engine):
    with ThreadPoolExecutor(4) as pool:
        made = {one.public for one in pool.map(lambda _: read_or_make(engine, NOW), range(8))}

    assert len(made) == 1
    assert read_or_make(engine, NOW + 1).public in made
    with engine.connect() as connection:
        (row,) = connection.execute(select(secret)).all()
    assert (row.name, row.made_at) == ("web push key", NOW)


def test_pages_are_given_a_point_as_browsers_want_it():
    key = VapidKey(ec.generate_private_key(ec.SECP256R1()))

    assert from_text(key.public) == point_of(key.private.public_key())
    assert "=" not in key.public
    assert len(from_text(key.public)) == 65


def test_other_code_accepts_the_signature():
    """py-vapid, which other servers sign with; some numbers of a signature begin with zeros."""
    key = VapidKey(ec.derive_private_key(4711, ec.SECP256R1()))

    told = [key.authorization(ENDPOINT, "mailto:a@b.example", NOW + i * 1000) for i in range(60)]

    assert all(Vapid02.verify(one) for one in told)
    # It would take longer ones, too, which browsers' push services do not.
    assert {len(from_text(one.split(",k=")[0].rpartition(".")[2])) for one in told} == {64}
    assert not Vapid02.verify(_altered(told[0]))


def test_the_claims_are_for_this_push_service_and_half_a_day():
    key = VapidKey(ec.derive_private_key(4711, ec.SECP256R1()))

    token = key.authorization(ENDPOINT, "mailto:a@b.example", NOW).split("t=")[1].split(",")[0]

    head, claims, _ = (part + "=" * (-len(part) % 4) for part in token.split("."))
    assert json.loads(urlsafe_b64decode(head)) == {"typ": "JWT", "alg": "ES256"}
    assert json.loads(urlsafe_b64decode(claims)) == {
        "aud": "https://push.example:8443",
        "exp": NOW // 1000 + 43_200,
        "sub": "mailto:a@b.example",
    }


def _altered(told):
    """Change one letter of what is signed."""
    place = told.index(".") + 5
    return told[:place] + ("A" if told[place] != "A" else "B") + told[place + 1 :]
