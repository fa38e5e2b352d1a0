"""Uncertainties measured on series: what was put in comes out, whatever lies between."""

import numpy as np
import pytest

from stfuse.phenology.logistic import double_logistic
from stfuse.series import FILLED, FUSED, NOISE, OBSERVED, Dense, assemble
from stfuse.sigmas import Sigmas, measure_sigmas, value_sigmas

START = np.datetime64("2023-01-01")


def series(observed_sigma, fused_sigma, rng, step=5, cloudy=0.3, lift=0.0):
    """Observed values every `step` days and fused ones between, of 400 pixels with one season."""
    days = np.arange(0, 360, step)
    curve = double_logistic(np.arange(365.0), (0.2, 0.5, 0.08, 130, 0.06, 250)).astype(np.float32)
    clear = np.repeat(curve[days], 400).reshape(len(days), 20, 20)
    observed = clear + rng.normal(0, observed_sigma, clear.shape)
    observed[rng.random(clear.shape) < cloudy] = np.nan
    between = days[1:-1:3] + 2
    made = np.repeat(curve[between], 400).reshape(len(between), 20, 20) + lift
    made = made + rng.normal(0, fused_sigma, made.shape)
    return assemble((observed.astype(np.float32), START + days), (made.astype(np.float32), START + between))


@pytest.mark.parametrize(("observed", "fused"), [(0.02, 0.06), (0.04, 0.05), (0.03, 0.03)])
def test_sigmas_put_in_come_out(observed, fused):
    found = measure_sigmas([series(observed, fused, np.random.default_rng(0))])
    assert found.observed == pytest.approx(observed, rel=0.1)
    assert found.fused == pytest.approx(fused, rel=0.1)


def test_clouds_that_the_mask_missed_do_not_count():
    dense = series(0.02, 0.05, np.random.default_rng(0))
    at = np.random.default_rng(1).random(dense.values.shape) < 0.05
    clouded = Dense(np.where(at, np.float32(0.05), dense.values), dense.dates, dense.flags)
    assert measure_sigmas([clouded]).observed == pytest.approx(0.02, rel=0.25)
    spread = np.nanstd((clouded.values - dense.values)[at])
    assert spread > 0.15


def test_fused_values_are_never_surer_than_observed_ones():
    found = measure_sigmas([series(0.05, 0.001, np.random.default_rng(0))])
    assert found.fused == found.observed == pytest.approx(0.05, rel=0.1)


@pytest.mark.parametrize(("step", "pixels"), [(30, 400), (5, 1)], ids=["far neighbours", "few values"])
def test_too_few_close_neighbours_leave_the_defaults(step, pixels):
    dense = series(0.02, 0.02, np.random.default_rng(0), step=step)
    few = Dense(dense.values[:, :1, :pixels], dense.dates, dense.flags[:, :1, :pixels])
    assert measure_sigmas([few]) == Sigmas(0.03, 0.05)
    assert measure_sigmas([], Sigmas(0.01, 0.02)) == Sigmas(0.01, 0.02)


def test_values_bear_the_sigma_of_their_source_filled_ones_their_own_and_noise_none():
    flags = np.array([OBSERVED, FUSED, FILLED, OBSERVED | NOISE, 0], np.uint8)[:, None, None]
    own = np.array([np.nan, np.nan, 0.07, np.nan, np.nan], np.float32)[:, None, None]
    values = np.array([0.5, 0.5, 0.5, 0.1, np.nan], np.float32)[:, None, None]
    found = value_sigmas(Dense(values, START + np.arange(5), flags, own), Sigmas(0.02, 0.04))
    assert found[:, 0, 0] == pytest.approx([0.02, 0.04, 0.07, np.nan, np.nan], nan_ok=True)
