from decimal import Decimal

import msgspec
import pytest

from gateway.codecs.checksums import ChecksumError
from gateway.codecs.modbus_rtu import ExceptionReplyError
from gateway.drivers.outcome import NoReplyError, all_missing, in_unit, reading, reason_for
from gateway.errors import FrameError, SensorError
from gateway.readings import Reading
from wire.catalogue import bundled

TEROS = bundled()["METER TEROS 12"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NoReplyError(), "timeout"),
        (ChecksumError("CRC 'xyz' does not belong"), "bad checksum"),
        (FrameError("not a list of values: '0x'"), "bad frame"),
        (ExceptionReplyError(2), "exception: illegal data address"),
        (SensorError("measurement aborted"), "measurement aborted"),
    ],
)
def test_reasons_are_short_and_stable(error, reason):
    assert reason_for(error) == reason


def test_a_value_is_a_reading():
    assert reading(TEROS, "vwc_raw", Decimal("2493.4")) == Reading("vwc_raw", Decimal("2493.4"))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("-9999", "measurement compromised"),
        ("-9999.0", "measurement compromised"),
        ("-9992", "calibration lost"),
        ("-9991", "supply voltage too low"),
    ],
)
def test_a_sentinel_never_comes_out_as_data(value, reason):
    assert reading(TEROS, "vwc_raw", Decimal(value)) == Reading("vwc_raw", None, reason)


def test_a_failure_misses_every_field():
    assert all_missing(TEROS, "timeout") == [
        Reading("vwc_raw", None, "timeout"),
        Reading("soil_temperature", None, "timeout"),
        Reading("soil_ec", None, "timeout"),
    ]


@pytest.mark.parametrize("text", ["1E+38", "1.2345678901234567E+300"])
def test_a_value_too_great_to_be_counted_in_steps_is_converted_as_it_is(text):
    field = msgspec.structs.replace(TEROS.field[0], unit="Pa", resolution=Decimal("0.1"))

    assert in_unit(Decimal(text), "hPa", field) == Decimal(text) * 100
