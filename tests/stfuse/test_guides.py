import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factory import days, make_grid, make_scene
from stfuse.fusion.guides import corrected, mixed, neighbours, seen, time_weights
from stfuse.grid import coarser, degrade, degrade_inside

DATES = days("2018-03-01", "2018-05-01", "2018-06-30", "2018-09-01")


def weights_at(observed, date, weighting="linear"):
    mask = np.array(observed, bool)[:, None, None]
    weights, between = time_weights(mask, DATES[: len(mask)], np.datetime64(date), weighting)
    return weights[:, 0, 0], between[:, 0, 0]


# Weights in time


@pytest.mark.parametrize(
    ("observed", "date", "expected", "between"),
    [
        ((1, 1, 1, 1), "2018-05-16", (0, 0.75, 0.25, 0), (15, 45)),
        ((1, 0, 1, 1), "2018-05-01", (60 / 121, 0, 61 / 121, 0), (61, 60)),  # the guide of the day has a gap
        ((1, 1, 1, 1), "2018-05-01", (0, 1, 0, 0), (0, 60)),
        ((1, 1, 0, 0), "2018-06-01", (0, 1, 0, 0), (31, np.nan)),
        ((0, 0, 1, 1), "2018-06-01", (0, 0, 1, 0), (np.nan, 29)),
        ((1, 1, 1, 1), "2018-01-01", (1, 0, 0, 0), (np.nan, 59)),
        ((1, 1, 1, 1), "2019-01-01", (0, 0, 0, 1), (122, np.nan)),
        ((0, 0, 0, 0), "2018-06-01", (0, 0, 0, 0), (np.nan, np.nan)),
    ],
)
def test_time_weighs_the_last_and_the_next_observation(observed, date, expected, between):
    weights, found = weights_at(observed, date)
    np.testing.assert_allclose(weights, expected, atol=1e-6)
    np.testing.assert_array_equal(found, np.float32(between))


def test_or_all_observed_guides_alike():
    weights, _ = weights_at((1, 0, 1, 1), "2018-05-16", "mean")
    np.testing.assert_allclose(weights, [1 / 3, 0, 1 / 3, 1 / 3], atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=4), st.integers(-100, 400), st.sampled_from(["linear", "mean"]))
def test_weights_add_up_to_one_and_spare_what_is_not_observed(observed, day, weighting):
    weights, _ = weights_at(observed, np.datetime64("2018-03-01") + day, weighting)
    assert weights.sum() == pytest.approx(float(any(observed)), abs=1e-6)
    assert (weights >= 0).all() and not weights[~np.array(observed)].any()


def test_neighbours_are_found_pixel_by_pixel():
    observed = np.ones((4, 1, 2), bool)
    observed[1, 0, 1] = observed[2:, 0, 0] = False
    before, after = neighbours(observed, DATES, np.datetime64("2018-05-16"))
    np.testing.assert_array_equal(before, [[1, 0]])
    np.testing.assert_array_equal(after, [[-1, 2]])


# Mixtures


def test_a_mixture_is_the_weighted_sum_and_gaps_never_enter():
    guides = np.arange(12, dtype=np.float32).reshape(3, 2, 1, 2)
    guides[1, 0, 0, 1] = np.nan  # one band is enough for a gap
    guides[:, :, 0, 0] = [[np.nan, 1], [np.inf, 1], [np.nan, np.nan]]
    np.testing.assert_array_equal(seen(guides)[:, 0], [[False, True], [False, False], [False, True]])
    out = mixed(np.full((3, 1, 2), 0.5, np.float32), guides)
    np.testing.assert_array_equal(out[:, 0, 1], [0.5 * 1 + 0.5 * 9, 0.5 * 3 + 0.5 * 11])
    assert np.isnan(out[:, 0, 0]).all()


def test_weights_may_differ_between_bands():
    guides = np.ones((2, 2, 1, 1), np.float32) * np.array([1, 10], np.float32)[:, None, None, None]
    weights = np.array([[1, 0.5], [0, 0.5]], np.float32)[:, :, None, None]
    np.testing.assert_array_equal(mixed(weights, guides)[:, 0, 0], [1, 5.5])


# Corrections


def both(ratio, shape=(60, 50), rough=0.05):
    """A fine image, a coarse one that differs, and their grids."""
    fine = make_grid(shape)
    cells = coarser(fine, ratio)
    image = make_scene(shape, 2, "2018-05-20")
    coarse = degrade(image, fine, cells) + np.random.default_rng(1).normal(0, rough, (2, *cells.shape))
    return image, coarse.astype(np.float32), fine, cells


@pytest.mark.parametrize("ratio", [5.0, 2.5, 3.0, 2.0, 1.5, 16.7])
def test_whole_cells_put_the_coarse_image_back(ratio):
    image, coarse, fine, cells = both(ratio, shape=(120, 100))
    out = corrected(image, coarse, fine, cells, "nearest")
    means = degrade(out, fine, cells, min_valid=0.999)
    inside = np.isfinite(means)
    assert inside.mean() > 0.5
    assert np.abs(means - coarse)[inside].max() < 1e-6


def test_within_a_cell_the_detail_stays():
    image, coarse, fine, cells = both(5.0)
    change = corrected(image, coarse, fine, cells, "nearest") - image
    blocks = change.reshape(2, 12, 5, 10, 5)
    assert np.ptp(blocks, axis=(2, 4)).max() < 1e-6


@pytest.mark.parametrize("ratio", [5.0, 2.5])
def test_a_smooth_correction_puts_a_smooth_difference_back(ratio):
    image, _, fine, cells = both(ratio)
    y, x = np.meshgrid(*(np.linspace(0, 3, n) for n in cells.shape), indexing="ij")
    coarse = degrade(image, fine, cells) + np.float32(0.03) * np.sin(y + x).astype(np.float32)
    out = corrected(image, coarse, fine, cells, "cubic")
    assert np.abs(degrade(out, fine, cells) - coarse)[:, 1:-1, 1:-1].max() < 1e-3
    assert np.abs(degrade(image, fine, cells) - coarse).max() > 0.02


@pytest.mark.parametrize("spreading", ["cubic", "nearest"])
def test_what_the_coarse_image_lacks_is_not_corrected(spreading):
    image, coarse, fine, cells = both(5.0)
    coarse[:, 4:10, 3:9] = np.nan
    out = corrected(image, coarse, fine, cells, spreading)
    assert np.isfinite(out).all()
    np.testing.assert_array_equal(out[:, 30:40, 25:35], image[:, 30:40, 25:35])
    assert np.abs(out - image)[:, :15].mean() > 0.02


@pytest.mark.parametrize("spreading", ["cubic", "nearest"])
def test_gaps_of_the_image_stay_and_reach_no_further(spreading):
    image, coarse, fine, cells = both(5.0)
    image[:, 20:31, 20:33] = np.nan
    out = corrected(image, coarse, fine, cells, spreading)
    np.testing.assert_array_equal(np.isnan(out), np.isnan(image))


def test_a_cell_that_the_edge_cuts_is_corrected_by_what_lies_inside():
    image, _, fine, cells = both(5.0, shape=(58, 47))
    coarse = degrade_inside(image, fine, cells)[:, ::-1].copy()
    means = degrade_inside(corrected(image, coarse, fine, cells, "nearest"), fine, cells)
    np.testing.assert_allclose(means, coarse, atol=1e-6)


def test_the_image_itself_is_not_changed():
    image, coarse, fine, cells = both(5.0)
    before = image.copy(), coarse.copy()
    corrected(image, coarse, fine, cells, "cubic")
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(coarse, before[1])
