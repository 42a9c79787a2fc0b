"""SDI-12 v1.4 behind an adapter: `lines`, what `replies` say, `metadata`, and binary `packets`."""

from gateway.codecs.sdi12.lines import (
    ADDRESSES,
    ANY,
    command,
    crc_text,
    reply_length,
    service_request_length,
    spoke,
)
from gateway.codecs.sdi12.metadata import Parameter, parameter_body, parse_parameter
from gateway.codecs.sdi12.replies import (
    Announcement,
    Identity,
    is_without_crc,
    parse_acknowledge,
    parse_address,
    parse_announcement,
    parse_identity,
    parse_values,
)

__all__ = [
    "ADDRESSES",
    "ANY",
    "Announcement",
    "Identity",
    "Parameter",
    "command",
    "crc_text",
    "is_without_crc",
    "parameter_body",
    "parse_acknowledge",
    "parse_address",
    "parse_announcement",
    "parse_identity",
    "parse_parameter",
    "parse_values",
    "reply_length",
    "service_request_length",
    "spoke",
]
