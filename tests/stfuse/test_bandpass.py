"""The line between two sensors: found, protected against outliers, and refused when doubtful."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stfuse.bandpass import Line, apply_lines, choose_pixels, fit_band, published, robust_line
from stfuse.errors import InputError

FALLBACK = Line(1.02, 0.004, "published")


def make_pair(slope: float, offset: float, seed: int = 0, noise: float = 0.002, size: int = 20) -> Any:
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.02, 0.4, (1, size, size))
    y = slope * x + offset + rng.normal(0, noise, x.shape)
    return tuple(v.astype(np.float32) for v in (x, y, rng.uniform(0, 0.02, x.shape)))


@given(st.floats(0.75, 1.25), st.floats(-0.05, 0.05), st.integers(0, 50))
def test_a_known_line_is_found(slope: float, offset: float, seed: int) -> None:
    line = fit_band([make_pair(slope, offset, seed)], ["day"], 0, FALLBACK)
    assert line.rule == "fit"
    assert line.slope == pytest.approx(slope, abs=0.01)
    assert line.offset == pytest.approx(offset, abs=0.003)


def test_outliers_do_not_bend_it() -> None:
    x, y, spread = make_pair(1.1, 0.01)
    y[0, :3, :] += 0.3
    line = fit_band([(x, y, spread)], ["day"], 0, FALLBACK)
    assert line.slope == pytest.approx(1.1, abs=0.01)
    assert line.offset == pytest.approx(0.01, abs=0.003)


def test_a_hazy_pair_is_left_out_and_named() -> None:
    pairs = [make_pair(1.1, 0.01), make_pair(1.7, 0.05, seed=1)]
    line = fit_band(pairs, ["2018-08-02", "2018-10-21"], 0, FALLBACK)
    assert line.slope == pytest.approx(1.1, abs=0.01)
    assert "2018-10-21 (slope 1.7" in line.why
    assert "2018-08-02" not in line.why


@pytest.mark.parametrize(
    "pairs",
    [[], [make_pair(1.5, 0)], [make_pair(1.0, 0, noise=0.3)], [make_pair(1.0, 0, size=5)]],
    ids=["no pair", "odd slope", "no correlation", "few pixels"],
)
def test_a_doubtful_fit_falls_back_and_says_why(pairs: Any) -> None:
    line = fit_band(pairs, ["day"] * len(pairs), 0, FALLBACK)
    assert (line.slope, line.offset, line.rule) == (1.02, 0.004, "published")
    assert line.why


def test_homogeneous_pixels_are_preferred() -> None:
    x, y, spread = make_pair(1.0, 0.0)
    spread[:] = 0.001
    spread[0, ::2], y[0, ::2] = 0.1, 0.5
    chosen, against = choose_pixels((x, y, spread), 0)
    assert len(chosen) == x.size // 2
    np.testing.assert_allclose(chosen, against, atol=0.01)


def test_pixels_that_do_not_vary_have_no_line() -> None:
    assert np.isnan(robust_line(np.full(50, 0.1), np.linspace(0, 1, 50))[2])


def test_bands_without_a_published_line_stay_as_they_are() -> None:
    sensor = {"bandpass": {"red": [1.02, -0.001]}}
    assert (published(sensor, "red").slope, published(sensor, "red").rule) == (1.02, "published")
    assert (published(sensor, "nir").slope, published(sensor, "nir").rule) == (1.0, "identity")
    assert published({}, "red").rule == "identity"


def test_lines_are_applied_band_by_band_and_nan_stays() -> None:
    values = np.array([[[0.1, np.nan]], [[0.2, 0.3]]], np.float32)
    lines = {"red": {"slope": 2.0, "offset": 0.0}, "nir": {"slope": 1.0, "offset": 0.1}}
    np.testing.assert_allclose(apply_lines(values, ["red", "nir"], lines), [[[0.2, np.nan]], [[0.3, 0.4]]], rtol=1e-6)
    with pytest.raises(InputError, match=r"lacks \['blue'\]"):
        apply_lines(values, ["red", "blue"], lines)
