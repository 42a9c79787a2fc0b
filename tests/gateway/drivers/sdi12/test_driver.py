from decimal import Decimal

import msgspec
import pytest

from gateway.codecs.sdi12 import Identity
from gateway.drivers.sdi12 import ADAPTERS, AdapterKind, Sdi12Driver
from gateway.drivers.sdi12.measuring import measurement
from gateway.readings import Reading
from wire.catalogue import Field, Layout, Sdi12, bundled
from wire.errors import ConfigError

TEROS = bundled()["METER TEROS 12"]
ATMOS = bundled()["METER ATMOS 41"]

# SDI-12 v1.2, which knows no CRC; asked twice, as its answer has none either.
TEROS_IS = ((b"1I!", b"112METER   TER12 400T12-00001\r\n"),) * 2
STILL_TEROS = TEROS_IS[0]
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
    assert script(STILL_TEROS, M, READY, D0).run(driver.poll()) == VALUES


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
    assert (steps.waited, steps.shared) == ([45], [True])


def test_a_continuous_reading_needs_no_measurement(script):
    driver = Sdi12Driver(model("RC0", 2), "0")
    steps = (*VENDOR_IS, (b"0RC0!", b"0+3.14+2.718IWO\r\n"))

    assert numbers(script(*steps).run(driver.poll())) == ["3.14", "2.718"]


@pytest.mark.parametrize("bad", [b"", b"1+2493.4+1x.1+39\r\n", b"1+2493", b"2+1+2+3\r\n"])
def test_a_lost_or_damaged_data_reply_is_asked_for_again_not_measured_again(script, bad):
    """Measuring again would lose the rain that the first measurement took."""
    driver = Sdi12Driver(TEROS, "1")

    sure = () if bad else (STILL_TEROS,)
    steps = script(*TEROS_IS, M, READY, (b"1D0!", bad), (b"1D0!", bad), D0, *sure)

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

    steps = script(*TEROS_IS, (b"1M!", b""), M, READY, D0, STILL_TEROS)

    assert steps.run(driver.poll()) == VALUES


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


def test_a_sensor_that_was_swapped_without_being_missed_is_identified_anew(script):
    driver = Sdi12Driver(TEROS, "1")
    swapped = (b"1I!", b"112METER   TER12 400T12-00002\r\n")
    script(*TEROS_IS, M, READY, D0).run(driver.poll())

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
        ATMOS_BEGINS[0],
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
        ATMOS_BEGINS[0],
    )

    found = {one.key: one.value for one in steps.run(Sdi12Driver(ATMOS, "3").poll())}

    assert found["rain"] == Decimal("0.034")
    assert found["wind_north"] == Decimal("-0.38")


@pytest.mark.parametrize(("bad", "reason"), [(b"", "timeout"), (b"3+0.2+1.7x\r\n", "bad frame")])
def test_a_page_that_cannot_be_had_costs_only_its_own_fields(script, bad, reason):
    """The rain on the first page is out of the gauge: it must not be lost with the second."""
    dead = () if bad else ((b"3I!", b""),) * 3
    steps = script(*ATMOS_BEGINS, (b"3D0!", ATMOS_D0), *((b"3D1!", bad),) * 3, *dead)

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
    assert numbers(script(MODERN_IS[0], *plain).run(driver.poll())) == MODERN_VALUES


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


@pytest.mark.parametrize("body", ["M", "M9", "MC", "MC1", "C", "CC", "CC3", "V", "R0", "RC9", "HA"])
def test_measurement_commands_of_the_standard_are_known(body):
    found = measurement(body)

    assert found.body(crc=found.crc) == body


@pytest.mark.parametrize("body", ["", "I", "M10", "HB", "D0", "m"])
def test_other_commands_are_a_configuration_error(body):
    with pytest.raises(ConfigError, match="measurement command"):
        measurement(body)


# ---------------------------------------------------------------- who is there

ATMOS_AT_1 = (b"1I!", b"114METER   ATM41 412\r\n")
OTHER = "another sensor model answers: METER ATM41"


def test_another_model_in_its_place_is_not_mixed_in_until_the_right_one_is_back(script):
    driver = Sdi12Driver(TEROS, "1")
    script(*TEROS_IS, M, READY, D0).run(driver.poll())

    assert script(ATMOS_AT_1, ATMOS_AT_1).run(driver.poll()) == missing(TEROS, OTHER)
    assert script(ATMOS_AT_1, ATMOS_AT_1).run(driver.poll()) == missing(TEROS, OTHER)
    assert script(STILL_TEROS, M, READY, D0).run(driver.poll()) == VALUES


@pytest.mark.parametrize(
    "oddness",
    [
        ((b"1M!", b""),),  # swapped before it was told to measure
        (M, (b"", b""), (b"1D0!", b"1\r\n"), (b"1D0!", b"1\r\n")),  # while it measured
    ],
)
def test_a_sensor_that_was_swapped_during_a_poll_is_not_mixed_in(script, oddness):
    driver = Sdi12Driver(TEROS, "1")
    steps = script(*TEROS_IS, *oddness, M, READY, D0, ATMOS_AT_1, ATMOS_AT_1)

    assert steps.run(driver.poll()) == missing(TEROS, OTHER)


def test_once_another_model_was_there_a_damaged_identification_is_not_enough(script):
    driver = Sdi12Driver(TEROS, "1")
    damaged = (b"1I!", b"1?\r\n")
    script(ATMOS_AT_1, ATMOS_AT_1).run(driver.poll())

    assert script(damaged, damaged, damaged).run(driver.poll()) == missing(TEROS, OTHER)


def test_two_identifications_that_differ_and_fit_neither_are_no_reason_to_measure(script):
    driver = Sdi12Driver(TEROS, "1")
    bent = (b"1I!", b"114METER   ATM40 412\r\n")
    script(*TEROS_IS, M, READY, D0).run(driver.poll())

    assert script(ATMOS_AT_1, bent).run(driver.poll()) == missing(TEROS, "bad frame")


def test_a_bit_that_turned_in_one_identification_hinders_nothing(script):
    driver = Sdi12Driver(TEROS, "1")
    bent = (b"1I!", b"112METER   TER12 400T12-00011\r\n")
    script(*TEROS_IS, M, READY, D0).run(driver.poll())

    assert script(bent, STILL_TEROS, M, READY, D0).run(driver.poll()) == VALUES
    assert driver.identity.serial == "T12-00001"


def test_where_the_catalogue_names_no_model_the_first_one_counts(script):
    nameless = msgspec.structs.replace(TEROS, sdi12=Sdi12(command="M"))
    driver = Sdi12Driver(nameless, "1")
    script(*TEROS_IS, M, READY, D0).run(driver.poll())

    assert script(ATMOS_AT_1, ATMOS_AT_1).run(driver.poll()) == missing(TEROS, OTHER)


# A sensor whose first firmware gives moisture, conductivity, temperature, and whose old one gives
# temperature first.
LAYERED = msgspec.structs.replace(
    model("M", 3),
    sdi12=Sdi12(
        layout=[
            Layout(firmware="6"),
            Layout(firmware="2", positions={"soil_ec": 1, "vwc_raw": 3, "soil_temperature": 2}),
        ]
    ),
)
ANSWER = ((b"0M!", b"00003\r\n"), (b"0D0!", b"0+1+2+3\r\n"))


def of_firmware(version):
    return ((b"0I!", f"012STEVENSWHYDRA {version}\r\n".encode()),) * 2


@pytest.mark.parametrize(
    ("firmware", "expected"), [("6.1", ["1", "2", "3"]), ("2.7", ["3", "2", "1"])]
)
def test_the_firmware_says_in_which_order_the_values_come(script, firmware, expected):
    driver = Sdi12Driver(LAYERED, "0")

    assert numbers(script(*of_firmware(firmware), *ANSWER).run(driver.poll())) == expected


def test_values_in_an_order_that_is_not_known_are_not_read(script):
    driver = Sdi12Driver(LAYERED, "0")

    found = script(*of_firmware("4.0")).run(driver.poll())

    assert found == missing(LAYERED, "firmware not in the catalogue: 4.0")


def test_without_an_identification_the_order_is_not_guessed(script):
    driver = Sdi12Driver(LAYERED, "0")
    damaged = (b"0I!", b"0?\r\n")

    assert script(damaged, damaged, damaged).run(driver.poll()) == missing(LAYERED, "bad frame")


# ---------------------------------------------------------------- several measurements

TWO_SETS = msgspec.structs.replace(
    TEROS,
    sdi12=Sdi12(commands=["M", "M1"]),
    field=[
        Field(property="vwc_raw", unit="1", resolution=Decimal(1), position=1),
        Field(property="soil_ec", unit="1", resolution=Decimal(1), position=1, command="M1"),
    ],
)
SECOND = ((b"1M1!", b"10001\r\n"), (b"1D0!", b"1+39\r\n"))


def test_a_model_of_several_measurements_takes_one_after_the_other(script):
    driver = Sdi12Driver(TWO_SETS, "1")
    steps = script(*TEROS_IS, M, READY, D0, *SECOND)

    assert numbers(steps.run(driver.poll())) == ["2493.4", "39"]


@pytest.mark.parametrize(
    ("failing", "reason"),
    [
        ((*((b"1M1!", b""),) * 3, STILL_TEROS), "timeout"),
        (((b"1M1!", b"10000\r\n"),) * 3, "sensor offers no value"),
    ],
)
def test_a_measurement_that_fails_costs_only_its_own_fields(script, failing, reason):
    driver = Sdi12Driver(TWO_SETS, "1")
    steps = script(*TEROS_IS, M, READY, D0, *failing)

    assert steps.run(driver.poll()) == [
        Reading("vwc_raw", Decimal("2493.4")),
        Reading("soil_ec", None, reason),
    ]


def test_a_high_volume_measurement_is_paged_beyond_ten_and_has_its_crc(script):
    """SDI-12 v1.4, 5.1: D10 has no leading zero, and the CRC is always there."""
    many = msgspec.structs.replace(
        TEROS,
        sdi12=Sdi12(command="HA"),
        field=[Field(property="vwc_raw", unit="1", resolution=Decimal(1), position=12)],
    )
    pages = [b"0+1.414GtW", b"0+2.718Gbc"] * 5 + [b"0+3.14+2.718IWO"]
    steps = script(
        *VENDOR_IS,
        (b"0HA!", b"0002012\r\n"),
        (None, b""),
        *((f"0D{n}!".encode(), page + b"\r\n") for n, page in enumerate(pages)),
    )

    assert numbers(steps.run(Sdi12Driver(many, "0").poll())) == ["2.718"]
    assert steps.shared == [True]


def test_a_verification_is_read_as_a_measurement(script):
    """SDI-12 v1.4, 4.4.11.1."""
    steps = script(*VENDOR_IS, (b"0V!", b"00011\r\n"), (b"", b"0\r\n"), (b"0D0!", b"0+1\r\n"))

    assert numbers(steps.run(Sdi12Driver(model("V", 1), "0").poll())) == ["1"]


def test_a_continuous_reading_that_there_is_not_has_no_value(script):
    driver = Sdi12Driver(model("RC0", 1), "0")

    found = script(*VENDOR_IS, (b"0RC0!", b"0AP@\r\n")).run(driver.poll())

    assert found == [Reading("vwc_raw", None, "no value")]


# ---------------------------------------------------------------- asking again


def test_a_silent_sensor_lets_others_go_first_before_it_is_asked_again(script):
    steps = script(SILENT_I, SILENT_I, SILENT_I)
    steps.run(Sdi12Driver(TEROS, "1").poll())

    assert steps.gave_way == 2


def test_the_string_that_a_meter_sensor_says_at_power_up_is_passed_over(script):
    """DDI serial of a TEROS 12, captured; it has no line end of its own."""
    powering_up = b"\t2493.4 27.8 22\rgDb"
    steps = script(*TEROS_IS, (b"1M!", powering_up + b"10013\r\n"), READY, D0)

    assert steps.run(Sdi12Driver(TEROS, "1").poll()) == VALUES


def test_where_the_break_is_ours_a_dead_sensor_is_asked_nine_times(script):
    """SDI-12 v1.4, 7.2: three breaks, and after each the command three times."""
    driver = Sdi12Driver(TEROS, "1", ADAPTERS[AdapterKind.UART])
    steps = script(*(SILENT_I,) * 9)

    assert steps.run(driver.poll()) == missing(TEROS, "timeout")
    assert [ask.wakes for ask in steps.asks] == [True, False, False] * 3
    # After the last stop bit 16.67 ms at least and 87 ms at most.
    assert all(0.025 + 0.0167 < ask.begin_s < 0.025 + 0.087 for ask in steps.asks)


def test_where_the_break_is_ours_an_answer_needs_no_second_one(script):
    driver = Sdi12Driver(TEROS, "1", ADAPTERS[AdapterKind.UART])
    steps = script(SILENT_I, *TEROS_IS, M, READY, D0)

    assert steps.run(driver.poll()) == VALUES
    assert [ask.wakes for ask in steps.asks] == [True, False, True, True, False, True]


def test_an_adapter_that_wants_a_carriage_return_gets_one(script):
    driver = Sdi12Driver(TEROS, "1", ADAPTERS[AdapterKind.LINE_CR])
    steps = (*TEROS_IS, M, READY, D0)
    with_cr = [(asked and asked + b"\r", reply) for asked, reply in steps]

    assert script(*with_cr).run(driver.poll()) == VALUES
