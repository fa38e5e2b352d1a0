"""Strata have exact shares, whatever ties and holes there are."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stfuse.scores import score_image
from stfuse.strata import STRATA, gradient_strata
from stfuse.structure import gradient


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 1000), st.integers(3, 15), st.integers(3, 15), st.integers(1, 4), st.floats(0.0, 1.0))
def test_shares_are_exact_with_ties_and_holes(seed, height, width, levels, holes):
    draw = np.random.default_rng(seed)
    image = draw.integers(0, levels, (2, height, width)) / 10
    valid = draw.random((height, width)) >= holes
    strata = gradient_strata(image, valid)
    n = int(valid[1:-1, 1:-1].sum())
    assert tuple(strata) == STRATA
    assert strata["low"].sum() == (n + 1) // 2
    assert strata["high"].sum() == (n + 3) // 4
    assert not (strata["low"] & strata["high"]).any() or n == 1
    np.testing.assert_array_equal(strata["all"], valid)
    assert not ((strata["low"] | strata["high"]) & ~valid).any()


def test_strata_are_the_quantiles_where_there_are_no_ties():
    image = np.random.default_rng(1).random((1, 23, 19))
    steep = gradient(image[0])
    strata = gradient_strata(image, np.ones((23, 19), bool))
    known = np.isfinite(steep)
    np.testing.assert_array_equal(strata["low"], known & (steep <= np.median(steep[known])))
    np.testing.assert_array_equal(strata["high"], known & (steep >= np.quantile(steep[known], 0.75)))


def test_an_edge_is_high_and_the_field_beside_it_low():
    image = np.zeros((1, 20, 20))
    image[:, :, 10:] = 0.4
    strata = gradient_strata(image, np.ones((20, 20), bool))
    assert strata["high"][1:-1, 9:11].all()
    assert not strata["low"][:, 9:11].any()


def test_edges_that_cancel_in_the_mean_of_bands_are_still_edges():
    step = np.zeros((20, 20))
    step[:, 10:] = 0.3
    strata = gradient_strata(np.stack([0.1 + step, 0.5 - step]), np.ones((20, 20), bool))
    assert strata["high"][1:-1, 9:11].all()


def test_ties_are_spread_over_the_image():
    strata = gradient_strata(np.zeros((1, 42, 42)), np.ones((42, 42), bool))
    for name, share in (("low", 0.5), ("high", 0.25)):
        quarters = strata[name][1:21], strata[name][21:41], strata[name][:, 1:21], strata[name][:, 21:41]
        assert all(abs(q.sum() / 800 - share) < 0.03 for q in quarters)


def test_a_hole_in_the_prediction_leaves_its_neighbours_in_the_strata():
    image = np.random.default_rng(2).random((1, 12, 12))
    valid = np.ones((12, 12), bool)
    valid[5, 5] = False
    strata = gradient_strata(image, valid)
    assert strata["low"].sum() == 50  # 99 of the 100 inner pixels, rounded up


def test_windowed_metrics_are_averaged_over_the_pixels_of_the_stratum():
    draw = np.random.default_rng(3)
    reference = np.zeros((1, 40, 40))
    reference[:, :, 20:] = draw.random((20,))  # stripes on the right, flat on the left
    predicted = reference.copy()
    predicted[:, :, 22:] += draw.normal(0, 0.2, (40, 18))
    found = {(r.stratum, r.metric): r for r in score_image(predicted, reference, ("ndvi",), 3.0)}
    for metric in ("ssim", "uiqi"):
        assert found["low", metric].value > 0.9 > found["high", metric].value
        assert found["low", metric].n < found["all", metric].n
