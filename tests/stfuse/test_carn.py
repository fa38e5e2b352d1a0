from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from factory import days, make_grid, make_sample
from small_scenes import rmse
from stfuse import tiles
from stfuse.crops import Known
from stfuse.errors import InputError
from stfuse.grid import coarser, degrade_inside, regrid
from stfuse.methods import carn, make_params
from stfuse.task import Series, Task

BRIEF = carn.Params(epochs=1, steps=2, batch=2, patch=16, context=2)
DATE = days("2018-05-20")


def texture(shape, bands=1, seed=0):
    """Stripes of many directions with sharp edges, (band, y, x)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    image = np.zeros((bands, *shape))
    for _ in range(6):
        turn, width = rng.uniform(0, np.pi), rng.uniform(5, 12)
        stripes = np.sign(np.sin((y * np.cos(turn) + x * np.sin(turn)) * 2 * np.pi / width / 2 + rng.uniform(0, 6)))
        image += rng.uniform(0.01, 0.03, (bands, 1, 1)) * stripes
    return (0.3 + image).astype(np.float32)


def sample(shape=(72, 72), ratio=2.0, bands=("red",), seed=0, resolution=10.0):
    image = texture(shape, len(bands), seed)
    grid = make_grid(shape, resolution)
    cells = coarser(grid, ratio)
    none = Series(np.empty((0, len(bands), *shape), np.float32), days(), bands, grid)
    coarse = Series(degrade_inside(image[None], grid, cells), DATE, bands, cells)
    return Known(Task(none, coarse, ratio, DATE), image[None])


def bicubic(task):
    return regrid(task.coarse.values[0], task.coarse.grid, task.fine.grid, "cubic")


@cache
def trained(ratio=2.0, bands=("red",)):
    return carn.fit([sample(ratio=ratio, bands=bands)], BRIEF, 0)


def test_short_training_beats_bicubic_on_other_textures():
    params = carn.Params(epochs=6, steps=10, batch=4, patch=24, context=2, learning_rate=1e-3)
    state = carn.fit([sample((96, 96), seed=s) for s in range(3)], params, 0)
    task, truth = sample((64, 64), seed=9)
    better = 20 * np.log10(rmse(bicubic(task), truth[0]) / rmse(carn.predict(task, state, params)[0], truth[0]))
    assert better > 0.25  # dB of PSNR


def test_four_patches_are_learned_by_heart():
    params = carn.Params(
        epochs=16, steps=10, batch=4, patch=16, context=2, held_share=0.0, residual=False, learning_rate=2e-3
    )
    # A scene that holds no more than four patches of this size.
    one = sample((32, 32), seed=3)
    curve = carn.fit([one], params, 0)["curve"]
    assert curve[-1, 2] < 0.25 * curve[1, 2]


@pytest.mark.parametrize("ratio", [1.5, 2.0, 2.5, 3.0, 4.0, 5.0])
def test_tiles_give_the_whole_at_every_ratio(ratio):
    state = trained(ratio)
    task, _ = sample((70, 66), ratio=ratio)
    whole = tiles.predict("carn", carn, task, state, BRIEF)
    assert np.abs(whole[0] - bicubic(task)).max() > 1e-5
    np.testing.assert_allclose(tiles.predict("carn", carn, task, state, BRIEF, size=40), whole, atol=1e-5)


@pytest.mark.parametrize("ratio", [2.4, 3.4, 16.7])
def test_at_other_ratios_the_nearest_network_is_used(ratio):
    task, _ = sample((100, 84), ratio=ratio)
    state = carn.fit([sample((100, 84), ratio=ratio)], BRIEF, 0)
    assert float(state["ratio"][0] / state["ratio"][1]) == {2.4: 2.5, 3.4: 3.0, 16.7: 5.0}[ratio]
    whole = tiles.predict("carn", carn, task, state, BRIEF)
    assert np.isfinite(whole).all()
    np.testing.assert_allclose(tiles.predict("carn", carn, task, state, BRIEF, size=60), whole, atol=1e-5)


def test_a_network_may_be_used_at_a_ratio_it_was_not_trained_for():
    task, truth = sample(ratio=3.0)
    out = carn.predict(task, trained(2.0), BRIEF)[0]
    assert rmse(out, truth[0]) < 1.2 * rmse(bicubic(task), truth[0])


def test_untrained_it_is_the_bicubic_image():
    state = {k: v.copy() for k, v in trained().items()}
    for name in ("net.exit.weight", "net.exit.bias", "out_mean"):
        state[name][:] = 0
    task, _ = sample()
    np.testing.assert_allclose(carn.predict(task, state, BRIEF)[0], bicubic(task), atol=1e-6)


def test_the_fine_image_itself_may_be_said():
    params = replace(BRIEF, residual=False)
    state = carn.fit([sample()], params, 0)
    for name in ("net.exit.weight", "net.exit.bias"):
        state[name][:] = 0
    task, _ = sample()
    np.testing.assert_allclose(carn.predict(task, state, params), state["out_mean"][0], atol=1e-6)


def test_gaps_are_neither_learned_from_nor_predicted():
    one = make_sample(ratio=3.0, gaps=0.1, shape=(60, 60))
    values = carn.predict(one.task, carn.fit([one], BRIEF, 0), BRIEF)
    assert np.isfinite(values).any()
    np.testing.assert_array_equal(np.isnan(values[0]), np.isnan(bicubic_of_date(one.task)))


def bicubic_of_date(task):
    image = task.coarse.values[task.coarse.nearest(task.dates[0])]
    return regrid(image, task.coarse.grid, task.fine.grid, "cubic")


def test_samples_of_different_ratios_are_refused():
    with pytest.raises(InputError, match="different ratios"):
        carn.fit([sample(ratio=2.0), sample(ratio=3.0)], BRIEF, 0)


def test_a_state_for_other_bands_is_refused():
    task, _ = sample(bands=("red", "nir08"))
    with pytest.raises(InputError, match="does not fit"):
        carn.predict(task, trained(), BRIEF)


@pytest.mark.parametrize("wrong", [{"context": -1}, {"patch": 0}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        make_params(carn, wrong)
