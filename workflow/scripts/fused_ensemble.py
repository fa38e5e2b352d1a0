"""Mean and spread of a method's seeds: results/fused/{experiment}/{site}/{method}/ensemble/{date}.tif."""

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stfuse import __version__
from stfuse.against import require_same_grid
from stfuse.bands import BACKSCATTER
from stfuse.ensemble import combine
from stfuse.job import job
from stfuse.raster import image_file, read_image
from stfuse.task import Window
from stfuse.tiles import SIZE, plan

if TYPE_CHECKING:
    snakemake: Any

logger = logging.getLogger("stfuse.fused_ensemble")

CORNER: Window = (slice(0, 1), slice(0, 1))


def make_ensemble(members: Mapping[str, Path], mean: Path, spread: Path, tags: Mapping[str, str]) -> None:
    """Write mean and spread of the predictions of one date, window by window.

    Parameters
    ----------
    members : mapping of str to Path
        Seed -> its prediction.
    mean : Path
        The COG to write, of the bands, type and scale of the members: whatever reads a prediction reads it.
    spread : Path
        The COG to write with the standard deviation between the members, float32 in units of the
        variable: a thousandth of reflectance would be ten steps of the members' scale.
    tags : mapping of str to str
        What both say of where they come from, beside the seeds.

    Raises
    ------
    InputError
        If a member cannot be read, or they do not lie on one grid.
    """
    paths = list(members.values())
    _, bands, grid = read_image(paths[0], window=CORNER)
    for path in paths[1:]:
        require_same_grid(path, read_image(path, bands, CORNER)[2], grid)
    told = {**tags, "members": " ".join(members), "stfuse": __version__}
    wide, finite = 0.0, 0
    with (
        image_file(mean, bands, grid, told, BACKSCATTER.isdisjoint(bands)) as means,
        image_file(spread, bands, grid, told, packed=False) as spreads,
    ):
        for tile in plan(grid.shape, (SIZE, SIZE), 0):
            found = combine(np.stack([read_image(path, bands, tile.core)[0] for path in paths]))
            means.put(tile.core, found[0])
            spreads.put(tile.core, found[1])
            wide += float(np.nansum(found[1], dtype=np.float64))
            finite += int(np.isfinite(found[1]).sum())
    logger.info("%d members, mean spread %.3g", len(members), wide / finite if finite else math.nan)


def _members(seeds: Sequence[int], paths: Sequence[str]) -> dict[str, Path]:
    return {str(seed): Path(path) for seed, path in zip(seeds, paths, strict=True)}


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        make_ensemble(
            members=_members(snakemake.params.seeds, snakemake.input.members),
            mean=Path(snakemake.output.mean),
            spread=Path(snakemake.output.spread),
            tags=dict(snakemake.params.tags),
        )
