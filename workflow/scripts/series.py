"""Stage `series`: the dense NDVI series of one source, observed, fused and filled dates, with a smooth curve."""

import logging
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from stfuse.cube import Blank, Layer, cube_file
from stfuse.curve import Curve, smooth_series, speeds_of, widening_of
from stfuse.errors import InputError
from stfuse.grid import site_grid
from stfuse.job import job
from stfuse.series import FILLED, FUSED, NOISE, OBSERVED, Dense, SeriesSettings, regular_steps
from stfuse.series_files import FilledFiles, ImageFiles, SeriesParts, sampled, strips
from stfuse.sigmas import Sigmas, measure_sigmas
from stfuse.threads import in_order
from stfuse.tiles import plan

if TYPE_CHECKING:
    snakemake: Any

logger = logging.getLogger("stfuse.series")

BLOCK = 512
"""Pixels a side of what is read at a time: the pieces that images are stored in."""
READERS = 3
"""Blocks read at a time at most: curves take longer than images, and every block waits in memory."""


def make_series(
    fused: list[Path],
    observed: list[Path],
    labels: dict[str, Any],
    bands: list[str],
    variable: str,
    site: dict[str, Any],
    series: Path,
    settings: dict[str, Any] | None = None,
    resolution: float = 10.0,
    filled: Path | None = None,
    threads: int = 1,
    block: int = BLOCK,
) -> None:
    """Write the NDVI series of a method (observed and fused images) or of one sensor alone, block by block.

    Parameters
    ----------
    fused, observed : list of path
        Images named ``{date}.tif``; those on another grid, as of a coarse sensor, go to the fine one bilinearly.
    labels : dict
        Experiment, site, source and seed, kept as attributes.
    bands : list of str
        The red and the near-infrared band that NDVI is made of.
    variable : {"reflectance", "ndvi"}
        What the fused images hold; observed ones always hold reflectance.
    site : dict
        Content of its config file.
    series : path
        The NetCDF file to write.
    settings : dict, optional
        Of `stfuse.series.SeriesSettings`.
    resolution : float
        Fine pixel size in metres.
    filled : path, optional
        NetCDF cube of a gap experiment on the same grid, layers ``ndvi`` and ``uncertainty``.
    threads : int
        Blocks read at a time, `READERS` at most.
    block : int
        Fine pixels a side of a block; memory is that of one block of all images for each reader and two more.

    Raises
    ------
    InputError
        If there is no image, one cannot be read or lacks a band, or a setting is unknown.
    """
    _require_images([*fused, *observed], series)
    chosen = _settings(settings)
    pair = _require_pair(bands, series)
    grid = site_grid(site["crs"], tuple(site["bounds"]), resolution)
    first, last = (np.datetime64(day) for day in site["period"])
    steps = regular_steps(first, last, chosen.step_days)
    names = ["ndvi"] if variable == "ndvi" else pair
    parts = SeriesParts(
        ImageFiles(observed, pair, grid), ImageFiles(fused, names, grid), FilledFiles(filled, steps, grid), chosen
    )
    sample = [parts.dense(window, None) for window in sampled(grid)]
    sigmas = measure_sigmas(sample)
    shares = speeds_of(sample, sigmas)
    factors = widening_of(sample, steps, sigmas, shares)
    logger.info("%d dates, %d observed; %s; %s; %s", len(parts.dates), len(observed), sigmas, shares, factors)
    attrs = {"title": "NDVI series", **{k: str(v) for k, v in labels.items()}}
    attrs |= _provenance(fused, observed, filled, site, chosen, sigmas)
    noise = 0
    height, width = grid.shape
    tiles = [tile.core for tile in plan((height, width), (block, block), 0)]
    bar = tqdm(total=height * width, unit="px", unit_scale=True, desc=series.parent.name, disable=None)
    dates = {"time": parts.dates, "step": steps}
    with (
        closing(bar),
        cube_file(series, _layers(parts, chosen), dates, grid, attrs) as out,
        closing(in_order(parts.images, tiles, min(threads, READERS))) as blocks,
    ):
        for tile, values in zip(tiles, blocks, strict=True):
            for strip in strips(tile):
                dense = parts.dense(strip, values)
                curve = smooth_series(dense, steps, chosen, sigmas, shares, factors)
                out.put(strip, _values(dense, curve))
                noise += int((dense.flags & NOISE > 0).sum())
                bar.update(dense.values[0].size)
    logger.info("noise %.2g", noise / (len(parts.dates) * height * width))


def _require_images(images: list[Path], series: Path) -> None:
    if not images:
        cure = "lower `min_clear:` of the experiment or lengthen the site's period"
        raise InputError(f"There is no image for the series {series}", cure)


def _settings(settings: dict[str, Any] | None) -> SeriesSettings:
    try:
        return SeriesSettings(**(settings or {}))
    except (TypeError, ValueError) as error:
        raise InputError(
            f"Settings of the series {settings} do not fit: {error}", "correct them in the config"
        ) from error


def _require_pair(bands: list[str], series: Path) -> list[str]:
    if len(bands) != 2:
        cure = "add red and nir08 (or nir) to `bands:`"
        raise InputError(f"{series} needs NDVI, but the experiment lacks red or the near infrared", cure)
    return bands


def _layers(parts: SeriesParts, settings: SeriesSettings) -> dict[str, Blank | Layer]:
    observed, fused = np.isin(parts.dates, parts.observed.dates), np.isin(parts.dates, parts.fused.dates)
    masks = np.array([OBSERVED, FUSED, NOISE, FILLED], np.uint8)
    meanings = {"flag_masks": masks, "flag_meanings": "observed fused noise filled"}
    origin = {"flag_values": np.array([0, 1, 2], np.int8), "flag_meanings": "observed fused filled"}
    gap = {"flag_values": np.array([0, 1], np.uint8), "flag_meanings": "short long"}
    curve = f"NDVI every {settings.step_days} days, gaps filled, smoothed"
    longer = f"within a gap of more than {settings.max_gap_days:g} days"
    counts = "what a value counts beside an observed one; 0 = not used"
    source = "where a value comes from, and whether it is left out as noise"
    where = np.where(observed, 0, np.where(fused, 1, 2)).astype(np.int8)
    return {
        "ndvi": Blank("time", "NDVI as observed, fused or filled, noise included", packed=True),
        "uncertainty": Blank("time", "standard deviation of ndvi; none where it is noise", packed=True),
        "weight": Blank("time", counts, packed=True),
        "flags": Blank("time", source, attrs=meanings, dtype=np.uint8),
        "origin": Layer(where, "time", "the first source that has an image of the date", attrs=origin),
        "ndvi_smooth": Blank("step", curve, packed=True),
        "uncertainty_smooth": Blank("step", "standard deviation of ndvi_smooth", packed=True),
        "support": Blank("step", "days to the nearest observed or fused value", "days"),
        "long_gap": Blank("step", longer, attrs=gap, dtype=np.uint8),
    }


def _values(dense: Dense, curve: Curve) -> dict[str, NDArray[Any]]:
    return {
        "ndvi": dense.values,
        "uncertainty": curve.sigmas,
        "weight": curve.weights,
        "flags": dense.flags,
        "ndvi_smooth": curve.smooth,
        "uncertainty_smooth": curve.uncertainty,
        "support": curve.support,
        "long_gap": curve.long_gap.astype(np.uint8),
    }


def _provenance(
    fused: list[Path],
    observed: list[Path],
    filled: Path | None,
    site: dict[str, Any],
    settings: SeriesSettings,
    sigmas: Sigmas,
) -> dict[str, str]:
    return {
        "period": "/".join(site["period"]),
        "observed_images": " ".join(str(p) for p in observed),
        "fused_images": " ".join(str(p) for p in fused),
        "filled_cube": str(filled or ""),
        "sigmas": str(asdict(sigmas)),
        "noise": f"{sigmas.observed:.4g}",
        "settings": ", ".join(f"{k}={v}" for k, v in asdict(settings).items()),
        "references": "Wahba 1983; Chen et al. 2004 (doi:10.1016/j.rse.2004.03.014); Htitiou et al. 2020, section 4.2",
    }


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        make_series(
            fused=[Path(p) for p in snakemake.input.fused],
            observed=[Path(p) for p in snakemake.input.observed],
            labels=dict(snakemake.params.labels),
            bands=list(snakemake.params.bands),
            variable=snakemake.params.variable,
            site=dict(snakemake.params.site),
            series=Path(snakemake.output[0]),
            settings=snakemake.params.get("settings"),
            resolution=float(snakemake.params.get("resolution", 10.0)),
            filled=next(map(Path, snakemake.input.filled), None),
            threads=snakemake.threads,
        )
