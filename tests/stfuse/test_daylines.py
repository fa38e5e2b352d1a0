"""A day's line and its error, and the mean of several days'."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stfuse.harmonisation.daylines import (
    DayLine,
    MeanLine,
    between,
    day_line,
    mean_line,
    reduced_major_axis,
    with_common_errors,
)


def day(slope: float, error: float = 0.01, offset: float = 0.0, r: float = 1.0) -> DayLine:
    return DayLine(slope, offset, error, 0.2, r, 100)


def test_the_axis_is_the_ratio_of_the_spreads_through_the_means() -> None:
    slope, offset = reduced_major_axis(np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 5.0]))
    assert (slope, offset) == (pytest.approx(2), pytest.approx(1))


@given(st.floats(0.5, 2), st.floats(-0.1, 0.1), st.integers(0, 99))
def test_a_day_s_line_is_found_whatever_a_tenth_of_its_pixels_say(slope: float, offset: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 0.4, 300)
    y = slope * x + offset
    y[:30] += rng.choice([-0.4, 0.4], 30)
    line = day_line(x, y, np.arange(300) % 16)
    assert (line.slope, line.offset) == (pytest.approx(slope, rel=1e-6), pytest.approx(offset, abs=1e-6))
    assert line.n == 270
    assert line.r == pytest.approx(1)


def test_pixels_that_do_not_vary_or_are_few_have_no_line() -> None:
    for x in (np.full(50, 0.1), np.linspace(0, 1, 9)):
        line = day_line(x, np.linspace(0, 1, len(x)), np.zeros(len(x), int))
        assert math.isnan(line.r)
        assert (line.slope, line.offset, line.n) == (1, 0, len(x))


def patches(rng: Any) -> tuple[Any, Any, Any]:
    """Pixels of 16 blocks that err together within a block."""
    block = np.repeat(np.arange(16), 50)
    x = rng.uniform(0.05, 0.4, 800)
    return x, x * (1 + rng.normal(0, 0.05, 16)[block]) + rng.normal(0, 0.001, 800), block


def test_the_error_of_a_day_knows_that_neighbours_err_together() -> None:
    rng = np.random.default_rng(0)
    lines = [day_line(*patches(rng)) for _ in range(60)]
    scatter = float(np.std([line.slope for line in lines]))
    stated = float(np.median([line.slope_error for line in lines]))
    assert 0.5 < stated / scatter < 1.5
    # Were every pixel a witness of its own, the error would be several times smaller.
    alone = [day_line(*patches(rng)[:2], np.arange(800)).slope_error for _ in range(20)]
    assert np.median(alone) < 0.6 * stated


def test_an_error_in_one_block_is_that_of_independent_pixels() -> None:
    rng = np.random.default_rng(1)
    x = rng.uniform(0, 0.4, 200)
    line = day_line(x, x + rng.normal(0, 0.01, 200), np.zeros(200, int))
    assert line.slope_error == pytest.approx(line.slope * math.sqrt((1 - line.r**2) / (line.n - 2)))


def test_days_that_agree_count_by_their_errors() -> None:
    line = mean_line([day(1.0, 0.01), day(1.03, 0.03), day(1.0, 0.01)])
    weights = np.array([1, 1 / 9, 1])
    assert line.slope == pytest.approx(weights @ [1.0, 1.03, 1.0] / weights.sum())
    # Nothing between the days beyond their own errors: the error is the weights', by Student's t for two degrees.
    assert line.slope_error == pytest.approx(0.01 / math.sqrt(19 / 9) * 4.30265 / 1.95996, rel=1e-4)


def test_days_that_differ_count_alike() -> None:
    slopes = np.array([0.9, 1.0, 1.1, 1.2])
    line = mean_line([day(slope, 1e-4, slope / 100) for slope in slopes])
    wide = 3.18245 / 1.95996
    assert line.slope == pytest.approx(1.05, abs=1e-4)
    assert line.offset == pytest.approx(0.0105, abs=1e-6)
    assert line.slope_error == pytest.approx(np.std(slopes, ddof=1) / 2 * wide, rel=1e-3)
    # Where all lines have their mean brightness, 0.2, a day's value is 0.21 of its slope.
    assert (line.centre, line.value) == (pytest.approx(0.2), pytest.approx(0.21 * 1.05))
    assert line.value_error == pytest.approx(0.21 * np.std(slopes, ddof=1) / 2 * wide, rel=1e-4)


def test_no_band_is_better_known_than_all_are_together() -> None:
    bands = [MeanLine(1.0, 0.1, 0.01, 0.001, 0.1), MeanLine(2.0, 0.4, 0.06, 0.012, 0.2)]
    first, second = with_common_errors(bands)
    assert first.slope_error == pytest.approx(math.sqrt((0.01**2 + 0.03**2) / 2))
    assert first.value_error == pytest.approx(0.1 * math.sqrt((0.01**2 + 0.03**2) / 2))
    assert second == bands[1]
    assert with_common_errors([]) == []


def test_the_variance_between_days_is_that_of_dersimonian_and_laird() -> None:
    # Equal errors e: Q = sum of squares / e^2, so tau^2 = (Q - 2) e^2 / 2 for three days.
    assert between(np.array([0.9, 1.0, 1.1]), np.full(3, 0.05)) == pytest.approx((0.02 / 0.0025 - 2) * 0.0025 / 2)
    assert between(np.array([1.0, 1.0, 1.0]), np.full(3, 0.05)) == 0


def test_noise_makes_the_axis_itself_uncertain() -> None:
    days = [day(1.0, 1e-6, r=0.9) for _ in range(3)]
    assert mean_line(days).slope_error == pytest.approx((1 / 0.9 - 0.9) / math.sqrt(12), rel=1e-3)
    assert mean_line(days).value_error == 0


def test_one_day_has_no_mean_line() -> None:
    with pytest.raises(ValueError, match="two days or more, found 1"):
        mean_line([day(1.0)])
