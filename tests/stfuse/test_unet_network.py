"""The U-Net's layers, counted by hand, and how far it looks."""

import numpy as np
import pytest
import torch

from small_networks import image, scaling, seeded
from stfuse.learning.inference import apply
from stfuse.learning.weights import weights
from stfuse.networks.beginning import initialise
from stfuse.networks.unet import Unet, unet_reach


def count(network):
    return sum(p.numel() for p in network.parameters())


def by_hand(channels, bands, width, levels):
    """Two 3 x 3 filters a level down and up, a 2 x 2 filter between levels, a 1 x 1 filter at the end; all biased."""
    total, maps = 0, [width * 2**level for level in range(levels + 1)]
    for before, after in zip([channels, *maps], maps, strict=False):
        total += (9 * before + 1) * after + (9 * after + 1) * after
    for m in maps[:-1]:
        total += 4 * 2 * m * m + m  # the level below has twice as many maps
        total += (9 * 2 * m + 1) * m + (9 * m + 1) * m
    return total + width * bands + bands


def test_the_paper_network_has_its_parameters():
    """Widths 64 to 1024 over five sizes: 31.03 million, as the literature says of this network."""
    assert by_hand(2, 1, 64, 4) == 31_031_169
    assert count(Unet(2, 1)) == 31_031_169


@pytest.mark.parametrize(("width", "levels"), [(32, 4), (8, 3), (5, 1)])
def test_other_widths_and_levels_are_counted_alike(width, levels):
    assert count(Unet(3, 2, width, levels)) == by_hand(3, 2, width, levels)


def test_the_paper_image_of_572_pixels_loses_what_its_unpadded_filters_take():
    """572 -> 388 (figure 1): 92 pixels a side, two more where windows begin at whole steps."""
    assert unet_reach(4) == (572 - 388) // 2 + 2


@pytest.mark.parametrize("levels", [1, 2, 3, 4])
def test_it_looks_as_far_as_it_says_and_no_further(levels):
    """All weights positive: a pixel that is reached by any way changes the answer."""
    reach, step = unet_reach(levels), 2**levels
    context = -(-reach // step) * step
    network = Unet(1, 1, 2, levels, context).double()
    with torch.no_grad():
        for values in network.parameters():
            values.abs_().add_(0.01)
        inputs = torch.ones(1, 1, step + 2 * context, step + 2 * context, dtype=torch.double)
        still = network(inputs)
        for first in (0, inputs.shape[-1] - 1):
            inward = 1 if first == 0 else -1
            for away, seen in ((context - reach, True), (context - reach - 1, False)):
                if away < 0:
                    continue
                moved = inputs.clone()
                moved[..., first + inward * away] = 1e3
                assert (not torch.equal(network(moved), still)) == seen


def test_padding_never_reaches_an_answer_with_enough_context():
    """The same pixels with more around them: zeros at the edge of the filters are too far away to count."""
    network = seeded(Unet(2, 1, 3, 2, 24), 0.2).eval()
    more = torch.from_numpy(image(2, 16 + 2 * 40, 16 + 2 * 40)[None])
    with torch.inference_mode():
        small = network(more[..., 16:-16, 16:-16])
        network.context = 40
        np.testing.assert_allclose(network(more), small, atol=1e-5)
    assert small.std() > 1e-3


@pytest.mark.parametrize("shape", [(64, 48), (37, 50), (16, 17)])
@pytest.mark.parametrize("context", [0, 5])
def test_images_of_any_size_go_through(shape, context):
    inputs = torch.zeros(2, 2, *(n + 2 * context for n in shape))
    with torch.inference_mode():
        assert Unet(2, 3, 2, 3, context)(inputs).shape == (2, 3, *shape)


def test_maps_of_the_way_down_stand_beside_those_of_the_way_up():
    """With the way up cut, the four filters of the first level are left: four pixels around."""
    network = seeded(Unet(1, 1, 4, 3, 0), 0.3)
    inputs = torch.zeros(1, 1, 32, 32)
    with torch.no_grad():
        for grow in network.grow:
            grow.weight.zero_()
        still = network(inputs)
        inputs[..., 16, 16] = 3.0
        rows, columns = np.nonzero((network(inputs) - still)[0, 0].numpy())
    assert [rows.min(), rows.max(), columns.min(), columns.max()] == [12, 20, 12, 20]


def test_the_beginning_follows_the_seed_and_keeps_the_size_of_its_maps():
    """Each layer's maps are neither blown up nor lost: before the last layer they are as large as the noise put in."""
    first, again, other = (initialise(Unet(2, 1, 16), seed, "he") for seed in (0, 0, 1))
    for a, b in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(first.grow[0].weight, other.grow[0].weight)
    maps = []
    first.last.register_forward_pre_hook(lambda _, given: maps.append(given[0]))
    with torch.inference_mode():
        first(torch.randn(1, 2, 64, 64, generator=torch.Generator().manual_seed(0)))
    assert 0.1 < maps[0].square().mean() < 10


def test_windows_of_any_size_give_the_whole(monkeypatch):
    """Whatever memory allows: windows of 32 pixels, or all at once."""
    network, halo = seeded(Unet(2, 1, 3, 2, 24), 0.15), 24
    state, pixels = weights(network, scaling(2, 1, plain=False)), image(2, 90, 77)
    monkeypatch.setattr("stfuse.learning.inference.LARGEST", 2000)
    whole = apply(network, state, pixels, halo, align=4, corner=(5, 3))
    monkeypatch.setattr("stfuse.learning.inference.LARGEST", 32)
    np.testing.assert_allclose(apply(network, state, pixels, halo, align=4, corner=(5, 3)), whole, atol=1e-5)
    assert whole.std() > 1e-3
