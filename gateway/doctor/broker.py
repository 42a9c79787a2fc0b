"""The way to the broker, a step at a time, so that the one that fails is named."""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from paho.mqtt.client import Client, ConnectFlags
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.config import UplinkSection
from gateway.doctor.finding import Finding, failed, fine, look
from gateway.uplink.tls import depended_on
from wire.messages import CertificateInfo

TIMEOUT_S = 10.0
_EXPIRES_SOON_DAYS = 30
_DAY_S = 86_400


def check_broker(
    uplink: UplinkSection,
    gateway: str,
    password: str | None,
    now_s: float,
    timeout_s: float = TIMEOUT_S,
) -> Iterator[Finding]:
    """Find the broker, reach it, believe its certificate, be let in."""
    where = f"{uplink.host}:{uplink.port}"
    try:
        found = socket.getaddrinfo(uplink.host, uplink.port, type=socket.SOCK_STREAM)
    except OSError as error:
        yield failed(
            "broker",
            f"the name {uplink.host} leads nowhere: {error}",
            "bring the network up, or correct uplink.host",
        )
        return
    try:
        with closing(socket.create_connection((uplink.host, uplink.port), timeout_s)) as sock:
            address = found[0][4][0]
            yield fine("broker", f"{where} ({address}) takes connections")
            if uplink.tls:
                verdict = _certificate(sock, uplink, now_s)
                yield verdict
                if verdict.remedy and "does not hold" in verdict.said:
                    return
    except OSError as error:
        yield failed(
            "broker",
            f"{where} cannot be reached: {error}",
            "look at the link and the broker's firewall; correct uplink.host and uplink.port",
        )
        return
    yield _consent(uplink, gateway, password, timeout_s)


def _certificate(sock: socket.socket, uplink: UplinkSection, now_s: float) -> Finding:
    context = ssl.create_default_context(cafile=uplink.ca_file or None)
    try:
        with context.wrap_socket(sock, server_hostname=uplink.host) as secured:
            authorities = context.get_ca_certs() if uplink.ca_file else []
            found = [*depended_on(secured.getpeercert() or {}, authorities)]
    except ssl.SSLCertVerificationError as error:
        return failed(
            "certificate",
            f"the broker's does not hold: {error.verify_message}",
            "set the clock if it is wrong; else correct uplink.ca_file or uplink.host",
        )
    except OSError as error:
        return failed(
            "certificate",
            f"TLS does not hold: {error}",
            "is uplink.port the one for TLS (8883)?",
        )
    told = "; ".join(_ends(one, now_s) for one in found)
    if min(one.ends for one in found) / 1000 - now_s < _EXPIRES_SOON_DAYS * _DAY_S:
        return look("certificate", told, "have it renewed before this visit's year is over")
    return fine("certificate", told)


def _ends(one: CertificateInfo, now_s: float) -> str:
    days = int((one.ends / 1000 - now_s) // _DAY_S)
    ends = datetime.fromtimestamp(one.ends / 1000, UTC)
    return f"the {one.of}'s holds until {ends:%Y-%m-%d}, {days} days from now"


def _consent(
    uplink: UplinkSection, gateway: str, password: str | None, timeout_s: float
) -> Finding:
    """Ask to be let in, under another client's name: the gateway's own would be thrown out."""
    answer: list[ReasonCode] = []

    def on_connect(
        _client: Client,
        _data: object,
        _flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        answer.append(reason)

    client = Client(CallbackAPIVersion.VERSION2, client_id=f"{gateway}-doctor", clean_session=True)
    client.on_connect = on_connect
    username = uplink.username or (gateway if password else "")
    if username:
        client.username_pw_set(username, password)
    if uplink.tls:
        client.tls_set_context(ssl.create_default_context(cafile=uplink.ca_file or None))
    client.connect_timeout = timeout_s
    try:
        client.connect(uplink.host, uplink.port)
        deadline_s = time.monotonic() + timeout_s
        while not answer and time.monotonic() < deadline_s:
            if client.loop(0.1) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                break
    except OSError as error:
        return failed("broker's consent", f"the connection broke: {error}", "try again")
    finally:
        client.disconnect()
        client.loop(0.1)
    if not answer:
        return failed(
            "broker's consent",
            f"{uplink.host}:{uplink.port} does not answer as an MQTT broker",
            "correct uplink.port (1883, with TLS 8883)",
        )
    if answer[0].is_failure:
        return failed(
            "broker's consent",
            f"it refuses user '{username}': {answer[0]}",
            "check uplink.username and SAXAUL_MQTT_PASSWORD (in /etc/saxaul/gateway.env)",
        )
    return fine("broker's consent", f"it lets '{username or 'anybody'}' in")


def check_ca_file(uplink: UplinkSection) -> Iterator[Finding]:
    """Look whether the file of certificates is there, where one is named."""
    if uplink.tls and uplink.ca_file and not Path(uplink.ca_file).is_file():
        yield failed(
            "certificate",
            f"uplink.ca_file '{uplink.ca_file}' is not there",
            "copy the broker's authority there, or correct the path",
        )
