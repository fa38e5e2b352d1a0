from dataclasses import replace

import numpy as np
import pytest
import torch

from small_scenes import SIX, rmse, sample
from stfuse.channels import upsampled
from stfuse.crops import Known
from stfuse.errors import InputError
from stfuse.methods import srcnn
from stfuse.networks.beginning import initialise
from stfuse.networks.three_layer import three_layer
from stfuse.task import Series, Task
from stfuse.tiles import predict as predict_tiled

QUICK = {"patch": 16, "batch": 4, "steps": 5, "epochs": 2}
NDVI = ("ndvi",)


@pytest.fixture(scope="module")
def state():
    params = srcnn.Params(**QUICK)
    return srcnn.fit([sample(48, d, NDVI, references=False) for d in (2, 5)], params, 0)


def identical(size: int = 48, days=(2, 5)):
    """Samples whose coarse image is the fine one, on the same grid."""
    for day in days:
        task, truth = sample(size, day, NDVI, references=False)
        yield Known(Task(task.fine, Series(truth, task.dates, NDVI, task.fine.grid), 1.0, task.dates), truth)


def count(state) -> int:
    return sum(array.size for name, array in state.items() if name.startswith("net."))


def test_the_state_has_the_paper_parameter_count(state):
    assert count(state) == 57_281


def test_six_bands_have_the_published_parameter_count():
    params = srcnn.Params(**{**QUICK, "steps": 1, "epochs": 1})
    assert count(srcnn.fit([sample(48, 2, references=False)], params, 0)) == 87_206


@pytest.mark.parametrize("residual", [True, False])
def test_identity_is_learnt(residual):
    params = srcnn.Params(residual=residual, patch=16, batch=8, steps=20, epochs=5)
    learnt = srcnn.fit(identical(), params, 0)
    task, truth = next(identical(days=(8,)))
    assert truth.std() > 0.03
    assert rmse(srcnn.predict(task, learnt, params), truth) < 0.01


def test_it_beats_bicubic_on_another_date():
    params = srcnn.Params(patch=16, batch=8, steps=15, epochs=4)
    learnt = srcnn.fit([sample(72, d, NDVI, references=False) for d in (2, 4, 8)], params, 0)
    task, truth = sample(72, 6, NDVI, references=False)
    bicubic = upsampled(task.coarse, task.dates[0], task.fine.grid)
    assert rmse(srcnn.predict(task, learnt, params)[0], truth[0]) < 0.97 * rmse(bicubic, truth[0])


def test_the_prediction_is_unknown_just_where_the_coarse_image_is(state):
    task, _ = sample(48, 3, NDVI, references=False)
    task.coarse.values[1, 0, 4:7, 4:9] = np.nan
    said = srcnn.predict(task, state, srcnn.Params(**QUICK))
    coarse = upsampled(task.coarse, task.dates[0], task.fine.grid)
    np.testing.assert_array_equal(np.isnan(said[0]), np.isnan(coarse))
    assert 0 < np.isnan(said).mean() < 0.5


def test_a_scene_without_an_observed_pixel_is_predicted_as_unknown(state):
    task, _ = sample(48, 3, NDVI, references=False)
    task.coarse.values[:] = np.nan
    assert np.isnan(srcnn.predict(task, state, srcnn.Params(**QUICK))).all()


def test_four_patches_are_learnt_by_heart():
    """Sharp fields from their blurred likeness, in units of their spread (1000 steps reach 39 dB)."""
    task, truth = sample(72, 3, NDVI, references=False)
    coarse = upsampled(task.coarse, task.dates[0], task.fine.grid)
    corners = [(r, c) for r in (0, 25) for c in (0, 25)]
    shown, goal = (torch.from_numpy((image - image.mean()) / image.std()) for image in (coarse, truth[0]))
    shown = torch.stack([shown[:, r : r + 21, c : c + 21] for r, c in corners])
    goal = torch.stack([goal[:, r + 8 : r + 13, c + 8 : c + 13] for r, c in corners])
    network = initialise(three_layer(1, 1), 0, "he")
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
    for _ in range(150):
        optimiser.zero_grad()
        loss = (network(shown) - goal).square().mean()
        loss.backward()
        optimiser.step()
    assert -10 * np.log10(loss.item()) > 18


def test_moving_the_scene_moves_the_prediction(state):
    """By whole coarse pixels, away from the border by what the filters and the resampling reach."""
    params = srcnn.Params(**QUICK)
    assert srcnn.halo(params) == 4 + 2 + 2
    task, _ = sample(72, 3, NDVI, references=False)
    rolled = np.roll(task.coarse.values, (2, 3), axis=(2, 3))
    moved = replace(task, coarse=replace(task.coarse, values=rolled))
    still, said = (srcnn.predict(t, state, params)[0, 0] for t in (task, moved))
    margin = 8 + 2 * 3
    np.testing.assert_allclose(
        said[margin + 6 : -margin, margin + 9 : -margin], still[margin : -margin - 6, margin : -margin - 9], atol=1e-5
    )
    assert still.std() > 0.01


def test_no_prediction_leaves_the_range_of_ndvi():
    task, truth = sample(48, 3, NDVI, references=False)
    bright = replace(task, coarse=replace(task.coarse, values=np.sign(task.coarse.values - truth.mean())))
    said = srcnn.predict(bright, srcnn.fit(identical(), srcnn.Params(**QUICK), 0), srcnn.Params(**QUICK))
    assert said.min() == -1 and said.max() == 1


def test_tiles_give_what_the_whole_gives(state):
    params = srcnn.Params(**QUICK)
    task, _ = sample(96, 3, NDVI, references=False)
    whole = srcnn.predict(task, state, params)
    tiled = predict_tiled("srcnn", srcnn, task, state, params, size=30)
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


def test_every_asked_date_is_predicted_from_its_own_coarse_image(state):
    params = srcnn.Params(**QUICK)
    task, _ = sample(48, 3, NDVI, references=False)
    both = srcnn.predict(Task(task.fine, task.coarse, 3.0, task.coarse.dates[[0, 2]]), state, params)
    for i, k in enumerate((0, 2)):
        alone = srcnn.predict(Task(task.fine, task.coarse, 3.0, task.coarse.dates[[k]]), state, params)
        np.testing.assert_allclose(both[i], alone[0], atol=1e-6)
    assert not np.allclose(both[0], both[1])


def test_a_state_for_other_bands_is_refused(state):
    task, _ = sample(48, 3, SIX, references=False)
    with pytest.raises(InputError, match="does not fit this network"):
        srcnn.predict(task, state, srcnn.Params(**QUICK))


def test_small_images_train():
    learnt = srcnn.fit([sample(22, d, SIX, references=False) for d in (2, 5)], srcnn.Params(**QUICK), 0)
    assert np.isfinite(learnt["net.0.weight"]).all()


def test_no_samples_are_a_clear_error():
    with pytest.raises(InputError, match="no training samples"):
        srcnn.fit([], srcnn.Params(), 0)
