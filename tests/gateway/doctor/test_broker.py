"""The way to the broker, with a real Mosquitto: the step that fails is the one that is named."""

import socket

import msgspec
import pytest

from gateway.config import UplinkSection
from gateway.doctor.broker import check_broker, check_ca_file
from gateway.doctor.finding import Verdict
from tests.gateway.uplink.conftest import certificate, tls_broker

__all__ = ["certificate", "tls_broker"]
NOW_S = 1_795_000_000.0


def bad(findings):
    return [(one.about, one.said) for one in findings if one.verdict is Verdict.FAILED]


def test_a_broker_that_lets_us_in(broker):
    uplink = UplinkSection(port=broker.port)
    found = list(check_broker(uplink, "kubuqi-dune", None, NOW_S))

    assert [one.about for one in found] == ["broker", "broker's consent"]
    assert bad(found) == []


def test_a_name_that_leads_nowhere():
    uplink = UplinkSection(host="no-such-broker.invalid")

    ((about, said),) = bad(check_broker(uplink, "kubuqi-dune", None, NOW_S))

    assert (about, "leads nowhere" in said) == ("broker", True)


def test_a_port_on_which_nothing_listens(broker):
    broker.kill()
    ((about, said),) = bad(
        check_broker(UplinkSection(port=broker.port), "kubuqi-dune", None, NOW_S)
    )

    assert (about, "cannot be reached" in said) == ("broker", True)


def test_a_broker_that_refuses_the_password(broker):
    broker.kill()
    text = broker.config.read_text(encoding="ascii")
    broker.config.write_text(text.replace("anonymous true", "anonymous false"), encoding="ascii")
    broker.start()

    ((about, said),) = bad(
        check_broker(UplinkSection(port=broker.port), "kubuqi-dune", "wrong", NOW_S)
    )

    assert about == "broker's consent"
    assert "refuses user 'kubuqi-dune'" in said


def test_another_server_on_the_port_is_no_broker():
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        deaf.settimeout(0.1)
        uplink = UplinkSection(port=deaf.getsockname()[1])
        found = check_broker(uplink, "kubuqi-dune", None, NOW_S, timeout_s=0.5)

        assert [about for about, _ in bad(found)] == ["broker's consent"]


def test_a_certificate_that_nobody_vouches_for_fails(tls_broker):
    uplink = UplinkSection(host="127.0.0.1", port=tls_broker.port, tls=True)

    ((about, said),) = bad(check_broker(uplink, "kubuqi-dune", None, NOW_S))

    assert (about, "does not hold" in said) == ("certificate", True)


def test_a_certificate_that_soon_ends_is_told(tls_broker, certificate):
    uplink = UplinkSection(
        host="127.0.0.1", port=tls_broker.port, tls=True, ca_file=str(certificate[0])
    )
    found = list(check_broker(uplink, "kubuqi-dune", None, NOW_S))

    assert bad(found) == []
    (told,) = [one for one in found if one.about == "certificate"]
    assert told.verdict is Verdict.LOOK  # it is made for two days
    assert "the broker's holds until " in told.said
    assert "the authority's holds until " in told.said
    assert [one.about for one in found][-1] == "broker's consent"


@pytest.mark.parametrize(("tls", "count"), [(True, 1), (False, 0)])
def test_an_authority_that_is_not_there_is_told(tls, count):
    uplink = msgspec.structs.replace(UplinkSection(), tls=tls, ca_file="/nowhere/ca.crt")

    assert len(bad(check_ca_file(uplink))) == count
