import logging
from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from factory import days, make_grid
from small_scenes import rmse
from stfuse import tiles
from stfuse.crops import Whole
from stfuse.errors import InputError
from stfuse.fusion import guide_pixels
from stfuse.grid import coarser, degrade, regrid
from stfuse.methods import ddi, make_params
from stfuse.task import Series, Task

DATES = ("2018-03-01", "2018-05-01", "2018-06-30", "2018-09-01")
TARGET = days("2018-05-20")
BANDS = ("red", "nir08")
PARAMS = ddi.Params(epochs=4)
BRIEF = ddi.Params(epochs=2, steps=4)


def guides(shape=(120, 120), bands=2, count=4, seed=0):
    """Images that have nothing to do with each other, so that weights can be told apart, (guide, band, y, x)."""
    rng = np.random.default_rng(seed)
    noise = gaussian_filter(rng.normal(size=(count, bands, *shape)), (0, 0, 3, 3), mode="wrap")
    return (0.3 + 0.05 * noise / noise.std()).astype(np.float32)


def scene(image, seen=None, ratio=5.0, dates=DATES, bands=BANDS):
    """The task whose coarse image is the area mean of an image, from guides that are seen."""
    grid = make_grid(image.shape[1:])
    cells = coarser(grid, ratio)
    fine = Series(guides(image.shape[1:], len(image), len(dates)) if seen is None else seen, days(*dates), bands, grid)
    return Task(fine, Series(degrade(image[None], grid, cells), TARGET, bands, cells), ratio, TARGET)


def fit(task, params=PARAMS, seed=0):
    return ddi.fit([Whole(task)], params, seed)


def predict(task, state, params=PARAMS):
    return ddi.predict(task, state, params)[0]


def weights(task, state, params=PARAMS):
    """Weight maps, shape (guide, band, y, x)."""
    shown = np.stack(list(ddi.layers(task, state, params).values()))
    return shown.reshape(task.fine.values.shape)


# The tests of the method's sheet


@pytest.mark.parametrize(("k", "ratio"), [(3, 5.0), (1, 2.5)])
def test_a_coarse_image_of_one_guide_gives_that_guide(k, ratio):
    image = guides()[k]
    task = scene(image, ratio=ratio)
    state = fit(task, ddi.Params())  # more coarse pixels than those for which the scene's shares are found first
    assert rmse(predict(task, state), image) < 1e-3
    weighed = weights(task, state).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(weighed, np.arange(4) == k, atol=0.02)


def test_the_weights_of_a_mixture_are_recovered():
    seen = guides()
    task = scene(0.3 * seen[0] + 0.7 * seen[2])
    found = weights(task, fit(task))
    np.testing.assert_allclose(found.mean(axis=(1, 2, 3)), [0.3, 0, 0.7, 0], atol=0.02)
    assert np.abs(found - np.array([0.3, 0, 0.7, 0])[:, None, None, None]).mean() < 0.03


def test_weights_may_lie_beyond_the_guides():
    seen = guides()
    task = scene(1.4 * seen[1] - 0.4 * seen[2])
    np.testing.assert_allclose(weights(task, fit(task)).mean(axis=(1, 2, 3)), [0, 1.4, -0.4, 0], atol=0.03)


def test_weights_follow_the_pixel():
    seen = guides()
    dark = seen[3, :1] < 0.3
    image = np.where(dark, seen[0], seen[1])
    found = weights(scene(image), fit(scene(image), ddi.Params()))
    assert found[0][:, dark[0]].mean() > 0.7 and found[0][:, ~dark[0]].mean() < 0.3


def test_a_trend_that_no_guide_shows_is_the_offset():
    seen = guides()
    task = scene(seen[1] + 0.1)
    alone = predict(task, fit(task), replace(PARAMS, spreading="none"))
    assert rmse(alone, seen[1] + 0.1) < 3e-3


@pytest.mark.parametrize(
    ("ratio", "spreading", "most"), [(5.0, "nearest", 1e-6), (2.5, "nearest", 1e-6), (5.0, "cubic", 1e-3)]
)
def test_means_of_the_prediction_are_the_coarse_image(ratio, spreading, most):
    seen = guides()
    task = scene(0.6 * seen[0] + 0.4 * seen[2], ratio=ratio)
    params = replace(PARAMS, spreading=spreading) if spreading == "cubic" else replace(BRIEF, spreading=spreading)
    out = predict(task, fit(task, params), params)
    assert np.abs(degrade(out, task.fine.grid, task.coarse.grid) - task.coarse.values[0]).max() < most


@pytest.mark.parametrize("ratio", [5.0, 2.5])
def test_one_guide_gives_itself_with_the_correction(ratio):
    seen = guides(count=1)
    image = guides(seed=5)[0]
    task = scene(image, seen, ratio, DATES[:1])
    rest = task.coarse.values[0] - degrade(seen[0], task.fine.grid, task.coarse.grid)
    expected = seen[0] + regrid(rest, task.coarse.grid, task.fine.grid, "cubic")
    np.testing.assert_allclose(predict(task, fit(task, BRIEF), BRIEF), expected, atol=1e-6)


@pytest.mark.parametrize("params", [BRIEF, replace(BRIEF, start="mean", distances=True), replace(BRIEF, flags=False)])
def test_a_masked_guide_has_no_weight(params):
    seen = guides()
    seen[1, :, 20:70, 30:80] = np.nan
    seen[2, 0, 60:90, 60:90] = np.nan
    task = scene(guides()[1], seen)
    state = fit(task, params)
    found = weights(task, state, params)
    assert not found[1, :, 20:70, 30:80].any() and not found[2, :, 60:90, 60:90].any()
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)
    far = seen.copy()
    far[1, :, 20:70, 30:80] = 1e6  # what lies under the mask cannot matter
    far[~np.isfinite(seen)] = np.nan
    np.testing.assert_array_equal(
        predict(replace(task, fine=replace(task.fine, values=far)), state, params), predict(task, state, params)
    )


def test_the_prediction_is_the_mixture_that_the_weights_say():
    seen = guides()
    seen[1, :, 20:70, 30:80] = np.nan
    params = replace(PARAMS, epochs=4, spreading="none")
    task = scene(0.5 * guides()[0] + 0.5 * guides()[3], seen)
    state = fit(task, params)
    mixture = np.where(np.isnan(seen), 0, weights(task, state, params) * seen).sum(axis=0)
    beyond = predict(task, state, params) - mixture
    assert rmse(predict(task, state, params), mixture) < 0.02  # the rest is what standardising adds, smooth per pixel
    assert np.isfinite(beyond).all()


# Gaps


def test_gaps_of_the_coarse_image_are_filled():
    image = 0.3 * guides()[0] + 0.7 * guides()[2]
    task = scene(image)
    task.coarse.values[..., 6:14, 4:16] = np.nan
    out = predict(task, fit(task))
    assert np.isfinite(out).all()
    assert rmse(out[:, 30:70, 20:80], image[:, 30:70, 20:80]) < 2e-3


def test_only_where_no_guide_is_observed_nothing_is_predicted():
    seen = guides()
    seen[:, :, 10:40, 50:90] = np.nan
    seen[:3, :, 60:100, 0:50] = np.nan
    task = scene(guides()[0], seen)
    out = predict(task, fit(task, BRIEF), BRIEF)
    np.testing.assert_array_equal(np.isnan(out[0]), np.isnan(seen).all(axis=0)[0])


def test_without_any_guide_observed_there_is_no_state_and_no_prediction(caplog):
    task = scene(guides()[0], np.full((4, 2, 120, 120), np.nan, np.float32))
    with caplog.at_level(logging.WARNING):
        assert fit(task) == {}
    assert "nothing is predicted" in caplog.text
    assert np.isnan(predict(task, {})).all() and np.isnan(weights(task, {})).all()


@pytest.mark.parametrize("clear", [8, 0])
def test_with_too_few_clear_pixels_time_alone_weighs_and_the_log_says_so(clear, caplog):
    task = scene(guides()[0])
    task.coarse.values[..., clear:] = np.nan
    params = replace(PARAMS, least=1000)
    with caplog.at_level(logging.WARNING):
        state = fit(task, params)
    assert "time alone" in caplog.text
    found = weights(task, state, params).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(found, [0, 41 / 60, 19 / 60, 0], atol=1e-6)
    expected = (41 * task.fine.values[1] + 19 * task.fine.values[2]) / 60
    alone = predict(task, state, replace(params, spreading="none"))
    np.testing.assert_allclose(alone, expected, atol=1e-6)
    part = slice(0, 5 * clear - 5)
    if clear:
        after, before = (rmse(p[..., part], guides()[0][..., part]) for p in (predict(task, state, params), expected))
        assert after < before


# How it is used


@pytest.mark.parametrize(("ratio", "spreading"), [(5.0, "cubic"), (2.5, "cubic"), (2.5, "nearest"), (3.4, "cubic")])
def test_tiles_give_the_whole(ratio, spreading):
    seen = guides((150, 131))
    seen[1, :, 40:90, 30:80] = np.nan
    task = scene(guides((150, 131))[0], seen, ratio)
    task.coarse.values[..., 5:9, 5:9] = np.nan
    params = replace(BRIEF, spreading=spreading, distances=True)
    state = fit(task, params)
    whole = tiles.predict("ddi", ddi, task, state, params)
    np.testing.assert_allclose(tiles.predict("ddi", ddi, task, state, params, size=41), whole, atol=1e-5)


@pytest.mark.parametrize("bands", [("ndvi",), ("blue", "green", "red", "nir08", "swir16", "swir22")])
def test_any_number_of_bands(bands):
    seen = guides(bands=len(bands))
    image = 0.5 * seen[0] + 0.5 * seen[3]
    task = scene(image, seen, bands=bands)
    state = fit(task)
    assert rmse(predict(task, state), image) < 2e-3
    assert list(ddi.layers(task, state, PARAMS))[: len(bands)] == [f"{band}_2018-03-01" for band in bands]


def test_predictions_keep_to_the_valid_range():
    task = scene(guides()[0] - 0.5)
    assert predict(task, fit(task, BRIEF), BRIEF).min() == 0


def test_a_large_scene_is_read_in_blocks_spread_over_it(monkeypatch):
    monkeypatch.setattr(guide_pixels, "BLOCK", 12)
    task = scene(guides((240, 240))[0], guides((240, 240)))
    looked = []

    class Watched(Whole):
        def crop(self, window):
            looked.append(tuple((part.start, part.stop) for part in window))
            return super().crop(window)

    state = ddi.fit([Watched(task)], replace(BRIEF, cells=4 * 144), 0)
    assert len(looked) - 1 in range(3, 7)  # the first look is for the ratio
    assert {window[0] for window in looked[1:]} > {looked[1][0]}
    assert state["useful"].any()


def test_a_state_of_another_date_or_other_guides_is_refused():
    task = scene(guides()[0])
    state = fit(task, BRIEF)
    other = replace(task, dates=days("2018-05-21"))
    fewer = replace(task, fine=Series(task.fine.values[:3], task.fine.dates[:3], BANDS, task.fine.grid))
    for wrong in (other, fewer):
        with pytest.raises(InputError, match="The state is that of 2018-05-20"):
            predict(wrong, state, BRIEF)


@pytest.mark.parametrize(
    "wrong",
    [
        {"start": "last"},
        {"spreading": "bilinear"},
        {"hidden": 0},
        {"depth": 0},
        {"ridge": -1.0},
        {"least": 0},
        {"batch": 0},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        make_params(ddi, wrong)
