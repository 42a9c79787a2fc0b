"""The transforms as the server uses them, on arrays; they are in wire.derive, for all programs."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from wire.derive.transforms import TRANSFORMS

__all__ = ["TRANSFORMS", "Floats", "Transform"]

Floats = NDArray[np.float64]
Transform = Callable[..., Floats]
