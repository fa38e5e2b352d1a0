"""Bilinear interpolation to finer pixels against GDAL's."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine

from factory import make_grid, punch
from stfuse.grid import coarser, regrid
from stfuse.task import FloatArray
from stfuse.upsampling import upsample


def make_images(shape: tuple[int, int], gaps: float = 0.1) -> FloatArray:
    rng = np.random.default_rng(0)
    images = punch(rng.uniform(-1, 1, (2, 1, *shape)).astype(np.float32), gaps, 3)[:, 0]
    images[:, rng.random(shape) < gaps / 2] = np.nan
    return images


@pytest.mark.parametrize("ratio", [1.0, 2.5, 3.0, 16.7])
@pytest.mark.parametrize("part", [(slice(0, 90), slice(0, 71)), (slice(13, 60), slice(31, 71))])
def test_equals_gdal_to_the_bit(ratio: float, part: tuple[slice, slice]) -> None:
    fine = make_grid((90, 71))
    coarse = coarser(fine, ratio)
    images = make_images(coarse.shape)
    expected = regrid(images, coarse, fine[part], "bilinear")
    np.testing.assert_array_equal(upsample(images, coarse, fine[part]), expected)


@pytest.mark.parametrize("shift", [(-7.0, 4.0), (500.0, 0.0), (0.3, -500.0)])
def test_beyond_the_source_there_is_nothing(shift: tuple[float, float]) -> None:
    """Not even by a part of a pixel: the last centres that lie inside are the last that are filled."""
    fine = make_grid((40, 30))
    coarse = coarser(fine, 3)
    moved = Affine.translation(*shift) * fine
    images = make_images(coarse.shape, 0.0)
    np.testing.assert_array_equal(upsample(images, coarse, moved), regrid(images, coarse, moved, "bilinear"))


def test_the_weights_of_a_centre_a_quarter_on() -> None:
    fine = make_grid((4, 4))
    images = np.array([[[0, 1], [2, 4]]], np.float32)
    expected = [0, 0.25, 0.75, 1]
    found = upsample(images, coarser(fine, 2), fine)[0]
    np.testing.assert_allclose(found[0], expected, atol=1e-7)
    assert found[1, 1] == pytest.approx(0.75 * 0.25 + 0.25 * (0.75 * 2 + 0.25 * 4))


def test_larger_and_turned_pixels_are_left_to_gdal() -> None:
    fine = make_grid((40, 30))
    images = make_images(fine.shape, 0.0)
    for target in (coarser(fine, 3), fine.rotate(5)):
        np.testing.assert_array_equal(upsample(images, fine, target), regrid(images, fine, target, "bilinear"))


def test_no_image_gives_none() -> None:
    fine = make_grid((6, 6))
    assert upsample(np.empty((0, 2, 2), np.float32), coarser(fine, 3), fine).shape == (0, 6, 6)
