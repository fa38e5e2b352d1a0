"""STARFM's weighted mean against the slow version and its exact cases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import naive
from stfuse.blending import blend, inverse_distance
from stfuse.methods.starfm_si import Params
from stfuse.task import FloatArray


@dataclass(frozen=True)
class Pairs:
    fine: FloatArray
    coarse: FloatArray
    now: FloatArray


def make_pairs(count: int, shape: tuple[int, int] = (24, 22), gaps: float = 0.05, seed: int = 0) -> Pairs:
    rng = np.random.default_rng(seed)
    fine, coarse = (rng.uniform(0.2, 0.5, (count, *shape)).astype(np.float32) for _ in range(2))
    fine[rng.random(fine.shape) < gaps] = np.nan
    coarse[rng.random(coarse.shape) < gaps] = np.nan
    now = rng.uniform(0.2, 0.5, shape).astype(np.float32)
    return Pairs(fine, coarse, now)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize(
    "settings", [{}, {"strict": False, "temporal_weight": True}, {"weight": "log", "max_weight": True}]
)
def test_any_number_of_pairs_equals_the_slow_version(count: int, settings: dict[str, Any]) -> None:
    pairs, rules = make_pairs(count), Params(window=7, **settings)
    tolerance = np.linspace(0.02, 0.1, count, dtype=np.float32)[:, None, None]
    expected = naive.starfm(pairs.fine, pairs.coarse, pairs.now, tolerance, rules)
    np.testing.assert_allclose(
        blend(pairs.fine, pairs.coarse, pairs.now, tolerance, rules), expected, rtol=0, atol=2e-6
    )


def test_the_order_of_pairs_does_not_matter() -> None:
    pairs, rules, tolerance = make_pairs(2), Params(window=7), np.float32(0.1)
    swapped = blend(pairs.fine[::-1], pairs.coarse[::-1], pairs.now, tolerance, rules)
    np.testing.assert_allclose(blend(pairs.fine, pairs.coarse, pairs.now, tolerance, rules), swapped, rtol=0, atol=1e-6)


def test_weights_sum_to_one() -> None:
    """Adding a constant to the target's coarse image adds it to the prediction, whatever the weights are."""
    pairs, rules = make_pairs(2, gaps=0.0), Params(window=9, sigma_coarse=10.0)  # every sample passes the filters
    first = blend(pairs.fine, pairs.coarse, pairs.now, np.float32(1), rules)
    second = blend(pairs.fine, pairs.coarse, pairs.now + np.float32(0.125), np.float32(1), rules)
    np.testing.assert_allclose(second - first, 0.125, rtol=0, atol=1e-6)


def test_without_a_candidate_the_centre_forecasts_alone() -> None:
    pairs, rules = make_pairs(2, gaps=0.0), Params(window=9)
    expected = (pairs.fine + pairs.now - pairs.coarse).mean(axis=0)
    np.testing.assert_allclose(blend(pairs.fine, pairs.coarse, pairs.now, np.float32(0), rules), expected, atol=1e-6)


def test_a_pair_that_is_not_observed_at_the_centre_leaves_it_to_the_other() -> None:
    pairs, rules = make_pairs(2, gaps=0.0), Params(window=1)
    pairs.fine[0, 5, 5] = np.nan
    found = blend(pairs.fine, pairs.coarse, pairs.now, np.float32(0.1), rules)
    assert found[5, 5] == pytest.approx(pairs.fine[1, 5, 5] + pairs.now[5, 5] - pairs.coarse[1, 5, 5], abs=1e-6)


def test_nearness_is_one_at_the_centre_and_half_at_the_scale() -> None:
    table = inverse_distance(7, 3.0)
    assert table[3, 3] == 1
    assert table[3, 0] == table[0, 3] == table[6, 3] == pytest.approx(0.5)
    np.testing.assert_array_equal(inverse_distance(7, 0), inverse_distance(7, 3.5))
