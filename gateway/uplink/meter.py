"""What a connection has cost so far: the kernel's own count, with encryption and repetitions."""

import socket
import struct
from dataclasses import dataclass

# struct tcp_info, linux/tcp.h; a kernel gives as much of it as it knows, those before 4.19 no
# tcpi_bytes_sent (which has what was sent twice, as tcpi_bytes_acked has not).
_INFO_BYTES = 512
_ACKED_RECEIVED_SEGMENTS = struct.Struct("=120xQQII")
_SENT = struct.Struct("=200xQ")
# A header of IP and one of TCP with its time stamps (RFC 791, RFC 8200, RFC 9293, RFC 7323).
_HEADERS = {socket.AF_INET: 20 + 20 + 12, socket.AF_INET6: 40 + 20 + 12}
# Segments that come after the last look: each side's FIN and what answers it.
_CLOSING_SEGMENTS = 4


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes of the stream, both ways, and of the headers of the segments that carried it."""

    stream: int
    headers: int

    @property
    def total(self) -> int:
        """What a provider counts."""
        return self.stream + self.headers


# An attempt that reaches nobody: three or four SYN of 60 bytes.
ATTEMPT = Traffic(stream=0, headers=240)


def measure(sock: socket.socket) -> Traffic | None:
    """Ask the kernel what a TCP connection has carried; None where it does not say."""
    option = getattr(socket, "TCP_INFO", None)  # Linux only
    header = _HEADERS.get(sock.family)
    if option is None or header is None:
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, option, _INFO_BYTES)
    except OSError:
        return None
    if len(info) < _ACKED_RECEIVED_SEGMENTS.size:
        return None
    sent, received, segments_out, segments_in = _ACKED_RECEIVED_SEGMENTS.unpack_from(info)
    if len(info) >= _SENT.size:
        (sent,) = _SENT.unpack_from(info)
    segments = segments_out + segments_in + _CLOSING_SEGMENTS
    return Traffic(sent + received, segments * header)
