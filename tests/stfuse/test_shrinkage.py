"""A fitted line and an expected one: which of them counts, by how much, and how sure that is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stfuse.harmonisation.daylines import MeanLine
from stfuse.harmonisation.shrinkage import SLOPE_SPREADS, VALUE_SPREADS, shrink

# Slope and offset of blue, green, red, near infrared and the two shortwave infrared bands.
HLS = [
    [(0.9778, -0.004), (1.0053, -0.0009), (0.9765, 0.0009), (0.9983, -0.0001), (0.9987, -0.0011), (1.003, -0.0012)],
    [(0.9778, -0.004), (1.0075, -0.0008), (0.9761, 0.001), (0.9966, 0.0), (1.0, -0.0003), (0.9867, 0.0004)],
    [(0.9851, -0.0027), (1.0038, -0.0009), (0.9718, 0.0011), (0.9995, -0.0003), (0.9994, -0.0007), (0.991, 0.0004)],
]
CHASTAIN = [
    (1.0946, -0.0107),
    (1.0043, 0.0026),
    (1.0524, -0.0015),
    (0.8954, 0.0033),
    (1.0049, 0.0065),
    (1.0002, 0.0046),
]
BRIGHTNESS = np.array([0.06, 0.08, 0.08, 0.3, 0.22, 0.13])


def test_the_spreads_are_those_of_published_lines() -> None:
    for lines, slope, value in zip((HLS, [CHASTAIN]), SLOPE_SPREADS, VALUE_SPREADS, strict=True):
        slopes, offsets = np.moveaxis(np.array(lines), -1, 0)
        assert slope == pytest.approx(np.sqrt(np.mean((slopes - 1) ** 2)), rel=0.03)
        off = (slopes - 1) * BRIGHTNESS + offsets
        assert value == pytest.approx(np.sqrt(np.mean(off**2)), rel=0.06)


def test_a_line_known_exactly_stays_and_one_not_known_gives_way() -> None:
    exact = shrink(MeanLine(1.1, 0.23, 1e-9, 1e-9, 0.2), 1.0, 0.0)
    assert (exact.slope, exact.offset, exact.weight) == (pytest.approx(1.1), pytest.approx(0.01), pytest.approx(1))
    assert exact.slope_error == pytest.approx(0, abs=1e-8)
    vague = shrink(MeanLine(1.1, 0.23, 1e3, 1e3, 0.2), 1.02, 0.004)
    assert (vague.slope, vague.offset) == (pytest.approx(1.02), pytest.approx(0.004))
    assert vague.weight == pytest.approx(0, abs=1e-6)
    # Then all that is known of the slope is what was known beforehand.
    assert vague.slope_error == pytest.approx(np.sqrt(np.mean(np.square(SLOPE_SPREADS))), rel=1e-3)


@given(st.floats(0.9, 1.1), st.floats(-0.02, 0.02), st.floats(1e-3, 0.1), st.floats(1e-4, 0.02))
def test_the_line_is_the_mean_of_what_is_then_believed(slope: float, off: float, error: float, wrong: float) -> None:
    """The same sum over a fine net of all slopes and values."""
    centre = 0.2
    found = shrink(MeanLine(slope, centre + off, error, wrong, centre), 1.0, 0.0)
    slopes, values = np.linspace(-0.5, 0.5, 1001)[:, None], np.linspace(-0.1, 0.1, 1001)
    prior = sum(
        np.exp(-0.5 * ((slopes / s) ** 2 + (values / v) ** 2)) / (s * v)
        for s, v in zip(SLOPE_SPREADS, VALUE_SPREADS, strict=True)
    )
    likely = np.exp(-0.5 * (((slopes + 1 - slope) / error) ** 2 + ((values - off) / wrong) ** 2))
    belief = prior * likely / (prior * likely).sum()
    mean = float((belief * slopes).sum())
    assert found.slope == pytest.approx(1 + mean, abs=2e-4)
    assert found.slope_error == pytest.approx(np.sqrt((belief * (slopes - mean) ** 2).sum()), abs=3e-4)
    value = float((belief * values).sum())
    assert found.offset + found.slope * centre == pytest.approx(centre + value, abs=2e-4)
    assert 0 < found.weight < 1


def test_a_difference_within_what_is_published_is_drawn_near_and_a_larger_one_is_not() -> None:
    small, large = (shrink(MeanLine(s, 0.2, 0.02, 0.004, 0.2), 1.0, 0.0) for s in (1.02, 1.1))
    assert small.weight < 0.6
    assert large.weight > 0.8


@pytest.mark.parametrize("error", [0.01, 0.03])
def test_the_stated_error_is_right_whatever_view_holds(error: float) -> None:
    """True lines drawn from either view, fits with their error: by the odds that the posterior is made for."""
    rng, off = np.random.default_rng(0), []
    for i in range(2000):
        true = 1 + rng.normal(0, SLOPE_SPREADS[i % 2]), rng.normal(0.2, VALUE_SPREADS[i % 2])
        fit = MeanLine(rng.normal(true[0], error), rng.normal(true[1], 0.004), error, 0.004, 0.2)
        line = shrink(fit, 1.0, 0.0)
        off.append(((line.slope - true[0]) / line.slope_error, (line.slope - true[0]) / (fit.slope - true[0])))
    assert np.sqrt(np.mean(np.square(off)[:, 0])) == pytest.approx(1, abs=0.06)
    assert np.median(np.abs(off)[:, 1]) < 1
