from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from affine import Affine
from odc.geo.geobox import GeoBox

from factory import make_sample, make_task
from small_scenes import SIX, rmse, sample
from stfuse.channels import upsampled
from stfuse.crops import Known
from stfuse.errors import InputError
from stfuse.learning.degradation import degradation_loss
from stfuse.methods import dstfn
from stfuse.methods.dstfn import Params
from stfuse.networks.beginning import initialise
from stfuse.networks.dstfn import Dstfn
from stfuse.task import Series
from stfuse.tiles import predict as predict_tiled

SMALL = {"features": 8, "growth": 4, "reduction": 2, "window": 18, "overlap": 6, "context": 6}
QUICK = {**SMALL, "patch": 12, "batch": 4, "steps": 5, "epochs": 2}
THREE = Fraction(3)


def test_four_patches_are_learnt_by_heart():
    """To a PSNR above 45 dB, from below 35."""
    scenes = [sample(12, d, pan=True) for d in (2, 4, 6, 8)]
    params = Params(features=16, growth=8, reduction=4, context=0)
    seen = np.stack([dstfn._see(task, params).inputs for task, _ in scenes])
    goal = np.stack([truth[0] for _, truth in scenes])
    mean, spread = goal.mean(), goal.std()
    inputs, truth = (torch.from_numpy((a - mean) / spread) for a in (seen, goal))
    network = initialise(Dstfn(6, 13, 6, THREE, features=16, growth=8, reduction=4), 0, "he")
    loss, optimiser = degradation_loss(6, THREE, 0), torch.optim.Adam(network.parameters(), 2e-3)

    def psnr():
        with torch.no_grad():
            error = (network(inputs) - truth).square().mean().sqrt().item() * spread
        return 20 * np.log10(goal.max() / error)

    assert psnr() < 35
    for _ in range(60):
        optimiser.zero_grad()
        loss(network(inputs), truth, torch.ones_like(truth), inputs).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
    assert psnr() > 45


# The method


@pytest.fixture(scope="module")
def state():
    return dstfn.fit([sample(48, d, pan=True) for d in (2, 5)], Params(**QUICK), 0)


def one_date(known, which=0):
    """The sample with one of its references."""
    fine = known.task.fine
    one = Series(fine.values[which : which + 1], fine.dates[which : which + 1], fine.bands, fine.grid)
    return Known(replace(known.task, fine=one), known.values)


def channels(state):
    """Channels of both branches."""
    return state["net.coarse_branch.0.weight"].shape[1], state["net.fine_branch.weight"].shape[1]


def test_the_coarse_branch_sees_y_and_the_fine_one_pan_and_both_references(state):
    assert channels(state) == (6, 1 + 2 * 6)


def test_apart_the_network_sees_one_date_as_in_the_paper():
    """Z1 of six bands and pan; each Landsat image stands with the date before and with the one after."""
    params = Params(**QUICK, dates="apart")
    known = [sample(48, d, pan=True) for d in (2, 5)]
    assert channels(dstfn.fit(known, params, 0)) == (6, 1 + 6)
    lessons, ratio = dstfn._lessons(known, params)
    assert (len(lessons), ratio) == (4, 3)
    window = (slice(0, 48), slice(0, 48))
    for i, lesson in enumerate(lessons):
        np.testing.assert_array_equal(lesson.see(window).inputs[7:], known[i // 2].task.fine.values[i % 2])


def test_apart_the_prediction_takes_the_nearest_date():
    params, known = Params(**QUICK, dates="apart"), sample(48, 8, pan=True)
    later = replace(known.task, dates=known.task.dates + np.timedelta64(5, "D"))
    for task, which in ((known.task, 0), (later, 1)):
        one = one_date(Known(task, known.values), which).task
        np.testing.assert_array_equal(dstfn._see(task, params).inputs, dstfn._see(one, params).inputs)


def test_with_one_reference_apart_and_together_are_the_same():
    known = [one_date(sample(48, d, pan=True)) for d in (2, 5)]
    first, second = (dstfn.fit(known, Params(**QUICK, dates=d), 0) for d in ("apart", "together"))
    assert all(np.array_equal(first[name], second[name]) for name in first if name != "curve")


def test_y_is_in_units_of_the_prediction(state):
    np.testing.assert_array_equal(state["in_mean"][:6], state["out_mean"])
    np.testing.assert_array_equal(state["in_scale"][:6], state["out_scale"])


def test_without_a_residual_the_prediction_is_y_enlarged(state):
    """In reflectance: X = xi + f_u(Y) holds with the scaling, too."""
    silent = {**state, **{f"net.last.{n}": np.zeros_like(state[f"net.last.{n}"]) for n in ("weight", "bias")}}
    task, _ = sample(96, 8, pan=True)
    said = dstfn.predict(task, silent, Params(**QUICK))[0]
    cubic = upsampled(task.coarse, task.dates[0], task.fine.grid)
    np.testing.assert_allclose(said[:, 12:-12, 12:-12], cubic[:, 12:-12, 12:-12], rtol=0, atol=1e-5)


def test_a_little_training_beats_bicubic():
    params = Params(**{**QUICK, "batch": 6, "steps": 15, "context": 3, "learning_rate": 5e-3})
    learnt = dstfn.fit([sample(72, d, pan=True) for d in (2, 4, 8)], params, 0)
    task, truth = sample(72, 6, pan=True)
    bicubic = upsampled(task.coarse, task.dates[0], task.fine.grid)
    assert rmse(dstfn.predict(task, learnt, params)[0], truth[0]) < 0.7 * rmse(bicubic, truth[0])


def test_the_prediction_is_unknown_just_where_an_input_is(state):
    task, _ = sample(48, 8, pan=True)
    task.coarse.values[1, 3, 4:6, 4:6] = np.nan
    task.fine.values[0, 2, 30:35, 3:7] = np.nan
    task.aux["pan"].values[0, 0, 0:4, 20:24] = np.nan
    said = dstfn.predict(task, state, Params(**QUICK))[0]
    pan = upsampled(task.aux["pan"], task.dates[0], task.fine.grid)
    unknown = np.isnan(pan[0]) | np.isnan(task.fine.values).any(axis=(0, 1))
    unknown[12:18, 12:18] = True
    np.testing.assert_array_equal(np.isnan(said), np.broadcast_to(unknown, said.shape))


def test_training_bears_gaps_everywhere():
    known = [sample(48, d, pan=True) for d in (2, 5)]
    rng = np.random.default_rng(0)
    for task, truth in known:
        for values in (task.fine.values, task.coarse.values, truth):
            values[rng.random(values.shape) < 0.002] = np.nan
    learnt = dstfn.fit(known, Params(**QUICK, min_valid=0.1), 0)
    assert all(np.isfinite(array).all() for name, array in learnt.items() if name != "curve")


@pytest.mark.parametrize(("ratio", "shape"), [(2.5, (61, 47)), (2.0, (50, 41))])
def test_other_ratios_and_odd_sizes_give_the_same_tiled_and_whole(ratio, shape):
    params = Params(**{**QUICK, "window": 20, "context": 5})
    known = make_sample(shape=(60, 45), ratio=ratio, bands=("ndvi",), date="2018-05-20")
    learnt = dstfn.fit([known], params, 0)
    task = make_task(shape=shape, ratio=ratio, bands=("ndvi",), gaps=0.1)
    whole = dstfn.predict(task, learnt, params)
    assert whole.shape == (1, 1, *shape) and np.isfinite(whole).mean() > 0.5
    assert np.nanmin(whole) >= -1 and np.nanmax(whole) <= 1
    tiled = predict_tiled("dstfn", dstfn, task, learnt, params, size=23)
    np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-5)


def test_where_windows_lie_is_a_matter_of_the_ground(state):
    """A place moved by whole windows is predicted as it was."""
    params, (task, _) = Params(**QUICK), sample(48, 8, pan=True)
    _, lattice = params.cells(THREE)

    def moved(series, step):
        affine = Affine.translation(10.0 * step, -10.0 * step) @ series.grid.affine
        return replace(series, grid=GeoBox(series.grid.shape, affine, series.grid.crs))

    there = replace(
        task,
        fine=moved(task.fine, lattice.stride),
        coarse=moved(task.coarse, lattice.stride),
        aux={name: moved(series, lattice.stride) for name, series in task.aux.items()},
    )
    np.testing.assert_allclose(
        dstfn.predict(there, state, params), dstfn.predict(task, state, params), rtol=0, atol=1e-6
    )


def test_only_the_core_is_answered_for(state):
    task = replace(sample(48, 8, pan=True).task, core=(slice(10, 20), slice(5, 48)))
    said = dstfn.predict(task, state, Params(**QUICK))
    assert np.isfinite(said[..., 10:20, 5:]).all() and np.isnan(said[..., :10, :]).all()


def test_a_missing_reference_is_a_clear_error(state):
    known = sample(48, 8, pan=True)
    none = replace(known.task, fine=Series(known.task.fine.values[:0], known.task.fine.dates[:0], SIX, known.grid))
    with pytest.raises(InputError, match="needs a fine image beside 2023"):
        dstfn.predict(none, state, Params(**QUICK))
    with pytest.raises(InputError, match="needs a fine image beside"):
        dstfn.fit([Known(none, known.values)], Params(**QUICK), 0)
    with pytest.raises(InputError, match="does not fit this network"):  # it was trained on two
        dstfn.predict(one_date(known).task, state, Params(**QUICK))
    with pytest.raises(InputError, match="no training samples"):
        dstfn.fit([], Params(**QUICK), 0)


def test_training_images_of_different_ratios_are_refused():
    with pytest.raises(InputError, match="different ratios"):
        dstfn.fit([make_sample(ratio=3.0), make_sample(ratio=2.0)], Params(**QUICK), 0)


def test_windows_and_context_come_to_whole_coarse_pixels_within_the_halo():
    params = Params(window=48, overlap=12, context=6, sharpen=False)
    found = {r: params.cells(Fraction(r)) for r in ("2", "3", "5/2", "7", "16")}
    sizes = {r: (context, lattice.window, lattice.overlap) for r, (context, lattice) in found.items()}
    assert sizes == {"2": (6, 48, 12), "3": (6, 48, 12), "5/2": (10, 40, 15), "7": (7, 42, 14), "16": (16, 32, 16)}
    assert all(c + w <= dstfn.halo(params) for c, w, _ in sizes.values())
    with pytest.raises(InputError, match="window of 48 fine pixels is too small"):
        params.cells(Fraction(33))


@pytest.mark.parametrize(
    "wrong",
    [
        *({"dates": "one"}, {"features": 0}, {"growth": 0}, {"reduction": 0}, {"fusion": 2}, {"context": -1}),
        *({"overlap": 0, "window": 0}, {"window": 20, "overlap": 11}, {"patch": 0}),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=[*wrong][-1]):
        Params(**wrong)
