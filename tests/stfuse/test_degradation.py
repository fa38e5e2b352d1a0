from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stfuse.learning.degradation import degradation_loss, weights
from stfuse.networks.dstfn import area_mean, pixels_of

THREE = Fraction(3)


def tensors(seed=0, context=0, ratio=THREE, side=12, bands=2):
    """Block-constant Y as inputs, X that upsamples it, and a mask of ones."""
    p, q = ratio.numerator, ratio.denominator
    cells = (side + 2 * context) // p * q
    y = torch.rand(2, bands, cells, cells, generator=torch.Generator().manual_seed(seed))
    index = torch.div((2 * torch.arange(side + 2 * context) + 1) * q, 2 * p, rounding_mode="floor")
    inputs = y[..., index, :][..., index]
    if q > 1:  # the mean of what lies half in each pixel is no value of Y: let all be one
        inputs = inputs[..., :1, :1].expand_as(inputs).contiguous()
    said = inputs[..., context : context + side, context : context + side].clone()
    return said, inputs, torch.ones_like(said)


@pytest.mark.parametrize(("ratio", "context"), [(THREE, 0), (THREE, 6), (Fraction(2), 2), (Fraction(5, 2), 5)])
def test_the_loss_is_nothing_where_x_is_the_truth_and_keeps_the_means_of_y(ratio, context):
    said, inputs, mask = tensors(context=context, ratio=ratio, side=20 if ratio == Fraction(5, 2) else 12)
    loss = degradation_loss(2, ratio, context)
    assert loss(said, said, mask, inputs).item() < 1e-7
    shuffled = torch.rand_like(said)
    assert loss(shuffled, shuffled, mask, inputs).item() > 1e-3  # the truth alone does not make it nothing


def test_the_loss_in_numbers():
    """L_1 = 0.3, L_f = 0.045 and L_d = 0.045 where all is 0.3 too much; weighed by their shares of 0.39."""
    said, inputs, mask = tensors()
    found = degradation_loss(2, THREE, 0)(said + 0.3, said, mask, inputs).item()
    assert found == pytest.approx((0.3**2 + 2 * 0.045**2) / 0.39, rel=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(2**-10, 1024), min_size=3, max_size=3))
def test_weights_are_shares(values):
    found = [float(w) for w in weights(*map(torch.tensor, values))]
    assert sum(found) == pytest.approx(1, rel=1e-5) and all(0 < w < 1 for w in found)
    assert found == pytest.approx([v / sum(values) for v in values], rel=1e-4)


def test_weights_have_no_gradient_and_bear_nothing():
    term = torch.tensor(2.0, requires_grad=True)
    assert not any(w.requires_grad for w in weights(term, term))
    assert all(torch.isfinite(w) for w in weights(*[torch.tensor(0.0)] * 3))


def test_the_loss_grows_with_the_degradation_error():
    said, inputs, mask = tensors()
    goal, loss = said + 0.2, degradation_loss(2, THREE, 0)
    found = []
    for error in (0.0, 0.1, 0.2, 0.4):
        moved = inputs.clone()
        moved[:] = inputs - error  # Y itself lies elsewhere; the gap to the truth is the same
        found.append(loss(said, goal, mask, moved).item())
    l1, lf, ld = 0.2, 0.02, [0.5 * e**2 for e in (0.0, 0.1, 0.2, 0.4)]
    assert found == pytest.approx([(l1**2 + lf**2 + d**2) / (l1 + lf + d) for d in ld], rel=1e-4)


def test_the_gradient_of_the_third_term_flows_through_the_area_mean():
    """Within a coarse pixel it is the same everywhere, also where no truth is known elsewhere in it."""
    said, inputs, mask = tensors()
    said = (said + torch.rand_like(said)).requires_grad_()
    degradation_loss(2, THREE, 0)(said, said.detach(), mask, inputs).backward()
    cells = said.grad.unfold(2, 3, 3).unfold(3, 3, 3).flatten(4)
    torch.testing.assert_close(cells, cells[..., :1].expand_as(cells))
    error = area_mean(said.detach(), THREE) - pixels_of(inputs, THREE)
    assert (torch.sign(cells[..., 0]) == torch.sign(error)).all()


def test_gaps_take_no_part_in_the_loss():
    said, inputs, mask = tensors()
    goal, loss = said + 0.1, degradation_loss(2, THREE, 0)
    mask[..., 4, 4] = 0
    expected = loss(said, goal, mask, inputs)
    said[..., 3:6, 3:6] += 5.0  # within the coarse pixel that is not whole
    mask[..., 3:6, 3:6] = 0
    torch.testing.assert_close(loss(said, goal, mask, inputs), expected)
    assert loss(said, goal, torch.zeros_like(mask), inputs).item() == 0
