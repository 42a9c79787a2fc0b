import pytest

from gateway.codecs.checksums import crc16, xor_checksum


@pytest.mark.parametrize(("initial", "expected"), [(0x0000, 0xBB3D), (0xFFFF, 0x4B37)])
def test_crc16_gives_the_catalogued_check_values(initial, expected):
    """CRC-16/ARC and CRC-16/MODBUS of "123456789"."""
    assert crc16(b"123456789", initial) == expected


def test_crc16_of_nothing_is_its_initial_value():
    assert crc16(b"", 0xFFFF) == 0xFFFF


def test_xor_checksum_is_that_of_nmea_0183():
    assert xor_checksum(b"WIMWV,282,R,0.1,M,A") == 0x37
