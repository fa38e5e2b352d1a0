import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from small_networks import Overall, Stepped, image, scaling, seeded
from stfuse.errors import InputError
from stfuse.learning import inference
from stfuse.learning.inference import Lattice, apply
from stfuse.learning.weights import weights
from stfuse.networks.beginning import initialise
from stfuse.networks.three_layer import THREE_LAYER_HALO, three_layer


def cut(
    values: np.ndarray, core: tuple[int, int, int, int], reach: int
) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """A tile: the core with what is around it, cut off at the image's edge, and where the core lies in it."""
    top, left = max(core[0] - reach, 0), max(core[2] - reach, 0)
    tile = values[:, top : core[1] + reach, left : core[3] + reach]
    return tile, (core[0] - top, core[1] - top, core[2] - left, core[3] - left)


def drawn_core(data, height: int, width: int) -> tuple[int, int, int, int]:
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    return top, data.draw(st.integers(top + 1, height)), left, data.draw(st.integers(left + 1, width))


def check_tile(network, state, values, halo, reach, data, **settings):
    """A tile's core has the values of the whole."""
    core = drawn_core(data, *values.shape[1:])
    corner = data.draw(st.tuples(st.integers(-99, 99), st.integers(-99, 99)))
    whole = apply(network, state, values, halo, corner=corner, **settings)
    assert np.isfinite(whole).all()
    tile, inner = cut(values, core, reach)
    at = corner[0] + core[0] - inner[0], corner[1] + core[2] - inner[2]
    said = apply(network, state, tile, halo, corner=at, core=inner, **settings)
    there = said[:, inner[0] : inner[1], inner[2] : inner[3]]
    np.testing.assert_allclose(there, whole[:, core[0] : core[1], core[2] : core[3]], atol=1e-5)
    assert np.isnan(said).sum() == said.size - there.size
    return whole


@pytest.fixture(autouse=True)
def small_windows(monkeypatch):
    """Windows of a few pixels, so that small images have many."""
    monkeypatch.setattr(inference, "LARGEST", 16)
    monkeypatch.setattr(inference, "TRIAL", 8)


# Networks of convolutions


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 45), st.integers(1, 45), st.integers(1, 4), st.data())
def test_a_tile_has_the_values_of_the_whole(height, width, halo, data):
    network = seeded(nn.Sequential(nn.Conv2d(2, 4, 2 * halo + 1), nn.ReLU(), nn.Conv2d(4, 2, 1)))
    values = image(2, height, width)
    values[0, 3:9, 3:9] = np.nan
    check_tile(network, weights(network, scaling(2, 2, plain=False)), values, halo, halo, data)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 45), st.integers(1, 45), st.integers(2, 5), st.data())
def test_a_tile_has_the_values_of_the_whole_where_coarse_pixels_are_taken_back(height, width, align, data):
    network, halo = seeded(Stepped(align)), 2 * align
    state = weights(network, scaling(2, 1))
    check_tile(network, state, image(2, height, width), halo, halo + align - 1, data, align=align)


def test_one_window_gives_what_the_network_says(monkeypatch):
    network, values = seeded(three_layer(2, 1), 0.05), image(2, 40, 33)
    one = scaling(2, 1, plain=False)
    said = apply(network, weights(network, one), values, THREE_LAYER_HALO)
    units = (values - one.in_mean[:, None, None]) / one.in_scale[:, None, None]
    around = np.pad(units, ((0, 0), *[(THREE_LAYER_HALO, THREE_LAYER_HALO)] * 2), mode="reflect")
    with torch.inference_mode():
        expected = network(torch.from_numpy(around)[None])[0].numpy() * one.out_scale[0] + one.out_mean[0]
    assert expected.std() > 0.01
    np.testing.assert_allclose(said, expected, atol=1e-5)


def test_the_coarse_pixels_that_the_network_takes_back_are_the_right_ones():
    network = Stepped(3)
    with torch.no_grad():
        for values in network.parameters():
            values.zero_()
        network.coarse.weight[0, 0, 1, 1] = 1  # what the coarse pixel itself says
        network.fine.weight[0, 0, 1, 1] = 1
    corner = (4, 2)
    cells = (np.add.outer((np.arange(20) + corner[0]) // 3 * 7, (np.arange(25) + corner[1]) // 3) + 5).astype(
        np.float32
    )
    inputs = np.stack([cells, np.zeros_like(cells)])
    np.testing.assert_array_equal(
        apply(network, weights(network, scaling(2, 1)), inputs, 6, align=3, corner=corner)[0], cells
    )


def test_moving_the_image_moves_the_result():
    network = three_layer(1, 1)
    initialise(network, 0, "he")
    state, values = weights(network, scaling(1, 1)), image(1, 40, 40)
    still = apply(network, state, values, THREE_LAYER_HALO)
    moved = apply(network, state, np.roll(values, (3, 5), axis=(1, 2)), THREE_LAYER_HALO)
    np.testing.assert_allclose(moved[:, 13:30, 15:30], still[:, 10:27, 10:25], atol=1e-5)


def test_a_zeroed_last_layer_says_its_bias():
    network = three_layer(3, 2)
    initialise(network, 0, "he")
    with torch.no_grad():
        network[-1].weight.zero_()
        network[-1].bias.copy_(torch.tensor([0.25, -0.5]))
    said = apply(network, weights(network, scaling(3, 2)), np.ones((3, 20, 20), np.float32), THREE_LAYER_HALO)
    np.testing.assert_array_equal(said[0], 0.25)
    np.testing.assert_array_equal(said[1], -0.5)


@pytest.mark.parametrize("gap", [np.nan, np.inf])
def test_gaps_count_as_the_mean_of_the_training(gap):
    network, one = seeded(nn.Conv2d(2, 1, 3)), scaling(2, 1, plain=False)
    values, filled = image(2, 12, 12), image(2, 12, 12)
    values[1, 4:7, 4:7], filled[1, 4:7, 4:7] = gap, one.in_mean[1]
    state = weights(network, one)
    np.testing.assert_allclose(apply(network, state, values, 1), apply(network, state, filled, 1), atol=1e-6)
    assert not np.isfinite(values[1, 5, 5])  # the inputs stay as they were


def test_images_that_must_not_be_written_to_can_be_read():
    network, values = seeded(nn.Conv2d(2, 1, 3)), image(2, 12, 12)
    values.flags.writeable = False
    assert np.isfinite(apply(network, weights(network, scaling(2, 1)), values, 1)).all()


def test_an_empty_core_says_nothing():
    network = seeded(nn.Conv2d(2, 1, 3))
    assert np.isnan(apply(network, weights(network, scaling(2, 1)), image(2, 9, 9), 1, core=(3, 3, 0, 9))).all()


# Networks that look at the whole


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 24), st.data())
def test_a_tile_has_the_values_of_the_whole_though_the_network_looks_at_all_it_is_given(height, width, window, data):
    lattice = Lattice(window, data.draw(st.integers(0, window // 2)))
    network = seeded(Overall())
    values = image(2, height, width)
    whole = check_tile(network, weights(network, scaling(2, 2)), values, 1, lattice.reach(1), data, lattice=lattice)
    if min(height, width) > 4 * window > 8:  # it does look at all: one window instead of many says something else
        other = apply(network, weights(network, scaling(2, 2)), values, 1, lattice=Lattice(height + width, 0))
        assert np.abs(whole - other).max() > 1e-3


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(2, 4), st.integers(2, 6), st.data())
def test_windows_begin_with_a_cell_on_a_lattice_too(height, width, align, count, data):
    network, halo = seeded(Stepped(align)), 2 * align
    lattice = Lattice(count * align, data.draw(st.integers(0, count // 2)) * align)
    state, values = weights(network, scaling(2, 1)), image(2, height, width)
    whole = check_tile(
        network, state, values, halo, lattice.reach(halo) + align - 1, data, align=align, lattice=lattice
    )
    assert whole.std() > 0 or whole.size == 1


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 50), st.integers(1, 50), st.integers(0, 6), st.integers(-50, 50))
def test_a_constant_image_gives_a_constant(height, width, overlap, corner):
    network = seeded(Overall())
    values = np.full((2, height, width), 0.7, np.float32)
    state = weights(network, scaling(2, 2))
    said = apply(network, state, values, 1, lattice=Lattice(12, overlap), corner=(corner, -corner))
    np.testing.assert_allclose(said, np.broadcast_to(said[:, :1, :1], said.shape), atol=1e-6)


def test_blended_windows_have_no_edges():
    """The mean of each window, as the network sees it, changes from window to window without a step."""

    class Mean(nn.Module):
        def __init__(self):
            super().__init__()
            self.unused = nn.Parameter(torch.zeros(1))

        def forward(self, inputs):
            return inputs.mean((2, 3), keepdim=True).expand(-1, -1, *inputs.shape[2:])

    network, values = Mean(), np.broadcast_to(np.arange(64, dtype=np.float32), (1, 20, 64)).copy()
    state = weights(network, scaling(1, 1))
    steps = np.abs(np.diff(apply(network, state, values, 0, lattice=Lattice(16, 8))[0, 0]))
    hard = np.abs(np.diff(apply(network, state, values, 0, lattice=Lattice(16, 0))[0, 0]))
    assert hard.max() > 10 and steps.max() < 2  # windows 8 apart in the mean, over 8 pixels


@pytest.mark.parametrize(
    ("halo", "lattice", "word"), [(4, None, "halo"), (3, Lattice(10, 1), "window"), (3, Lattice(12, 4), "stride")]
)
def test_sizes_that_do_not_hold_whole_cells_are_refused(halo, lattice, word):
    network = Stepped(3)
    with pytest.raises(ValueError, match=f"{word} must be a multiple of the alignment 3"):
        apply(network, weights(network, scaling(2, 1)), image(2, 20, 20), halo, align=3, lattice=lattice)


@pytest.mark.parametrize("wrong", ["bands", "empty"])
def test_a_state_of_another_network_is_refused(wrong):
    state = weights(three_layer(2, 2), scaling(2, 2))
    network = three_layer(1, 1) if wrong == "bands" else three_layer(2, 2)
    with pytest.raises(InputError, match="does not fit this network"):
        apply(network, {} if wrong == "empty" else state, image(2, 20, 20), THREE_LAYER_HALO)
