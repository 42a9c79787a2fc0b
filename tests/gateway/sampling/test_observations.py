from decimal import Decimal

import pytest

from gateway.readings import Observation
from gateway.sampling.observations import observe
from wire.quality import Flag

NAME = "dune-1/mast/wind_speed"


def test_a_value_passes_as_it_is():
    assert observe(NAME, 600_000, Decimal("5.40")) == Observation(NAME, 600_000, Decimal("5.40"))


def test_a_missing_value_keeps_its_reason():
    assert observe(NAME, 600_000, None, "timeout") == Observation(
        NAME, 600_000, None, Flag.MISSING, "timeout"
    )


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1E-13", "12345678901234567.1"])
def test_what_the_wire_cannot_carry_is_missing(text):
    found = observe(NAME, 600_000, Decimal(text))

    assert (found.value, found.reason) == (None, "unrepresentable")
