from fractions import Fraction

import numpy as np
import pytest
import torch

from stfuse.networks.beginning import initialise
from stfuse.networks.carn import CARN_REACH, RATIOS, Carn


def count(bands, ratio):
    return sum(p.numel() for p in Carn(bands, Fraction(*ratio)).parameters())


def image_on_fine_pixels(cells, ratio):
    """A coarse image (n, band, y, x), each value on the fine pixels whose middles lie in its cell."""
    index = [((2 * np.arange(n * ratio) + 1) / (2 * ratio)).astype(int) for n in cells.shape[2:]]
    return cells[:, :, index[0][:, None], index[1][None, :]]


def begun(bands, ratio, halo=0):
    return initialise(Carn(bands, ratio, halo), 0, "he")


def test_parameters_are_those_of_the_public_network():
    assert count(3, (2, 1)) == 964_163
    assert count(3, (2, 1)) + 24 == 964_187  # with its two fixed layers, which take away and add the bands' means


@pytest.mark.parametrize(
    ("bands", "ratio", "grown"),
    [
        (3, (3, 1), 64 * 576 * 9 + 576),
        (3, (4, 1), 2 * (64 * 256 * 9 + 256)),  # twice two
        (4, (5, 1), 64 * 1600 * 9 + 1600),
        (4, (5, 2), 64 * 1600 * 9 + 1600),
        (1, (2, 1), 64 * 256 * 9 + 256),
    ],
)
def test_other_ratios_and_bands_change_the_ends_alone(bands, ratio, grown):
    ends = 2 * (64 * bands * 9) + 64 + bands
    assert count(bands, ratio) == 964_163 - (2 * 64 * 27 + 67) - (64 * 256 * 9 + 256) + ends + grown


@pytest.mark.parametrize("ratio", RATIOS, ids=str)
@pytest.mark.parametrize("bands", [1, 4])
def test_shapes(ratio, bands):
    p = ratio.numerator
    inputs = torch.zeros(2, bands, 4 * p, 6 * p)
    with torch.inference_mode():
        assert Carn(bands, ratio)(inputs).shape == inputs.shape
        assert Carn(bands, ratio, halo=p)(inputs).shape == (2, bands, 2 * p, 4 * p)


@pytest.mark.parametrize("ratio", RATIOS, ids=str)
def test_every_coarse_value_is_taken_back_in_every_turn(ratio):
    cells = np.random.default_rng(0).normal(size=(1, 2, 4, 6)).astype(np.float32)
    fine = image_on_fine_pixels(cells, ratio)
    network = Carn(2, ratio)
    for turn in range(4):
        for flip in (False, True):
            there = [np.rot90(a, turn, axes=(2, 3)) for a in (fine, cells)]
            there = [a[..., ::-1].copy() if flip else a.copy() for a in there]
            np.testing.assert_array_equal(network.coarse(torch.from_numpy(there[0])).numpy(), there[1])


@pytest.mark.parametrize("ratio", RATIOS, ids=str)
def test_zeroed_weights_give_a_constant(ratio):
    network = Carn(2, ratio)
    with torch.inference_mode():
        for value in network.parameters():
            value.zero_()
        network.exit.bias.copy_(torch.tensor([0.25, -0.5]))
        said = network(torch.randn(1, 2, 4 * ratio.numerator, 4 * ratio.numerator))
    assert (said[:, 0] == 0.25).all() and (said[:, 1] == -0.5).all()


def test_two_and_a_half_is_the_mean_of_what_five_says():
    fine = begun(1, Fraction(5))
    half = Carn(1, Fraction(5, 2))
    half.load_state_dict(fine.state_dict())
    cells = np.random.default_rng(1).normal(size=(1, 1, 6, 6)).astype(np.float32)
    with torch.inference_mode():
        five = fine(torch.from_numpy(image_on_fine_pixels(cells, Fraction(5))))[0, 0]
        said = half(torch.from_numpy(image_on_fine_pixels(cells, Fraction(5, 2))))[0, 0]
    np.testing.assert_allclose(said, five.reshape(15, 2, 15, 2).mean((1, 3)), atol=1e-6)


@pytest.mark.parametrize("ratio", [Fraction(2), Fraction(4)], ids=str)
def test_the_filters_reach_as_far_as_is_said_and_no_further(ratio):
    network, side = begun(1, ratio).double(), 2 * CARN_REACH + 8
    middle = ratio.numerator * (side // 2)
    with torch.no_grad():  # all weights positive: nothing cancels, no ReLU closes
        for value in network.parameters():
            value.abs_()
    cells = torch.full((1, 1, side, side), 0.5, dtype=torch.float64)
    fine = cells.repeat_interleave(ratio.numerator, 2).repeat_interleave(ratio.numerator, 3).requires_grad_()
    network(fine)[0, 0, middle, middle].backward()
    seen = torch.nonzero(fine.grad[0, 0].sum(1))[:, 0] // ratio.numerator
    # The pixel is the first of its cell: what it sees after the image has grown lies before it.
    assert side // 2 - int(seen.min()) == CARN_REACH
    assert int(seen.max()) - side // 2 <= CARN_REACH


@pytest.mark.parametrize(("ratio", "halo"), [(Fraction(7, 2), 0), (Fraction(6), 0), (Fraction(5, 2), 3)])
def test_what_cannot_be_built_is_refused(ratio, halo):
    with pytest.raises(ValueError, match="ratio" if not halo else "halo"):
        Carn(1, ratio, halo)
