"""The loss of DSTFN: errors, and what the prediction's means say against the coarse image.

Wu et al. 2022, section 2.3.
"""

from __future__ import annotations

from fractions import Fraction

from torch import Tensor

from stfuse.learning.training import Loss
from stfuse.networks.dstfn import area_mean, pixels_of

__all__ = ["degradation_loss", "weights"]


def degradation_loss(bands: int, ratio: Fraction, context: int) -> Loss:
    """The paper's loss (equations 5 to 9), each term weighed by its own share of their sum.

    L_1 and L_f compare with the truth, L_d compares the coarse image Y with the mean of X over coarse pixels, of
    those that are known as a whole. All are means over pixels and bands: as sums, L_f and L_d would grow with
    the patch beside L_1. The shares (equation 6) are taken as they stand, not differentiated: else the
    gradient were that of the sum of squares of the terms over their sum. In standard deviations of the
    goal; in reflectance, squares would be too small beside L_1 to have a say.
    """

    def terms(said: Tensor, goal: Tensor, mask: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        gap, count = (said - goal) * mask, mask.sum().clamp(min=1)
        height, width = (n - context for n in inputs.shape[-2:])
        coarse = pixels_of(inputs[:, :bands, context:height, context:width], ratio)
        whole = (area_mean(mask, ratio) > 0.999).to(said.dtype)
        change = (area_mean(said, ratio) - coarse) * whole
        return (
            gap.abs().sum() / count,
            gap.square().sum() / count / 2,
            change.square().sum() / whole.sum().clamp(min=1) / 2,
        )

    def loss(said: Tensor, goal: Tensor, mask: Tensor, inputs: Tensor) -> Tensor:
        values = terms(said, goal, mask, inputs)
        shares = weights(*values)
        total: Tensor = shares[0] * values[0] + shares[1] * values[1] + shares[2] * values[2]
        return total

    return loss


def weights(*terms: Tensor) -> list[Tensor]:
    """alpha, beta and gamma of equation 6: the share of each term in their sum, without gradient."""
    values = [term.detach() for term in terms]
    total = sum(values[1:], values[0]).clamp(min=1e-12)
    return [value / total for value in values]
