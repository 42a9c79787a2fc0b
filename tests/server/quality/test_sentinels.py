"""Values that stand for "no value" become missing, with the catalogue's reason."""

import numpy as np

from server.quality.sentinels import NoValue, no_values_for, without
from wire.catalogue import bundled
from wire.quality import Flag, Test

TEROS = bundled()["METER TEROS 12"]


def test_a_model_says_which_values_of_a_property_are_none():
    found = no_values_for(TEROS, "soil_temperature", "Cel", "last")

    assert NoValue(-9999.0, TEROS.missing_reason("soil_temperature", -9999)) in found


def test_they_are_found_in_the_unit_of_the_series():
    kelvin = {one.value for one in no_values_for(TEROS, "soil_temperature", "K", "last")}
    celsius = {one.value for one in no_values_for(TEROS, "soil_temperature", "Cel", "last")}

    assert kelvin == {float(np.float64(value) + 273.15) for value in celsius}


def test_what_is_computed_from_many_values_is_none_of_them():
    """A sum may well be what a single reading may not."""
    assert no_values_for(TEROS, "soil_temperature", "Cel", "mean") == ()
    assert no_values_for(TEROS, "wind_speed", "m/s", "last") == ()


def test_they_become_missing_and_keep_what_tests_said():
    quality = np.array([1, Flag.SUSPECT | Test.FUTURE_TIME, 9], dtype=np.int32)
    value = np.array([21.5, -9999.0, np.nan])

    found, flags, reasons = without(value, quality, [NoValue(-9999.0, "probe fault")])

    assert found[0] == 21.5
    assert np.isnan(found[1:]).all()
    assert flags.tolist() == [1, Flag.MISSING | Test.FUTURE_TIME, 9]
    assert reasons == {1: "probe fault"}


def test_without_any_nothing_is_copied():
    value, quality = np.array([21.5]), np.array([1], dtype=np.int32)

    assert without(value, quality, [NoValue(-9999.0, "probe fault")])[:2] == (value, quality)
