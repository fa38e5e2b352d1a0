from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from factory import days, make_grid
from stfuse.channels import repeated, upsampled
from stfuse.grid import coarser, degrade
from stfuse.networks.beginning import initialise
from stfuse.networks.dstfn import LAYERS, DenseBlock, Dstfn, area_mean, cubic_up, pixels_of
from stfuse.task import Series

RATIOS = [Fraction(2), Fraction(3), Fraction(5, 2), Fraction(3, 2)]
DAY = np.datetime64("2020-06-01")


def small(ratio=Fraction(3), fine=3, bands=2, context=0, seed=0, **sizes) -> Dstfn:
    network = Dstfn(bands, fine, bands, ratio, **{"features": 8, "growth": 4, "reduction": 1, **sizes}, context=context)
    initialise(network, seed, "he")
    return network


def lively(network: nn.Module, seed=0) -> nn.Module:
    """The network with a last layer that says something."""
    with torch.no_grad():
        network.last.weight.normal_(0, 0.1, generator=torch.Generator().manual_seed(seed))
    return network


def images(ratio, shape=(30, 30), bands=2, seed=0):
    """A fine image without gaps, its coarse mean by `degrade`, and this on the fine grid by `repeated`."""
    grid = make_grid(shape)
    fine = np.random.default_rng(seed).uniform(0, 0.6, (bands, *shape)).astype(np.float32)
    coarse_grid = coarser(grid, float(ratio))
    coarse = degrade(fine, grid, coarse_grid)
    series = Series(coarse[None], days("2020-06-01"), tuple("ab"[:bands]), coarse_grid)
    return grid, fine, series, repeated(series, DAY, grid).values


def tensor(values, *more):
    return torch.from_numpy(np.concatenate([values, *more]))[None]


# The operators


@pytest.mark.parametrize("ratio", RATIOS)
def test_the_area_mean_is_the_operator_that_made_the_wald_pair(ratio):
    _, fine, coarse, _ = images(ratio)
    np.testing.assert_allclose(area_mean(tensor(fine), ratio)[0].numpy(), coarse.values[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("ratio", RATIOS)
def test_every_coarse_value_is_found_again(ratio):
    _, _, coarse, many = images(ratio)
    np.testing.assert_array_equal(pixels_of(tensor(many), ratio)[0].numpy(), coarse.values[0])


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("turn", range(8))
def test_a_turned_image_gives_the_turned_coarse_one(ratio, turn):
    def turned(values):
        values = np.rot90(values, turn % 4, axes=(-2, -1))
        return np.ascontiguousarray(values[..., ::-1] if turn >= 4 else values)

    _, _, coarse, many = images(ratio, (30, 30))
    np.testing.assert_array_equal(pixels_of(tensor(turned(many)), ratio)[0].numpy(), turned(coarse.values[0]))


@pytest.mark.parametrize("ratio", RATIOS)
def test_upsampling_is_the_bicubic_convolution_of_the_grids(ratio):
    grid, _, coarse, _ = images(ratio, (60, 60))
    expected = upsampled(coarse, DAY, grid)
    said = cubic_up(torch.from_numpy(coarse.values), ratio)[0].numpy()
    inner = slice(12, -12)  # GDAL sees other pixels at the edges
    np.testing.assert_allclose(said[:, inner, inner], expected[:, inner, inner], rtol=0, atol=1e-6)


@pytest.mark.parametrize("ratio", RATIOS)
def test_upsampling_keeps_constants_up_to_the_edge_and_slopes_inside(ratio):
    rows = torch.arange(12.0).reshape(1, 1, 12, 1).expand(1, 1, 12, 6)
    np.testing.assert_allclose(cubic_up(torch.full((1, 1, 12, 6), 0.3), ratio), 0.3, rtol=0, atol=1e-6)
    expected = (np.arange(float(12 * ratio)) + 0.5) / float(ratio) - 0.5
    said = cubic_up(rows, ratio)[0, 0, :, 0].numpy()
    inner = slice(2 * ratio.numerator, -2 * ratio.numerator)
    np.testing.assert_allclose(said[inner], expected[inner], atol=1e-5)


def test_gradients_flow_through_the_area_mean():
    image = torch.zeros(1, 1, 10, 10, requires_grad=True)
    area_mean(image, Fraction(5, 2))[0, 0, 1, 2].backward()
    expected = np.zeros((10, 10), np.float32)
    expected[2:5, 5:8] = np.outer([0.5, 1, 1], [1, 1, 0.5]) / 6.25  # coarse row 1 and column 2
    np.testing.assert_allclose(image.grad[0, 0].numpy(), expected, atol=1e-7)


# The network


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(RATIOS), st.integers(7, 23), st.integers(7, 23), st.integers(1, 3), st.integers(1, 4))
def test_any_size_and_number_of_bands_give_an_image_of_that_size(ratio, height, width, bands, fine):
    said = small(ratio, fine, bands)(torch.zeros(2, bands + fine, height, width))
    assert said.shape == (2, bands, height, width)


@pytest.mark.parametrize("ratio", RATIOS)
def test_without_a_residual_x_is_y_enlarged(ratio):
    network = small(ratio)
    nn.init.zeros_(network.last.weight)
    grid, fine, coarse, many = images(ratio, (60, 60))
    said = network(tensor(many, fine[:1], fine))[0].detach().numpy()
    inner = slice(12, -12)
    np.testing.assert_allclose(said[:, inner, inner], upsampled(coarse, DAY, grid)[:, inner, inner], rtol=0, atol=1e-6)


def test_what_is_cut_of_the_last_coarse_pixels_is_no_hindrance():
    """Only the cell's first column is there: the coarse value is known all the same."""
    _, fine, _, many = images(Fraction(3), (30, 21))
    network = small()
    nn.init.zeros_(network.last.weight)
    whole, cut = (network(tensor(many, fine[:1], fine)[..., :n])[0].detach().numpy() for n in (21, 19))
    np.testing.assert_allclose(cut, whole[..., :19], rtol=0, atol=1e-6)


def test_the_network_is_as_large_as_its_parts():
    """Counted layer by layer from section 2.2 for 64 features, growth 64 and reduction 16."""
    block = (9 * 64 * 64 + 64) + (64 + 1) + 2 * (64 * 4 + 4 + 4 * 64 + 64) + (9 * 128 * 64 + 64)
    block += sum(9 * 64 * (64 + 64 * i) + 64 for i in range(6)) + (384 * 64 + 64)
    total = 4 * block + (9 * 7 * 64 + 64) + (9 * 6 * 64 + 64) + (128 * 64 + 64) + (192 * 64 + 64) + (9 * 64 * 6 + 6)
    assert sum(p.numel() for p in Dstfn(6, 7, 6, Fraction(3)).parameters()) == total == 3_676_138


@pytest.mark.parametrize("ratio", [Fraction(3), Fraction(5, 2)])
def test_the_coarse_branch_works_in_coarse_pixels(ratio):
    seen = []
    network = small(ratio)
    network.coarse_branch.register_forward_hook(lambda module, given, said: seen.append(said.shape))
    network(torch.zeros(1, 5, 30, 15))
    assert seen == [(1, 8, 30 / ratio, 15 / ratio)]


def test_everything_has_a_say():
    """A gradient in every weight: nothing of the network is left out of the sum."""
    network = lively(small())
    network(torch.randn(2, 5, 12, 12, generator=torch.Generator().manual_seed(1))).square().sum().backward()
    silent = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not silent


def test_a_dense_layer_sees_all_before_it_and_nothing_after():
    """Equation 3: each layer's input is F_a and the maps of the layers before."""
    block, known = DenseBlock(8, 4, 2), {}
    initialise(block, 0, "he")
    block.attention.register_forward_hook(lambda module, given, said: known.update(a=said))
    for i, layer in enumerate(block.layers):
        layer.register_forward_hook(lambda module, given, said, i=i: known.update({f"in{i}": given[0], i: said.relu()}))
    maps = torch.randn(1, 8, 9, 9, generator=torch.Generator().manual_seed(3))
    said = block(maps)
    for i in range(LAYERS):
        torch.testing.assert_close(known[f"in{i}"], torch.cat([known["a"], *(known[j] for j in range(i))], 1))
    rest = block.last(torch.cat([known[i] for i in range(LAYERS)], 1))
    torch.testing.assert_close(said, known["a"] + rest)  # equation 4


def test_attention_in_closed_form():
    """Weights of layers set to 0 leave sigmoid(0) = 1/2: half of each map, and the sum of both halves joined."""
    block = DenseBlock(4, 4, 2)
    with torch.no_grad():
        for p in block.attention.parameters():
            p.zero_()
        for i in range(4):  # joins the means' map i with 1, the maxima's with 3
            block.attention.join.weight[i, i, 1, 1] = 1
            block.attention.join.weight[i, 4 + i, 1, 1] = 3
    maps = torch.randn(2, 4, 6, 6)
    torch.testing.assert_close(block.attention(maps), maps * (0.5 + 0.5 + 1.5))


def test_channel_attention_weighs_by_mean_and_maximum_of_the_whole():
    block = DenseBlock(2, 2, 1)
    with torch.no_grad():
        for p in block.attention.parameters():
            p.zero_()
        for branch in (block.attention.mean, block.attention.most):
            branch[0].weight[:, :, 0, 0] = torch.eye(2)
            branch[2].weight[:, :, 0, 0] = torch.eye(2)
        block.attention.join.weight[0, 0, 1, 1] = block.attention.join.weight[1, 3, 1, 1] = 1
    maps = torch.rand(1, 2, 6, 6)
    said = block.attention(maps) - 0.5 * maps  # the spatial branch is left at one half
    torch.testing.assert_close(said[0, 0], maps[0, 0] * torch.sigmoid(maps[0, 0].mean()))
    torch.testing.assert_close(said[0, 1], maps[0, 1] * torch.sigmoid(maps[0, 1].max()))


def test_context_is_seen_and_not_answered_for():
    network, inputs = lively(small(context=3)), torch.randn(1, 5, 18, 21, generator=torch.Generator().manual_seed(4))
    said = network(inputs)
    assert said.shape == (1, 2, 12, 15)
    inputs[..., 0, :] += 1
    assert not torch.equal(network(inputs), said)
    whole = small(context=0)
    whole.load_state_dict(network.state_dict())
    torch.testing.assert_close(whole(inputs)[..., 3:-3, 3:-3], network(inputs))


def test_an_image_alone_and_among_others_is_the_same():
    network, inputs = lively(small()), torch.randn(3, 5, 12, 12, generator=torch.Generator().manual_seed(5))
    torch.testing.assert_close(network(inputs)[1:2], network(inputs[1:2]), rtol=1e-4, atol=1e-5)
