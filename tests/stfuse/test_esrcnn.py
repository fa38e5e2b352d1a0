import numpy as np
import pytest

from small_scenes import SIX, rmse, sample
from stfuse.channels import bracket, upsampled
from stfuse.crops import Known
from stfuse.errors import InputError
from stfuse.methods import esrcnn
from stfuse.networks.three_layer import three_layer
from stfuse.task import Series, Task
from stfuse.tiles import predict as predict_tiled

QUICK = {"patch": 16, "batch": 4, "steps": 5, "epochs": 2}


@pytest.fixture(scope="module")
def state():
    return esrcnn.fit([sample(48, d, pan=True) for d in (2, 5)], esrcnn.Params(**QUICK), 0)


def test_the_network_sees_coarse_pan_and_both_references(state):
    assert state["net.0.weight"].shape == (64, 6 + 1 + 2 * 6, 9, 9)
    assert state["net.4.weight"].shape == (6, 32, 5, 5)


@pytest.mark.parametrize(("channels", "bands", "parameters"), [(6, 2, 84_002), (14, 7, 129_479), (26, 7, 191_687)])
def test_the_network_is_as_large_as_the_papers(channels, bands, parameters):
    """Two Sentinel-2 bands, seven Landsat bands from one image, and with two references beside it."""
    assert sum(p.numel() for p in three_layer(channels, bands).parameters()) == parameters


def test_the_residual_variant_beats_bicubic_after_one_epoch():
    params = esrcnn.Params(patch=16, batch=6, steps=25, epochs=1)
    learnt = esrcnn.fit([sample(72, d, pan=True) for d in (2, 4, 8)], params, 0)
    task, truth = sample(72, 6, pan=True)
    bicubic = upsampled(task.coarse, task.dates[0], task.fine.grid)
    assert rmse(esrcnn.predict(task, learnt, params)[0], truth[0]) < 0.85 * rmse(bicubic, truth[0])


@pytest.mark.parametrize("residual", [True, False])
def test_unchanged_references_are_learnt_to_be_the_answer(residual):
    def still(day):
        task, truth = sample(72, day, ("red", "nir08"))
        both = Series(np.repeat(truth, 2, axis=0), task.fine.dates, task.fine.bands, task.fine.grid)
        return Known(Task(both, task.coarse, 3.0, task.dates), truth)

    params = esrcnn.Params(residual=residual, patch=12, batch=4, steps=20, epochs=5)
    learnt = esrcnn.fit([still(d) for d in (2, 4, 8)], params, 0)
    task, truth = still(6)
    bicubic = upsampled(task.coarse, task.dates[0], task.fine.grid)
    assert rmse(esrcnn.predict(task, learnt, params)[0], truth[0]) < 0.7 * rmse(bicubic, truth[0])


def test_the_prediction_is_unknown_just_where_an_input_is(state):
    task, _ = sample(48, 8, pan=True)
    task.coarse.values[1, 3, 4:6, 4:6] = np.nan
    task.fine.values[0, 2, 30:35, 3:7] = np.nan
    task.aux["pan"].values[0, 0, 0:4, 20:24] = np.nan
    said = esrcnn.predict(task, state, esrcnn.Params(**QUICK))[0]
    coarse = upsampled(task.coarse, task.dates[0], task.fine.grid)
    pan = upsampled(task.aux["pan"], task.dates[0], task.fine.grid)
    unknown = np.isnan(coarse).any(axis=0) | np.isnan(pan[0]) | np.isnan(task.fine.values).any(axis=(0, 1))
    np.testing.assert_array_equal(np.isnan(said), np.broadcast_to(unknown, said.shape))
    assert 0 < unknown.mean() < 0.5


def test_reference_gaps_show_the_coarse_image():
    task, _ = sample(48, 8, pan=True)
    task.fine.values[0, :, 5, 5] = np.nan
    inputs, unknown = esrcnn._channels(task, task.dates[0])
    np.testing.assert_array_equal(inputs[7:13, 5, 5], inputs[:6, 5, 5])
    assert unknown[5, 5] and not unknown[5, 6]


def test_training_bears_gaps_everywhere():
    samples = [sample(48, d, pan=True) for d in (2, 5)]
    rng = np.random.default_rng(0)
    for task, truth in samples:
        for values in (task.fine.values, task.coarse.values, truth):
            values[rng.random(values.shape) < 0.003] = np.nan
    learnt = esrcnn.fit(samples, esrcnn.Params(**QUICK, min_valid=0.1), 0)
    assert all(np.isfinite(array).all() for name, array in learnt.items() if name != "curve")


def test_tiles_give_what_the_whole_gives(state):
    params = esrcnn.Params(**QUICK)
    task, _ = sample(72, 3, pan=True)
    whole = esrcnn.predict(task, state, params)
    tiled = predict_tiled("esrcnn", esrcnn, task, state, params, size=30)
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


def test_references_keep_the_order_of_time():
    dates = np.array(["2023-01-01", "2023-02-01", "2023-03-01", "2023-04-01"], "datetime64[D]")
    assert bracket(dates, np.datetime64("2023-02-11")) == (1, 2)
    assert bracket(dates, np.datetime64("2022-12-01")) == (0, 1)
    assert bracket(dates, np.datetime64("2023-12-01")) == (2, 3)
    with pytest.raises(ValueError, match="Two reference dates"):
        bracket(dates[:1], np.datetime64("2023-02-11"))


def test_a_missing_reference_is_a_clear_error(state):
    task, _ = sample(48, 8, pan=True)
    params = esrcnn.Params(**QUICK)
    none, one = (Series(task.fine.values[:n], task.fine.dates[:n], SIX, task.fine.grid) for n in (0, 1))
    with pytest.raises(InputError, match="before and one after"):
        esrcnn.predict(Task(none, task.coarse, 3.0, task.dates, task.aux), state, params)
    with pytest.raises(InputError, match="does not fit this network"):  # it was trained on two
        esrcnn.predict(Task(one, task.coarse, 3.0, task.dates, task.aux), state, params)


def test_one_reference_makes_the_network_of_one_date():
    def alone(day):
        task, truth = sample(48, day, pan=True)
        fine = Series(task.fine.values[:1], task.fine.dates[:1], SIX, task.fine.grid)
        return Known(Task(fine, task.coarse, 3.0, task.dates, task.aux), truth)

    params = esrcnn.Params(**QUICK)
    learnt = esrcnn.fit([alone(d) for d in (2, 5)], params, 0)
    assert learnt["net.0.weight"].shape[1] == 6 + 1 + 6
    assert np.isfinite(esrcnn.predict(alone(8).task, learnt, params)).all()


def test_a_state_trained_with_pan_is_refused_without_it(state):
    with pytest.raises(InputError, match="auxiliary series"):
        esrcnn.predict(sample(48, 8).task, state, esrcnn.Params(**QUICK))


def test_training_dates_without_pan_are_left_out_and_said(caplog):
    learnt = esrcnn.fit([sample(48, 2, pan=True), sample(48, 5)], esrcnn.Params(**QUICK), 0)
    assert learnt["net.0.weight"].shape[1] == 19
    assert "1 of 2 training dates have no pan image" in caplog.text


def test_wald_images_of_a_small_place_train():
    params = esrcnn.Params(**QUICK)
    learnt = esrcnn.fit([sample(22, d) for d in (2, 5)], params, 0)
    task, _ = sample(66, 8)
    assert np.isfinite(esrcnn.predict(task, learnt, params)).mean() > 0.9
