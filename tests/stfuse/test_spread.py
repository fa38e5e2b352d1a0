"""Spread of images, whole, in pieces and in windows."""

from __future__ import annotations

import numpy as np

import naive
from stfuse.fusion.spread import image_sd, window_sd
from stfuse.task import FloatArray


def make_images(count: int, shape: tuple[int, int] = (24, 22), gaps: float = 0.2, seed: int = 0) -> FloatArray:
    """Images (image, y, x) of noise with gaps."""
    rng = np.random.default_rng(seed)
    values = rng.uniform(0.2, 0.5, (count, *shape)).astype(np.float32)
    values[rng.random(values.shape) < gaps] = np.nan
    return values


def test_window_sd_equals_the_slow_version() -> None:
    values = make_images(1)[0]
    np.testing.assert_allclose(window_sd(values, 5), naive.window_sd(values, 5), rtol=1e-5, atol=1e-7)


def test_image_sd_is_over_observed_pixels_and_zero_where_there_are_none() -> None:
    values = make_images(3)[None]
    values[0, 2] = np.nan
    expected = [[np.nanstd(values[0, 0]), np.nanstd(values[0, 1]), 0]]
    np.testing.assert_allclose(image_sd([values]), expected, rtol=1e-6)


def test_image_sd_of_pieces_is_that_of_the_whole() -> None:
    values = make_images(4, (50, 60))[:, None] + np.float32(100)  # a level that swallows the squares
    values[..., :20, :30] = np.nan
    parts = [values[..., r : r + 20, c : c + 30] for r in range(0, 50, 20) for c in range(0, 60, 30)]
    np.testing.assert_allclose(image_sd(parts), np.nanstd(values.astype(np.float64), axis=(2, 3)), rtol=1e-5)
