"""Stage `series`: the dense NDVI series of one source, observed and fused dates in order, filled and smoothed."""

import logging
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.cube import Layer, write_cube
from stfuse.errors import InputError
from stfuse.grid import ndvi, regrid, site_grid
from stfuse.job import job
from stfuse.raster import read_image
from stfuse.series import FUSED, NOISE, OBSERVED, Dates, Dense, SeriesSettings, assemble, regular_steps, smooth_series
from stfuse.task import FloatArray

if TYPE_CHECKING:
    snakemake: Any

logger = logging.getLogger("stfuse.series")


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
) -> None:
    """Write the NDVI series of a method (observed and fused images) or of one sensor alone.

    Parameters
    ----------
    fused, observed : list of path
        Images named ``{date}.tif``; those on another grid, as of a coarse sensor, go to the fine one bilinearly.
    labels : dict
        Experiment, site, source and seed, kept as attributes.
    bands : list of str
        The experiment's bands, red and nir08 or nir among them.
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

    Raises
    ------
    InputError
        If there is no image, one cannot be read or lacks a band, or a setting is unknown.
    """
    if not fused and not observed:
        cure = "lower `min_clear:` of the experiment or lengthen the site's period"
        raise InputError(f"There is no image for the series {series}", cure)
    try:
        chosen = SeriesSettings(**(settings or {}))
    except (TypeError, ValueError) as error:
        raise InputError(
            f"Settings of the series {settings} do not fit: {error}", "correct them in the config"
        ) from error
    pair = _vegetation_bands(bands, series)
    grid = site_grid(site["crs"], tuple(site["bounds"]), resolution)
    names = ["ndvi"] if variable == "ndvi" else pair
    dense = assemble(_stack(observed, pair, grid), _stack(fused, names, grid), chosen)
    first, last = (np.datetime64(day) for day in site["period"])
    steps = regular_steps(first, last, chosen.step_days)
    smooth, support, long_gap = smooth_series(dense, steps, chosen)
    logger.info("%d dates, %d observed; noise %.2g", len(dense.dates), len(observed), (dense.flags & NOISE > 0).mean())
    layers = _layers(dense, smooth, support, long_gap, chosen)
    attrs = {
        "title": "NDVI series",
        **{k: str(v) for k, v in labels.items()},
        **_provenance(fused, observed, site, chosen),
    }
    write_cube(series, layers, {"time": dense.dates, "step": steps}, grid, attrs)


def _vegetation_bands(bands: list[str], series: Path) -> list[str]:
    """Find the red and the near-infrared band of an experiment."""
    near = [b for b in ("nir08", "nir") if b in bands]
    if "red" not in bands or not near:
        raise InputError(f"{series} needs NDVI, but the bands are {bands}", "add red and nir08 (or nir) to `bands:`")
    return ["red", near[0]]


def _stack(paths: list[Path], names: list[str], grid: GeoBox) -> tuple[FloatArray, Dates]:
    """NDVI of images on the fine grid, shape (time, y, x), and their dates."""
    ordered = sorted(paths, key=lambda path: path.stem)
    out = np.full((len(ordered), *grid.shape), np.nan, np.float32)
    for i, path in enumerate(ordered):
        values, _, found = read_image(path, names)
        index = values[0] if names == ["ndvi"] else ndvi(values[0], values[1])
        same = found.shape == grid.shape and found.crs == grid.crs and found.affine.almost_equals(grid.affine, 1e-6)
        out[i] = index if same else regrid(index[None], found, grid, "bilinear")[0]
    try:
        return out, np.array([path.stem for path in ordered], dtype="datetime64[D]")
    except ValueError as error:
        raise InputError(
            f"An image among {[str(p) for p in ordered]} has no date", "name images YYYY-MM-DD.tif"
        ) from error


def _layers(
    dense: Dense, smooth: FloatArray, support: FloatArray, long_gap: NDArray[np.bool_], settings: SeriesSettings
) -> dict[str, Layer]:
    seen = np.array([bool((image & OBSERVED).any()) for image in dense.flags])
    meanings = {"flag_masks": np.array([OBSERVED, FUSED, NOISE], np.uint8), "flag_meanings": "observed fused noise"}
    origin = {"flag_values": np.array([0, 1], np.int8), "flag_meanings": "observed fused"}
    gap = {"flag_values": np.array([0, 1], np.uint8), "flag_meanings": "short long"}
    curve = f"NDVI every {settings.step_days} days, gaps filled, Savitzky-Golay"
    longer = f"within a gap of more than {settings.max_gap_days:g} days"
    return {
        "ndvi": Layer(dense.values, "time", "NDVI as observed or fused, noise included", packed=True),
        "flags": Layer(
            dense.flags, "time", "where a value comes from, and whether it is left out as noise", attrs=meanings
        ),
        "origin": Layer(np.where(seen, 0, 1).astype(np.int8), "time", "whether any pixel was observed", attrs=origin),
        "ndvi_smooth": Layer(smooth, "step", curve, packed=True),
        "support": Layer(support, "step", "days to the nearest valid date", "days"),
        "long_gap": Layer(long_gap.astype(np.uint8), "step", longer, attrs=gap),
    }


def _provenance(
    fused: list[Path], observed: list[Path], site: dict[str, Any], settings: SeriesSettings
) -> dict[str, str]:
    return {
        "period": "/".join(site["period"]),
        "observed_images": " ".join(str(p) for p in observed),
        "fused_images": " ".join(str(p) for p in fused),
        "settings": ", ".join(f"{k}={v}" for k, v in asdict(settings).items()),
        "references": "Chen et al. 2004 (doi:10.1016/j.rse.2004.03.014); Htitiou et al. 2020, section 4.2",
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
        )
