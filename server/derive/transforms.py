"""The transforms a catalogue entry may name. A released version never changes: it gets a next one.

A name is `what/version`; input and output are arrays in the units that the catalogue gives the
source field and the derived property. Each number is taken by itself: an array may hold those of
many batches and series.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Transform = Callable[[Floats], Floats]


def teros12_mineral(raw: Floats) -> Floats:
    """Volumetric water content in m3/m3 of mineral soil from the calibrated counts (RAW).

    METER TEROS 11/12 manual, section 4.1: VWC = 3.879e-4 x RAW - 0.6956.
    """
    return 3.879e-4 * raw - 0.6956


TRANSFORMS: Mapping[str, Transform] = {"teros12-mineral/1": teros12_mineral}
