"""Why a prediction of a real pair may lose to a trivial one: numbers about the images themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.method_runs import Scene
from stfuse.grid import coarser, degrade, degrade_inside, regrid
from stfuse.metrics import cc
from stfuse.task import FloatArray, Series

SMALLER = 3.0


@dataclass(frozen=True)
class Evidence:
    """What the images say about a target and one of its references; reflectance, means over the bands.

    Attributes
    ----------
    cells, whole_cells : int
        Coarse pixels that see some of the fine scene, and those that lie wholly in it.
    change : float
        Root mean square of the fine change from the reference to the target.
    inside : float
        Share, 0..1, of its square that is deviation from the coarse pixels' means: what no coarse image can show.
    agreement : float
        Correlation of the coarse change with the fine one's means over the coarse pixels that lie at least half in
        the scene; NaN for fewer than three.
    drift : float
        By how much the coarse change differs from the fine one in the mean of the scene: it goes into whatever is
        predicted as reference plus coarse change.
    bias : float
        Mean of coarse minus fine on the reference date, absolute.
    """

    cells: int
    whole_cells: int
    change: float
    inside: float
    agreement: float
    drift: float
    bias: float


def ideal(scene: Scene, shrink: float = 1.0) -> Scene:
    """The scene with area means of its fine images in place of the coarse ones, where there are fine ones.

    Parameters
    ----------
    shrink : float
        How many times smaller than the scene's own its coarse pixels are.
    """
    fine, coarse = scene.fine, scene.coarse
    grid = coarse.grid if shrink == 1 else coarser(coarse.grid, 1 / shrink)
    means = degrade_inside(fine.values, fine.grid, grid)
    both = np.isin(fine.dates, coarse.dates)
    return replace(scene, coarse=Series(means[both], fine.dates[both], fine.bands, grid), ratio=scene.ratio / shrink)


def evidence(scene: Scene, target: str, reference: str, mask: NDArray[np.bool_]) -> Evidence:
    """What there is to know of a target and a reference over the pixels of the mask, shape (y, x)."""
    fine, cells = scene.fine.grid, scene.coarse.grid
    seen = mask & np.isfinite(scene.truth(reference)).all(axis=0)
    before, change = (np.where(seen, i, np.nan) for i in (scene.truth(reference), _change(scene, target, reference)))
    coarse = {d: scene.coarse.values[scene.coarse.dates.astype(str).tolist().index(d)] for d in (reference, target)}
    smooth = {d: regrid(image, cells, fine, "bilinear") for d, image in coarse.items()}
    means = degrade_inside(change.astype(np.float32), fine, cells)
    rest = change - regrid(means, cells, fine, "nearest")
    coarse_change = smooth[target] - smooth[reference]
    return Evidence(
        cells=int(np.isfinite(regrid(np.ones(fine.shape, np.float32), fine, cells, "average")).sum()),
        whole_cells=_whole(scene),
        change=float(np.mean([_rms(band) for band in change])),
        inside=float(np.nansum(rest**2) / np.nansum(change**2)) if np.nansum(change**2) else float("nan"),
        agreement=_agreement(coarse[target] - coarse[reference], degrade(change.astype(np.float32), fine, cells)),
        drift=float(np.mean(np.abs(np.nanmean(coarse_change - change, axis=(1, 2))))),
        bias=float(np.mean(np.abs(np.nanmean(smooth[reference] - before, axis=(1, 2))))),
    )


def _change(scene: Scene, target: str, reference: str) -> FloatArray:
    return scene.truth(target) - scene.truth(reference)


def _rms(values: FloatArray) -> float:
    return float(np.sqrt(np.nanmean(values.astype(np.float64) ** 2)))


def _agreement(coarse: FloatArray, means: FloatArray) -> float:
    """Mean over the bands of the correlation of two changes over the coarse pixels."""
    found = [cc(a, b) for a, b in zip(coarse, means, strict=True) if np.isfinite(a + b).sum() > 2]
    return float(np.mean(found)) if found else float("nan")


def _whole(scene: Scene) -> int:
    """Coarse pixels that lie wholly in the fine scene."""
    box = scene.fine.grid.extent.boundingbox

    def inside(start: float, step: float, count: int, low: float, high: float) -> int:
        edges = start + step * np.arange(count + 1)
        within = (edges >= low - 1e-6) & (edges <= high + 1e-6)
        return int((within[:-1] & within[1:]).sum())

    grid = scene.coarse.grid
    rows = inside(grid.affine.f, grid.affine.e, grid.height, box.bottom, box.top)
    return rows * inside(grid.affine.c, grid.affine.a, grid.width, box.left, box.right)


def reason(rival: str, to_beat: float, with_ideal: float, with_small: float, of: Sequence[Evidence]) -> str:
    """Why a run loses to a trivial prediction, in words, from numbers alone.

    Parameters
    ----------
    rival : str
        The best trivial prediction.
    to_beat : float
        Its RMSE.
    with_ideal, with_small : float
        RMSE of the same run with ideal coarse images, and with ideal ones of coarse pixels `SMALLER` times smaller.
    of : sequence of Evidence
        Of the run's references, that of the least change first.
    """
    known = of[0]
    size = f"{known.cells} coarse pixels, {known.whole_cells} of them whole"
    words = f"{rival} has {to_beat:.4f}, it has {with_ideal:.4f} with area means of the fine images as coarse ones"
    if with_ideal < to_beat:
        drift, agreement = np.mean([e.drift for e in of]), np.mean([e.agreement for e in of])
        return words + (
            f": the coarse sensor is why. Its change differs from the fine one by {drift:.4f} in the scene's mean, "
            f"where the fine images change by {known.change:.4f}, and correlates with it by {agreement:.2f} ({size})"
        )
    words += f", {with_small:.4f} if these are {SMALLER:g} times smaller"
    if with_small < to_beat:
        return words + f": too few and too large coarse pixels are why ({size})"
    return words + (
        f": the change itself is why, {known.change:.4f}, {100 * known.inside:.0f} % of its square in coarse pixels "
        f"({size})"
    )
