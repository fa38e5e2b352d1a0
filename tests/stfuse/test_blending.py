"""STARFM's weighted mean against the slow version and its exact cases."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
import pytest

import naive
from factory import make_task
from stfuse.fusion.blending import blend, inverse_distance
from stfuse.fusion.blending_rules import Limit, tolerances
from stfuse.fusion.windows import surroundings
from stfuse.methods.starfm import Params
from stfuse.task import FloatArray


@dataclass(frozen=True)
class Pairs:
    fine: FloatArray
    coarse: FloatArray
    now: FloatArray


def make_pairs(count: int, shape: tuple[int, int] = (24, 22), gaps: float = 0.05, seed: int = 0) -> Pairs:
    rng = np.random.default_rng(seed)
    fine, coarse = (rng.uniform(0.2, 0.5, (count, *shape)).astype(np.float32) for _ in range(2))
    now = rng.uniform(0.2, 0.5, shape).astype(np.float32)
    fine[rng.random(fine.shape) < gaps] = np.nan
    coarse[rng.random(coarse.shape) < gaps] = np.nan
    now[rng.random(now.shape) < gaps] = np.nan
    return Pairs(fine, coarse, now)


VARIANTS = [
    {},
    {"strict": False},
    {"temporal_weight": False},
    {"weight": "log"},
    {"max_weight": True, "sigma_fine": 0.05},
    {"strict": False, "weight": "log", "max_weight": True, "temporal_weight": False, "sigma_coarse": 0.05},
    {"epsilon": 0.01, "distance_scale": 2.0},
]


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("settings", VARIANTS, ids=str)
def test_any_number_of_pairs_equals_the_slow_version(count: int, settings: dict[str, Any]) -> None:
    pairs, rules = make_pairs(count), Params(**{"window": 7, "sigma_coarse": 0.02, **settings})
    tolerance = np.linspace(0.02, 0.1, count, dtype=np.float32)[:, None, None]
    expected = naive.starfm(pairs.fine, pairs.coarse, pairs.now, tolerance, rules)
    found = blend(pairs.fine, pairs.coarse, pairs.now, tolerance, rules)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("strict", [True, False])
def test_every_limit_equals_the_slow_version(count: int, strict: bool) -> None:
    pairs, rules = make_pairs(count, gaps=0.1), Params(window=7, strict=strict)
    images, found = (pairs.fine, pairs.coarse, pairs.now, np.float32(0.1)), {}
    for limit in get_args(Limit):
        found[limit] = blend(*images, rules, limit=limit)
        np.testing.assert_allclose(found[limit], naive.starfm(*images, rules, limit), rtol=0, atol=2e-6)
    same = [np.array_equal(found["smallest"], found[limit], equal_nan=True) for limit in ("largest", "own")]
    assert same == [count == 1] * 2


def test_a_product_of_digital_numbers_at_the_uncertainty_is_not_within_it() -> None:
    """Uncertainty 40 epsilon, S and T of 4 and 7 or 7 and 4 epsilon: whatever the last bits, all weigh by distance."""
    numbers = np.random.default_rng(0).integers(3000, 9000, (20, 20))
    four = np.random.default_rng(1).random((20, 20)) < 0.5
    s, t = np.where(four, 4, 7), np.where(four, 7, 4)
    fine, coarse, now = ((n / 1e4).astype(np.float32) for n in (numbers, numbers - s, numbers - s + t))
    with_it, without = (Params(window=9, max_weight=m) for m in (True, False))
    found = [blend(fine[None], coarse[None], now, np.float32(1), rules) for rules in (with_it, without)]
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("window", [1, 3, 15, 17, 31, 33])
def test_windows_of_any_width_equal_the_slow_version(window: int) -> None:
    """Samples lie in rows of 16, 32 or 64, of which a window fills a part."""
    pairs, rules = make_pairs(2, (13, 11)), Params(window=window, sigma_coarse=0.05, max_weight=True)
    expected = naive.starfm(pairs.fine, pairs.coarse, pairs.now, 0.1, rules)
    np.testing.assert_allclose(blend(pairs.fine, pairs.coarse, pairs.now, 0.1, rules), expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("window", [7, 31, 51, 65])
@pytest.mark.parametrize("settings", [{}, {"strict": False, "max_weight": True}], ids=str)
def test_a_part_has_the_bits_of_the_whole(window: int, settings: dict[str, Any]) -> None:
    pairs, rules, radius = make_pairs(2, (171, 90)), Params(window=window, sigma_coarse=0.05, **settings), window // 2
    whole = blend(pairs.fine, pairs.coarse, pairs.now, np.float32(0.1), rules)
    for top, bottom, left, right in ((0, 1, 0, 90), (5, 140, 3, 4), (37, 171, 11, 60)):
        seen = slice(max(top - radius, 0), bottom + radius), slice(max(left - radius, 0), right + radius)
        inner = top - seen[0].start, bottom - seen[0].start, left - seen[1].start, right - seen[1].start
        images = (np.ascontiguousarray(image[..., *seen]) for image in (pairs.fine, pairs.coarse, pairs.now))
        part = blend(*images, np.float32(0.1), rules, inner)
        core = slice(inner[0], inner[1]), slice(inner[2], inner[3])
        np.testing.assert_array_equal(part[core], whole[top:bottom, left:right])
        assert np.isfinite(part).sum() == np.isfinite(whole[top:bottom, left:right]).sum(), "more than the core"


def test_the_order_of_pairs_does_not_matter() -> None:
    pairs, rules, tolerance = make_pairs(2), Params(window=7), np.float32(0.1)
    swapped = blend(pairs.fine[::-1], pairs.coarse[::-1], pairs.now, tolerance, rules)
    np.testing.assert_array_equal(blend(pairs.fine, pairs.coarse, pairs.now, tolerance, rules), swapped)


def test_the_order_of_pairs_does_not_matter_to_copies() -> None:
    pairs, rules = make_pairs(2, gaps=0.0), Params(window=7, copy_on_zero_diff=True)
    pairs.coarse[:, :4] = pairs.now[:4]  # no temporal difference to either
    pairs.coarse[1, 4:8] = pairs.now[4:8]
    pairs.coarse[0, 8:12] = pairs.fine[0, 8:12]  # no spectral difference
    pairs.fine[0, 5] = np.nan
    found = blend(pairs.fine, pairs.coarse, pairs.now, np.float32(0.1), rules)
    np.testing.assert_allclose(found[:4], pairs.fine[:, :4].mean(axis=0), rtol=0, atol=1e-7)
    np.testing.assert_array_equal(found[4:8], pairs.fine[1, 4:8])
    np.testing.assert_array_equal(found[8:12], pairs.now[8:12])
    swapped = blend(pairs.fine[::-1], pairs.coarse[::-1], pairs.now, np.float32(0.1), rules)
    np.testing.assert_array_equal(found, swapped)
    expected = naive.starfm(pairs.fine, pairs.coarse, pairs.now, 0.1, rules)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)


def test_weights_sum_to_one() -> None:
    """Adding a constant to the target's coarse image adds it to the prediction, whatever the weights are."""
    # Every sample passes the filters, and the temporal difference has no weight.
    pairs, rules = make_pairs(2, gaps=0.0), Params(window=9, sigma_coarse=10.0, temporal_weight=False)
    first = blend(pairs.fine, pairs.coarse, pairs.now, np.float32(1), rules)
    second = blend(pairs.fine, pairs.coarse, pairs.now + np.float32(0.125), np.float32(1), rules)
    np.testing.assert_allclose(second - first, 0.125, rtol=0, atol=1e-6)


def test_without_a_candidate_the_centre_forecasts_alone() -> None:
    pairs, rules = make_pairs(2, gaps=0.0), Params(window=9)
    expected = (pairs.fine + pairs.now - pairs.coarse).mean(axis=0)
    np.testing.assert_allclose(blend(pairs.fine, pairs.coarse, pairs.now, np.float32(0), rules), expected, atol=1e-6)


def test_equal_forecasts_are_returned_without_rounding() -> None:
    fine = np.full((1, 20, 20), 0.3, np.float32)
    coarse = np.random.default_rng(0).uniform(0.2, 0.4, (1, 20, 20)).astype(np.float32)
    coarse[:] = coarse[:, :1, :1]
    now = coarse[0] + np.float32(0.07)
    found = blend(fine, coarse, now, np.float32(0.1), Params(window=9))
    np.testing.assert_array_equal(found, fine[0] + (now - coarse[0]))


def test_a_pair_that_is_not_observed_at_the_centre_leaves_it_to_the_other() -> None:
    pairs, rules = make_pairs(2, gaps=0.0), Params(window=1)
    pairs.fine[0, 5, 5] = np.nan
    found = blend(pairs.fine, pairs.coarse, pairs.now, np.float32(0.1), rules)
    assert found[5, 5] == pytest.approx(pairs.fine[1, 5, 5] + pairs.now[5, 5] - pairs.coarse[1, 5, 5], abs=1e-6)


def test_nothing_known_gives_nothing() -> None:
    pairs, rules = make_pairs(2, gaps=0.0), Params(window=5, strict=False, max_weight=True)
    pairs.fine[:, 5, 5], pairs.now[9, 9] = np.nan, np.nan
    found = blend(pairs.fine, pairs.coarse, pairs.now, np.float32(0.1), rules)
    assert np.argwhere(np.isnan(found)).tolist() == [[5, 5], [9, 9]]


def test_nearness_is_one_at_the_centre_and_half_at_the_scale() -> None:
    table = inverse_distance(7, 3.0)
    assert table[3, 3] == 1
    assert table[3, 0] == table[0, 3] == table[6, 3] == pytest.approx(0.5)
    np.testing.assert_array_equal(inverse_distance(7, 0), inverse_distance(7, 3.5))


def test_tolerance_is_twice_the_spread_by_the_number_of_classes() -> None:
    fine = make_pairs(2, gaps=0.1).fine
    sd = np.array([0.1, 0.2], np.float32)
    np.testing.assert_allclose(tolerances(fine, sd, Params(classes=4)).ravel(), [0.05, 0.1], rtol=1e-6)
    of_window = np.stack([naive.window_sd(image, 5) for image in fine]) / 2
    np.testing.assert_allclose(
        tolerances(fine, None, Params(classes=4, sd="window", window=5)), of_window, rtol=1e-4, atol=1e-6
    )


def test_surroundings_are_what_windows_see_within_the_tile() -> None:
    task = replace(make_task((48, 42)), core=(slice(20, 30), slice(2, 40)))
    window, edges = surroundings(task.edges, 5, task.fine.grid.shape)
    assert window == (slice(15, 35), slice(0, 42))
    assert edges == (5, 15, 2, 40)


@pytest.mark.parametrize(
    "settings",
    [
        {"window": 30},
        {"window": 0},
        {"classes": 0},
        {"classes": float("nan")},
        {"sd": "scene"},
        {"weight": "cubic"},
        {"limit": "both"},
        {"sigma_fine": -1},
        {"sigma_coarse": -1},
        {"distance_scale": -1},
        {"epsilon": 0},
        {"log_scale": 0},
    ],
    ids=str,
)
def test_senseless_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        Params(**settings)
