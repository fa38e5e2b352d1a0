"""NDVI from radar: what it learns, where it is silent, and that neither tiles nor optical images change it."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from small_scenes import DAYS, grid_of, rmse
from stfuse.crops import Known
from stfuse.ensemble import combine
from stfuse.errors import InputError
from stfuse.grid import coarser, degrade
from stfuse.methods import unet_sar
from stfuse.task import Series, Task
from stfuse.tiles import predict as predict_tiled

SMALL = {"width": 4, "levels": 2, "context": 4, "patch": 16, "batch": 8, "learning_rate": 1e-2}


def radar_of(ndvi, speckle: float, seed: int):
    """VV and VH in dB that follow the NDVI (volume scatters into VH), with speckle of that spread in dB."""
    noise = np.random.default_rng(seed).normal(0, speckle, (2, *ndvi.shape))
    return (np.stack([-12 + 2 * ndvi, -22 + 10 * ndvi]) + noise).astype(np.float32)


def sample(size=48, day=2, speckle=0.0, seed=0):
    """A task of one date whose radar image is of the same day, and its NDVI."""
    grid = grid_of(size)
    pattern = gaussian_filter(np.random.default_rng(seed).normal(size=(size, size)), 4.0, mode="wrap")
    season = np.sin(day + np.arange(2))
    ndvi = np.where(pattern > 0, 0.45 + 0.3 * season[0], 0.45 + 0.3 * season[1]).astype(np.float32)[None]
    none = Series(np.zeros((0, 1, size, size), np.float32), DAYS[:0], ("ndvi",), grid)
    radar = Series(radar_of(ndvi[0], speckle, 100 * seed + day)[None], DAYS[[day]], ("vv", "vh"), grid)
    return Known(Task(none, none, 1.0, DAYS[[day]], {"sar": radar}), ndvi[None])


@pytest.fixture(scope="module")
def trained():
    """Five seeds, each trained alike on four dates with speckle."""
    params = unet_sar.Params(**SMALL, epochs=6, steps=12)
    samples = [sample(day=d, speckle=3.0) for d in (1, 3, 5, 7)]
    return SimpleNamespace(params=params, states=[unet_sar.fit(samples, params, seed) for seed in range(5)])


def said(trained, task, seed=0):
    return unet_sar.predict(task, trained.states[seed], trained.params)


def test_a_handful_of_patches_is_learnt_by_heart():
    params = unet_sar.Params(**SMALL, epochs=8, steps=15, held_share=0.0, schedule="constant")
    known = sample(size=48, day=2)
    learnt = unet_sar.fit([known], params, 0)
    error = rmse(unet_sar.predict(known.task, learnt, params), known.values)
    assert error < 0.25 * known.values.std()


def test_speckle_is_averaged_over_neighbours(trained):
    """Better than the best line through VV and VH of each pixel alone, though that is fitted to the very truth."""
    task, truth = sample(day=9, speckle=3.0)
    vv, vh = task.aux["sar"].values[0]
    design = np.stack([vv.ravel(), vh.ravel(), np.ones(vv.size)], 1)
    line = design @ np.linalg.lstsq(design, truth.ravel(), rcond=None)[0]
    assert rmse(said(trained, task), truth) < 0.8 * rmse(line, truth.ravel())


def test_the_mean_of_the_ensemble_is_no_worse_than_its_members_are_in_the_mean(trained):
    """Never, as the square is convex; and better by what the members differ (their spread)."""
    task, truth = sample(day=9, speckle=3.0)
    members = np.stack([said(trained, task, seed) for seed in range(5)])
    mean, spread = combine(members)
    squares = [rmse(member, truth) ** 2 for member in members]
    assert rmse(mean, truth) ** 2 == pytest.approx(np.mean(squares) - 0.8 * np.mean(spread**2), rel=1e-4)
    assert spread.mean() > 1e-3
    assert rmse(mean, truth) < np.sqrt(np.mean(squares))


def test_where_the_radar_saw_nothing_nothing_is_said_and_around_it_all_is(trained):
    task, _ = sample(day=4)
    task.aux["sar"].values[0, 1, 10:14, 20:30] = np.nan
    values = said(trained, task)
    gap = np.zeros((48, 48), bool)
    gap[10:14, 20:30] = True
    np.testing.assert_array_equal(np.isnan(values[0, 0]), gap)


def test_gaps_count_as_the_training_mean(trained):
    task, _ = sample(day=4)
    holed, filled = (replace(task, aux={"sar": replace(task.aux["sar"])}) for _ in range(2))
    values = task.aux["sar"].values
    images = [values.copy(), values.copy()]
    images[0][..., 10:14, 20:30] = np.nan
    images[1][..., 10:14, 20:30] = trained.states[0]["in_mean"][:, None, None]
    holed, filled = (replace(task, aux={"sar": replace(task.aux["sar"], values=v)}) for v in images)
    one, other = said(trained, holed), said(trained, filled)
    seen = np.isfinite(one)
    np.testing.assert_allclose(one[seen], other[seen], atol=1e-5)


def test_the_standardisation_is_that_of_the_training_images():
    """Radar wherever it saw, held within the sane; NDVI where it was observed."""
    known = sample(day=2, speckle=2.0)
    known.values[..., :20, :] = np.nan
    known.task.aux["sar"].values[..., 5, 5] = 99.0
    state = unet_sar.fit([known], unet_sar.Params(**SMALL, epochs=1, steps=1, held_share=0.0), 0)
    held = np.clip(known.task.aux["sar"].values[0], -30, 5)
    np.testing.assert_allclose(state["in_mean"], held.mean((1, 2)), atol=1e-4)
    np.testing.assert_allclose(state["in_scale"], held.std((1, 2)), atol=1e-4)
    np.testing.assert_allclose(state["out_mean"], np.nanmean(known.values), atol=1e-5)
    np.testing.assert_allclose(state["out_scale"], np.nanstd(known.values), atol=1e-5)


def test_an_image_is_not_standardised_by_itself(trained):
    task, _ = sample(day=9)
    before = {name: array.copy() for name, array in trained.states[0].items()}
    shifted = replace(task.aux["sar"], values=task.aux["sar"].values + 6)
    assert not np.allclose(said(trained, replace(task, aux={"sar": shifted})), said(trained, task), atol=0.01)
    for name, array in trained.states[0].items():
        np.testing.assert_array_equal(array, before[name])


def test_backscatter_beyond_the_sane_is_held(trained):
    """A roof of 40 dB is as bright as one of 5, a pixel of -99 as dark as one of -30."""
    task, _ = sample(day=4)
    images = []
    for low, high in ((-99.0, 40.0), (-30.0, 5.0)):
        values = task.aux["sar"].values.copy()
        values[..., 20, 20], values[..., 30, 30] = high, low
        images.append(said(trained, replace(task, aux={"sar": replace(task.aux["sar"], values=values)})))
    np.testing.assert_array_equal(*images)


def test_optical_images_are_not_looked_at(trained):
    """Neither those of the task nor a coarse image: the target's NDVI could hide in them."""
    task, truth = sample(day=4)
    known = Series(truth, task.dates, ("ndvi",), task.fine.grid)
    np.testing.assert_array_equal(said(trained, replace(task, fine=known, coarse=known)), said(trained, task))


def test_tiles_give_what_the_whole_gives(trained):
    task, _ = sample(size=120, day=4, speckle=2.0)
    whole = said(trained, task)
    tiled = predict_tiled("unet_sar", unet_sar, task, trained.states[0], trained.params, size=37)
    np.testing.assert_allclose(tiled, whole, atol=1e-5)
    assert whole.std() > 0.03


def test_the_answer_does_not_depend_on_what_lies_beyond_the_halo(trained):
    params = trained.params
    assert unet_sar.halo(params) == 24 + 3  # 22 pixels by two poolings, in steps of 4; a window begins up to 3 before
    task, _ = sample(size=96, day=4)
    values = task.aux["sar"].values.copy()
    values[..., 48 + unet_sar.halo(params) + 1 :] = -8
    other = replace(task, aux={"sar": replace(task.aux["sar"], values=values)})
    np.testing.assert_allclose(said(trained, other)[..., :49], said(trained, task)[..., :49], atol=1e-5)
    assert not np.allclose(said(trained, other), said(trained, task), atol=0.01)


def test_every_date_is_predicted_from_its_own_radar_image(trained):
    one, other = (sample(day=d).task for d in (2, 5))
    radar = [task.aux["sar"] for task in (one, other)]
    both = Series(np.concatenate([s.values for s in radar]), DAYS[[2, 5]], ("vv", "vh"), radar[0].grid)
    values = said(trained, replace(one, dates=DAYS[[2, 5]], aux={"sar": both}))
    np.testing.assert_allclose(values[0], said(trained, one)[0], atol=1e-6)
    np.testing.assert_allclose(values[1], said(trained, other)[0], atol=1e-6)


def test_radar_of_larger_pixels_is_brought_to_the_fine_grid(trained):
    """Sentinel-1 at 20 m under Sentinel-2 at 10 m; bands by name, in any order."""
    task, truth = sample(day=4)
    radar = task.aux["sar"]
    grid = coarser(radar.grid, 2.0)
    values = degrade(radar.values, radar.grid, grid)
    larger = replace(task, aux={"sar": Series(values[:, ::-1].copy(), radar.dates, ("vh", "vv"), grid)})
    assert said(trained, larger).shape == truth.shape
    assert rmse(said(trained, larger), said(trained, task)) < 0.5 * truth.std()


def test_no_prediction_leaves_the_range_of_ndvi(trained):
    task, _ = sample(day=4)
    task.aux["sar"].values[..., :20], task.aux["sar"].values[..., 20:] = -28.0, -5.0
    wide = trained.states[0] | {"out_scale": np.full(1, 100, np.float32)}
    values = unet_sar.predict(task, wide, trained.params)
    assert values.min() == -1 and values.max() == 1


def test_a_task_without_a_radar_image_is_predicted_as_unknown(trained):
    task, _ = sample(day=4)
    radar = task.aux["sar"]
    none = replace(task, aux={"sar": replace(radar, values=radar.values[:0], dates=radar.dates[:0])})
    assert np.isnan(said(trained, none)).all()


def test_other_variables_and_bands_are_refused_with_a_cure(trained):
    task, truth = sample(day=4)
    red = Series(task.fine.values, task.fine.dates, ("red",), task.fine.grid)
    with pytest.raises(InputError, match="variable: ndvi"):
        unet_sar.predict(replace(task, fine=red), trained.states[0], trained.params)
    with pytest.raises(InputError, match="variable: ndvi"):
        unet_sar.fit([Known(replace(task, fine=red), truth)], trained.params, 0)
    hh = replace(task.aux["sar"], bands=("vv", "hh"))
    with pytest.raises(InputError, match="bands vv, hh, not vh"):
        unet_sar.predict(replace(task, aux={"sar": hh}), trained.states[0], trained.params)


@pytest.mark.parametrize(
    "wrong", [{"width": 0}, {"levels": 0}, {"context": -1}, {"lowest": 5.0}, {"learning_rate": 0.0}]
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        unet_sar.Params(**wrong)


def test_a_state_of_another_width_is_refused(trained):
    task, _ = sample(day=4)
    with pytest.raises(InputError, match="does not fit this network"):
        unet_sar.predict(task, trained.states[0], replace(trained.params, width=8))
