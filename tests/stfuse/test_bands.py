"""What names of bands say."""

from __future__ import annotations

import numpy as np

from stfuse.bands import clip_to_valid, valid_range


def test_each_band_is_held_to_its_own_range() -> None:
    values = np.array([-2, 2, np.nan], np.float32)[None, :, None].repeat(3, axis=0)
    found = clip_to_valid(values, ("red", "ndvi", "vv"))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(
        found[..., 0], np.array([[0, 1.2, np.nan], [-1, 1, np.nan], [-2, 2, np.nan]], np.float32)
    )


def test_backscatter_has_no_limits() -> None:
    assert valid_range("vh") == (-np.inf, np.inf)
