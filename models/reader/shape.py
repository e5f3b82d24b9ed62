"""The encoder's form, and how what lies back fades; the same in learning and in running."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.reader.inputs import AGES

LAYERS: Final = 6
_FADES: Final = np.array([0.0, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.1, 1.6, 2.4, 4.0], np.float32)
"""By how much each head attends less to what was said a reading further back: the first ones look
back on all of it alike, the last ones hardly."""


def fading(ages: NDArray[np.int64]) -> NDArray[np.float32]:
    """What is added to the attention of each head, by how many readings each piece lies back.

    Args:
        ages: of any shape.

    Returns:
        Heads, then the shape of ``ages``.
    """
    back = np.minimum(ages, AGES).astype(np.float32)
    found: NDArray[np.float32] = -_FADES.reshape(-1, *[1] * ages.ndim) * back
    return found
