"""Each transform against published vectors."""

import numpy as np
import pytest

from wire.catalogue import bundled
from wire.derive.transforms import TRANSFORMS


@pytest.mark.parametrize(
    ("raw", "vwc"),
    [(1800, 0.0026), (2038.84, 0.0953), (2493.4, 0.2716), (2600, 0.3129), (3000, 0.4681)],
)
def test_teros12_mineral(raw, vwc):
    """METER manual, section 4.1, computed by hand; 2038.84 is a field sample."""
    result = TRANSFORMS["teros12-mineral/1"](np.array([raw], dtype=np.float64))

    assert result[0] == pytest.approx(vwc, abs=0.00005)


@pytest.mark.parametrize(
    ("permittivity", "vwc"),
    [(3, 0.0298), (5, 0.0798), (10, 0.1883), (20, 0.3454), (30, 0.4441), (40, 0.5102)],
)
def test_topp_1980(permittivity, vwc):
    """Topp, Davis and Annan 1980, computed by hand."""
    result = TRANSFORMS["topp-1980/1"](np.array([permittivity], dtype=np.float64))

    assert result[0] == pytest.approx(vwc, abs=0.00005)


def test_a_zero_read_shows_its_signature():
    assert TRANSFORMS["teros12-mineral/1"](np.zeros(1))[0] == -0.6956


def test_every_transform_the_catalogue_names_exists():
    named = {entry.transform for model in bundled().values() for entry in model.derived}

    assert named <= TRANSFORMS.keys()
    assert named
