from decimal import Decimal

import msgspec
import pytest

from gateway.codecs.sdi12 import Identity
from gateway.drivers.sdi12 import Sdi12Driver, measurement
from gateway.readings import Reading
from wire.catalogue import Field, Sdi12, bundled
from wire.errors import ConfigError

TEROS = bundled()["METER TEROS 12"]
ATMOS = bundled()["METER ATMOS 41"]

# SDI-12 v1.2, which knows no CRC; asked twice, as its answer has none either.
TEROS_IS = ((b"1I!", b"112METER   TER12 400T12-00001\r\n"),) * 2
VENDOR_IS = ((b"0I!", b"012VENDOR  MODEL 100\r\n"),) * 2
SILENT_I = (b"1I!", b"")
M = (b"1M!", b"10013\r\n")
READY = (b"", b"1\r\n")
D0 = (b"1D0!", b"1+2493.4+16.1+39\r\n")
VALUES = [
    Reading("vwc_raw", Decimal("2493.4")),
    Reading("soil_temperature", Decimal("16.1")),
    Reading("soil_ec", Decimal(39)),
]


def model(command, count):
    """A sensor of `count` values that is measured by `command`."""
    keys = ("vwc_raw", "soil_temperature", "soil_ec", "soil_ph", "air_temperature", "pm10")
    fields = [
        Field(property=key, unit="1", resolution=Decimal(1), position=n)
        for n, key in enumerate(keys[:count], start=1)
    ]
    return msgspec.structs.replace(TEROS, field=fields, sdi12=Sdi12(command=command), sentinel=[])


def missing(model_, reason):
    return [Reading(field.property, None, reason) for field in model_.field]


def numbers(readings):
    return [str(one.value) for one in readings]


def test_a_sensor_is_identified_once_then_measured_with_its_service_request(script):
    driver = Sdi12Driver(TEROS, "1")

    assert script(*TEROS_IS, M, READY, D0).run(driver.poll()) == VALUES
    assert driver.identity == Identity("12", "METER", "TER12", "400", "T12-00001")
    assert script(M, READY, D0).run(driver.poll()) == VALUES


def test_without_waiting_time_data_are_asked_for_at_once(script):
    """SDI-12 v1.4, 4.4.8: `0M!00001 0D0!0+3.14`."""
    driver = Sdi12Driver(model("M", 1), "0")
    steps = (
        *VENDOR_IS,
        (b"0M!", b"00001\r\n"),
        (b"0D0!", b"0+3.14\r\n"),
    )

    assert numbers(script(*steps).run(driver.poll())) == ["3.14"]


def test_pages_are_read_until_all_values_are_there(script):
    """SDI-12 v1.4, 4.4.8: `0M!00359`, six values in D0 and three in D1."""
    nine = model("M", 6)
    driver = Sdi12Driver(nine, "0")
    steps = (
        *VENDOR_IS,
        (b"0M!", b"00359\r\n"),
        (b"", b"0\r\n"),
        (b"0D0!", b"0+1.11+2.22+3.33+4.44+5.55\r\n"),
        (b"0D1!", b"0+6.66+7.77+8.88+9.99\r\n"),
    )

    assert numbers(script(*steps).run(driver.poll())) == [
        "1.11",
        "2.22",
        "3.33",
        "4.44",
        "5.55",
        "6.66",
    ]


def test_a_service_request_that_never_comes_costs_no_more_than_the_announced_time(script):
    driver = Sdi12Driver(model("M", 3), "0")
    steps = script(
        *VENDOR_IS,
        (b"0M!", b"00053\r\n"),
        (b"", b""),
        (b"0D0!", b"0+3.14+2.718+1.414\r\n"),
    )

    assert numbers(steps.run(driver.poll())) == ["3.14", "2.718", "1.414"]
    assert 5.0 <= steps.timeouts[3] <= 6.0


def test_a_concurrent_measurement_waits_its_time_and_checks_the_crc(script):
    """SDI-12 v1.4, 4.4.12.3: `0CC!004512 ... 0D0!...Ba]`."""
    driver = Sdi12Driver(model("CC", 3), "0")
    sent = b"0+1.234-4.56+12354-0.00045+2.223+145.5+7.7003+4328.8+9+10+11.433+12Ba]\r\n"
    steps = script(
        *VENDOR_IS,
        (b"0CC!", b"004512\r\n"),
        (None, b""),
        (b"0D0!", sent),
    )

    assert numbers(steps.run(driver.poll())) == ["1.234", "-4.56", "12354"]
    assert steps.waited == [45]


def test_a_continuous_reading_needs_no_measurement(script):
    driver = Sdi12Driver(model("RC0", 2), "0")
    steps = (*VENDOR_IS, (b"0RC0!", b"0+3.14+2.718IWO\r\n"))

    assert numbers(script(*steps).run(driver.poll())) == ["3.14", "2.718"]


@pytest.mark.parametrize("bad", [b"", b"1+2493.4+1x.1+39\r\n", b"1+2493", b"2+1+2+3\r\n"])
def test_a_lost_or_damaged_data_reply_is_asked_for_again_not_measured_again(script, bad):
    """Measuring again would lose the rain that the first measurement took."""
    driver = Sdi12Driver(TEROS, "1")

    steps = script(*TEROS_IS, M, READY, (b"1D0!", bad), (b"1D0!", bad), D0)

    assert steps.run(driver.poll()) == VALUES


def test_a_data_reply_with_a_bad_checksum_thrice_is_missing_as_such(script):
    driver = Sdi12Driver(model("MC", 1), "0")
    bad = (b"0D0!", b"0+3.15OqZ\r\n")
    steps = (*VENDOR_IS, (b"0MC!", b"00001\r\n"), bad, bad, bad)

    assert script(*steps).run(driver.poll()) == [Reading("vwc_raw", None, "bad checksum")]


@pytest.mark.parametrize("bent", [b"1x013\r\n", b"1001\r\n", b"1001", b"10010\r\n"])
def test_a_damaged_announcement_is_taken_as_the_measurement_having_begun(script, bent):
    driver = Sdi12Driver(TEROS, "1")

    assert script(*TEROS_IS, (b"1M!", bent), READY, D0).run(driver.poll()) == VALUES


def test_a_monstrous_announcement_is_taken_as_damaged(script):
    driver = Sdi12Driver(TEROS, "1")
    steps = script(*TEROS_IS, (b"1M!", b"19993\r\n"), READY, D0)

    assert steps.run(driver.poll()) == VALUES
    assert max(steps.timeouts) < 5


def test_an_unanswered_measurement_is_asked_for_again(script):
    """Nobody heard the first command after a pause: a D now would bring yesterday's values."""
    driver = Sdi12Driver(TEROS, "1")

    assert script(*TEROS_IS, (b"1M!", b""), M, READY, D0).run(driver.poll()) == VALUES


def test_an_answer_of_another_sensor_is_no_announcement(script):
    driver = Sdi12Driver(TEROS, "1")
    other = (b"1M!", b"20013\r\n")

    steps = script(*TEROS_IS, other, other, other)

    assert steps.run(driver.poll()) == missing(TEROS, "bad frame")


def test_an_aborted_measurement_is_issued_again_at_most_twice(script):
    driver = Sdi12Driver(TEROS, "1")
    empty = (b"1D0!", b"1\r\n")

    steps = script(*TEROS_IS, *(M, READY, empty, empty) * 3)

    assert steps.run(driver.poll()) == missing(TEROS, "measurement aborted")


def test_a_late_service_request_is_not_taken_for_an_abort(script):
    driver = Sdi12Driver(TEROS, "1")

    steps = script(*TEROS_IS, M, (b"", b""), (b"1D0!", b"1\r\n"), D0)

    assert steps.run(driver.poll()) == VALUES


def test_a_sensor_without_such_a_measurement_says_so(script):
    driver = Sdi12Driver(TEROS, "1")

    steps = script(*TEROS_IS, *((b"1M!", b"10000\r\n"),) * 3)

    assert steps.run(driver.poll()) == missing(TEROS, "sensor offers no value")


def test_fewer_values_than_fields_miss_the_last_fields_only(script):
    driver = Sdi12Driver(TEROS, "1")
    empty = (b"1D1!", b"1\r\n")

    steps = script(*TEROS_IS, M, READY, (b"1D0!", b"1+2493.4+16.1\r\n"), empty)

    assert steps.run(driver.poll()) == [*VALUES[:2], Reading("soil_ec", None, "no value")]


def test_sentinels_are_missing_with_the_catalogues_reason(script):
    driver = Sdi12Driver(TEROS, "1")

    steps = script(*TEROS_IS, M, READY, (b"1D0!", b"1-9999+16.1-9991\r\n"))

    assert steps.run(driver.poll()) == [
        Reading("vwc_raw", None, "measurement compromised"),
        VALUES[1],
        Reading("soil_ec", None, "supply voltage too low"),
    ]


def test_a_dead_sensor_is_a_timeout_and_costs_less_the_next_time(script):
    driver = Sdi12Driver(TEROS, "1")

    assert script(SILENT_I, SILENT_I, SILENT_I).run(driver.poll()) == missing(TEROS, "timeout")
    assert script(SILENT_I, SILENT_I).run(driver.poll()) == missing(TEROS, "timeout")


def test_a_sensor_that_was_silent_is_identified_anew(script):
    """It may have been swapped meanwhile."""
    driver = Sdi12Driver(TEROS, "1")
    swapped = (b"1I!", b"112METER   TER12 400T12-00002\r\n")
    unheard = (b"1M!", b"")
    script(*TEROS_IS, unheard, unheard, unheard).run(driver.poll())

    assert script(swapped, swapped, M, READY, D0).run(driver.poll()) == VALUES
    assert driver.identity.serial == "T12-00002"


def test_another_model_at_the_address_is_not_read_as_this_one(script):
    driver = Sdi12Driver(TEROS, "1")
    other = (b"1I!", b"114METER   ATM41 412\r\n")

    readings = script(other, other).run(driver.poll())

    assert readings == missing(TEROS, "another sensor model answers: METER ATM41")
    assert script(*TEROS_IS, M, READY, D0).run(driver.poll()) == VALUES


def test_a_damaged_identification_does_not_hinder_measuring(script):
    driver = Sdi12Driver(TEROS, "1")
    damaged = (b"1I!", b"1?\r\n")

    assert script(damaged, damaged, damaged, M, READY, D0).run(driver.poll()) == VALUES
    assert driver.identity is None


def test_an_atmos_41_is_paged_through_after_one_concurrent_measurement(script):
    driver = Sdi12Driver(ATMOS, "3")
    steps = script(
        *((b"3I!", b"312METER   ATM41 412\r\n"),) * 2,
        (b"3C!", b"300118\r\n"),
        (None, b""),
        (b"3D0!", b"3+26+0.034+0+0+0.93+246.3+2.65+11.0+1.18+100.83+0.900+10.8\r\n"),
        (b"3D1!", b""),
        (b"3D1!", b"3+0.2+1.7+0-0.38-0.86+2.65\r\n"),
    )

    found = {one.key: one.value for one in steps.run(driver.poll())}

    assert found["rain"] == Decimal("0.034")
    assert found["wind_north"] == Decimal("-0.38")
    assert found["relative_humidity"] == Decimal("0.900")


ATMOS_BEGINS = (
    *((b"3I!", b"312METER   ATM41 412\r\n"),) * 2,
    (b"3C!", b"300118\r\n"),
    (None, b""),
)
ATMOS_D0 = b"3+26+0.034+0+0+0.93+246.3+2.65+11.0+1.18+100.83+0.900+10.8\r\n"
ATMOS_D1 = b"3+0.2+1.7+0-0.38-0.86+2.65\r\n"


def test_a_late_page_is_not_taken_for_the_next_one(script):
    """D0 was asked twice and answers twice; a reply does not say which page it is."""
    steps = script(
        *ATMOS_BEGINS,
        (b"3D0!", b""),
        (b"3D0!", ATMOS_D0),
        (b"", ATMOS_D0),
        (b"3D1!", ATMOS_D1),
    )

    found = {one.key: one.value for one in steps.run(Sdi12Driver(ATMOS, "3").poll())}

    assert found["rain"] == Decimal("0.034")
    assert found["wind_north"] == Decimal("-0.38")


@pytest.mark.parametrize(("bad", "reason"), [(b"", "timeout"), (b"3+0.2+1.7x\r\n", "bad frame")])
def test_a_page_that_cannot_be_had_costs_only_its_own_fields(script, bad, reason):
    """The rain on the first page is out of the gauge: it must not be lost with the second."""
    steps = script(*ATMOS_BEGINS, (b"3D0!", ATMOS_D0), *((b"3D1!", bad),) * 3)

    found = {one.key: one for one in steps.run(Sdi12Driver(ATMOS, "3").poll())}

    assert found["rain"].value == Decimal("0.034")
    assert found["wind_north"] == Reading("wind_north", None, reason)


def test_two_identifications_that_differ_are_not_believed(script):
    """A wrong serial number would end a deployment."""
    driver = Sdi12Driver(TEROS, "1")
    one = (b"1I!", b"112METER   TER12 400T12-00001\r\n")
    bent = (b"1I!", b"112METER   TER12 400T12-0 001\r\n")

    assert script(one, bent, M, READY, D0).run(driver.poll()) == VALUES
    assert driver.identity is None


# A sensor of SDI-12 v1.3 or later: METER TEROS 12 at address 0, data with their CRC.
MODERN_IS = ((b"0I!", b"014METER   TER12 400\r\n"),) * 2
MODERN_D0 = (b"0D0!", b"0+2038.84+16.1+39Gmq\r\n")
MODERN_VALUES = ["2038.84", "16.1", "39"]


def test_a_sensor_that_knows_crcs_is_asked_for_them(script):
    driver = Sdi12Driver(TEROS, "0")
    bent = (b"0D0!", b"0+2038.84+16.5+39Gmq\r\n")

    steps = script(*MODERN_IS, (b"0MC!", b"00013\r\n"), (b"", b"0\r\n"), bent, MODERN_D0)

    assert numbers(steps.run(driver.poll())) == MODERN_VALUES


def test_a_sensor_that_knows_no_crc_after_all_is_measured_without_from_then_on(script):
    driver = Sdi12Driver(TEROS, "0")
    plain = ((b"0M!", b"00003\r\n"), (b"0D0!", b"0+2038.84+16.1+39\r\n"))

    steps = script(*MODERN_IS, (b"0MC!", b"00000\r\n"), *plain)

    assert numbers(steps.run(driver.poll())) == MODERN_VALUES
    assert numbers(script(*plain).run(driver.poll())) == MODERN_VALUES


def test_a_sensor_that_takes_the_command_and_sends_no_crc_is_read_all_the_same(script):
    driver = Sdi12Driver(TEROS, "0")
    bare = (b"0D0!", b"0+2038.84+16.1+39\r\n")

    steps = script(*MODERN_IS, (b"0MC!", b"00003\r\n"), bare)

    assert numbers(steps.run(driver.poll())) == MODERN_VALUES


def test_a_crc_that_the_catalogue_asks_for_is_never_waived(script):
    driver = Sdi12Driver(model("MC", 1), "0")
    bare = (b"0D0!", b"0+3.14\r\n")

    steps = script(*VENDOR_IS, (b"0MC!", b"00001\r\n"), bare, bare, bare)

    assert steps.run(driver.poll())[0].value is None


@pytest.mark.parametrize("address", ["", "11", "!", "?"])
def test_an_impossible_address_is_a_configuration_error(address):
    with pytest.raises(ConfigError, match="SDI-12 address"):
        Sdi12Driver(TEROS, address)


def test_a_model_of_another_protocol_is_a_configuration_error():
    with pytest.raises(ConfigError):
        Sdi12Driver(bundled()["Renke RS-FSXCS"], "1")


@pytest.mark.parametrize("body", ["M", "M9", "MC", "MC1", "C", "CC", "CC3", "V", "R0", "RC9"])
def test_measurement_commands_of_the_standard_are_known(body):
    found = measurement(body)

    assert found.body(crc=found.crc) == body


@pytest.mark.parametrize("body", ["", "I", "M10", "HA", "D0", "m"])
def test_other_commands_are_a_configuration_error(body):
    with pytest.raises(ConfigError, match="measurement command"):
        measurement(body)
