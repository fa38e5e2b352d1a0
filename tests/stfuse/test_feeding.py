from dataclasses import replace

import numpy as np
import pytest

from small_series import make_series, without_radar
from stfuse.errors import InputError
from stfuse.filling.feeding import Drawing
from stfuse.filling.labels import from_label
from stfuse.filling.opening import LIMITS, SeriesBlocks, open_sequences
from stfuse.filling.stack import stack
from stfuse.filling.trials import Masked
from stfuse.learning.plan import Plan

NAN = np.nan
BOTH = Drawing("ndvi_fusion", (1, 6), 2 / 3)


def plan(**changes):
    given_ = {"patch": 4, "batch": 16, "epochs": 2, "steps": 3, "held_share": 0.25, "min_valid": 0.5}
    return Plan(**{**given_, **changes})


def batches(samples, drawing=BOTH, limits=LIMITS, rank=0, ranks=1, first=0, **changes):
    with open_sequences(samples, drawing, plan(**changes), 0, rank, ranks, limits) as feed:
        return list(feed.batches(first, 6)), list(feed.held_batches()), feed


def assert_alike(first, second):
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_what_is_drawn_depends_on_seed_and_step_alone():
    sample = make_series(days=300)
    whole, held, _ = batches([sample])
    later, again, _ = batches([sample], first=4)
    assert_alike(whole[4:], later)
    assert_alike(held, again)
    assert not np.array_equal(whole[0][0], whole[1][0])


def test_blocks_read_in_turn_yield_the_batches_of_memory(monkeypatch):
    samples, small = [make_series(days=200, seed=s) for s in (0, 1)], replace(LIMITS, block=8)
    kept, held, _ = batches(samples, limits=small)
    monkeypatch.setattr(SeriesBlocks, "kept", [])  # all are at hand, but none is kept
    for sample in samples:
        sample.looked.clear()
    streamed, held_again, _ = batches(samples, limits=small)
    assert_alike(kept, streamed)
    assert_alike(held, held_again)
    assert max(w[0].stop - w[0].start for sample in samples for w in sample.looked) == 8


def test_the_cache_of_blocks_is_bounded_and_its_draws_come_again():
    sample, sizes = make_series((16, 16), days=150), []
    one = stack(sample.crop((slice(0, 4), slice(0, 4))), "ndvi_fusion").values.nbytes
    tight = replace(LIMITS, block=4, memory=6 * one)
    assert SeriesBlocks([sample], "ndvi_fusion", tight, 1).kept == []
    with open_sequences([sample], BOTH, plan(epochs=6, held_share=0.0), 0, limits=tight) as feed:
        assert feed.train_count == 256
        first = []
        for batch in feed.batches(0, 18):
            first.append(batch)
            sizes.append(len(feed._at_hand._pieces))
    assert max(sizes) <= 6
    with open_sequences([sample], BOTH, plan(epochs=6, held_share=0.0), 0, limits=tight) as feed:
        assert_alike(first[10:], list(feed.batches(10, 18)))


def test_held_out_ground_is_neither_drawn_nor_part_of_the_scaling():
    sample = make_series((12, 12), days=200)
    values = sample.task.fine.values
    whole, _, feed = batches([sample])
    # Mark what is held out: the series that the training can draw leave it out.
    drawn = np.zeros(144, bool)
    drawn[feed._train[0]] = True
    held = ~drawn.reshape(12, 12)
    assert held.sum() == feed.held_count == 32  # two cells of 4 x 4
    assert all(
        held[r : r + 4, c : c + 4].all() or not held[r : r + 4, c : c + 4].any() for r in (0, 4, 8) for c in (0, 4, 8)
    )
    free = values[:, 0, ~held]
    assert feed.scaling.in_mean[0] == pytest.approx(np.nanmean(free), abs=1e-6)
    assert feed.scaling.in_scale[0] == pytest.approx(np.nanstd(free), abs=1e-5)
    spoilt = replace(sample.task.fine, values=np.where(held, values + 0.1, values).astype(np.float32))
    again, _, _ = batches([replace(sample, task=replace(sample.task, fine=spoilt))])
    assert_alike(whole, again)


@pytest.mark.parametrize("inputs", ["ndvi_fusion", "ndvi_backscatter"])
def test_radar_of_ground_that_calibrates_or_is_scored_is_no_part_of_the_scaling(inputs):
    """`Masked` hides its optical values alone."""
    sample, learn = make_series((12, 12), days=200), np.ones((12, 12), bool)
    learn[:, 6:] = False

    def drawn(away):
        def lift(series):
            return replace(series, values=np.where(learn, series.values, series.values + np.float32(away)))

        aux = {"sar": lift(sample.task.aux["sar"])}
        task = replace(sample.task, coarse=lift(sample.task.coarse), aux=aux)
        return batches([Masked(replace(sample, task=task), learn)], replace(BOTH, inputs=inputs))

    (first, held, feed), (again, held_again, other) = drawn(0.0), drawn(0.5)
    np.testing.assert_array_equal(feed.scaling.in_mean, other.scaling.in_mean)
    np.testing.assert_array_equal(feed.scaling.in_scale, other.scaling.in_scale)
    assert_alike(first, again)
    assert_alike(held, held_again)
    radar = sample.task.coarse.values if inputs == "ndvi_fusion" else sample.task.aux["sar"].values[:, :1]
    free = np.isin(np.arange(144), feed._train[0]).reshape(12, 12)
    assert feed.scaling.in_mean[1] == pytest.approx(radar[:, 0, free].mean(), rel=1e-5)


def test_two_thirds_are_hidden_anew_in_each_step():
    sample = make_series(days=365, cloud=0.3)
    found = batches([sample], replace(BOTH, inputs="optical_only"))[0]
    hidden = [mask.sum() for _, _, mask in found]
    kept = [np.count_nonzero(np.nan_to_num(inputs[:, 0])) for inputs, _, _ in found]
    assert sum(hidden) / (sum(hidden) + sum(kept)) == pytest.approx(2 / 3, abs=0.02)


@pytest.mark.parametrize("residual", [False, True])
def test_a_hidden_value_never_reaches_the_inputs(residual, monkeypatch):
    sample = make_series(days=365, cloud=0.3)
    days_ = stack(sample.task, "ndvi_fusion").days
    concealed = np.isin(days_, sample.dates[::2])
    monkeypatch.setattr("stfuse.filling.feeding.hide", lambda seen, share, rng: seen & concealed[:, None])
    drawing = replace(BOTH, residual=residual)

    def shown(noise, form=None):
        values = sample.task.fine.values.copy()
        values[::2] += np.random.default_rng(0).normal(0, noise, values[::2].shape)
        task = replace(sample.task, fine=replace(sample.task.fine, values=values))
        with open_sequences([replace(sample, task=task)], drawing, plan(), 0) as feed:
            feed.form = form or feed.form
            return [*feed.batches(0, 6), *feed.held_batches()], feed.form

    first, form = shown(0.0)
    for (inputs, goal, mask), (other, other_goal, other_mask) in zip(first, shown(0.2, form)[0], strict=True):
        np.testing.assert_array_equal(inputs, other)
        np.testing.assert_array_equal(mask, other_mask)
        assert mask.sum() > 0 and np.abs(goal - other_goal)[mask > 0].max() > 0.01


def test_labels_say_the_hidden_ndvi():
    sample = make_series(days=300, noise=0.0)
    values = sample.task.fine.values
    for _, goal, mask in batches([sample])[0]:
        said = from_label(goal[mask > 0])
        assert np.isin(np.round(said, 4), np.round(values[np.isfinite(values)], 4)).mean() > 0.99


def test_sequences_last_from_one_to_six_months():
    sample = make_series((6, 6), days=720, cloud=0.0)
    flags = Drawing("optical_only", (1, 6), 0.0)
    lengths = []
    for inputs, _, _ in batches([sample], flags, epochs=2, steps=20, batch=32)[0]:
        lengths += np.isfinite(inputs[:, 0, :, 0]).sum(1).tolist()
    assert min(lengths) >= 6 and max(lengths) <= 37  # every fifth day of 30 to 183
    assert max(lengths) - min(lengths) > 20


def test_processes_share_a_batch():
    sample = make_series(days=200)
    whole = batches([sample])[0]
    parts = [batches([sample], rank=r, ranks=2)[0] for r in range(2)]
    for all_of_it, even, odd in zip(whole, *parts, strict=True):
        for a, b, c in zip(all_of_it, even, odd, strict=True):
            np.testing.assert_array_equal(a[::2], b)
            np.testing.assert_array_equal(a[1::2], c)


def test_too_little_and_missing_radar_are_clear_errors():
    sample = make_series((8, 8), days=100)
    with pytest.raises(InputError, match="no training series"):
        batches([])
    cloudy = replace(sample.task.fine, values=sample.task.fine.values * NAN)
    with pytest.raises(InputError, match="2 optical values"):
        batches([replace(sample, task=replace(sample.task, fine=cloudy))])
    for inputs in ("ndvi_fusion", "ndvi_backscatter"):
        with pytest.raises(InputError, match=r"asks of radar.*optical_only"):
            batches([without_radar(sample)], replace(BOTH, inputs=inputs))
    assert batches([without_radar(sample)], replace(BOTH, inputs="optical_only"))[0]
