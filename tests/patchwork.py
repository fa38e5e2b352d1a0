"""A patchy image and a disturbed copy, for tests of metrics."""

from __future__ import annotations

import numpy as np


def landscape(seed: int, shape: tuple[int, ...] = (3, 40, 36), noise: float = 0.02) -> tuple[np.ndarray, np.ndarray]:
    """A patchy image and a disturbed copy of it."""
    draw = np.random.default_rng(seed)
    patches = draw.uniform(0.05, 0.5, (*shape[:-2], 5, 5))
    image = np.kron(patches, np.ones((8, 8)))[..., : shape[-2], : shape[-1]] + draw.normal(0, 0.01, shape)
    # Held above zero, where NDVI needs no clipping.
    return tuple(np.maximum(i, 0.01).astype(np.float32) for i in (image + draw.normal(0, noise, shape), image))
