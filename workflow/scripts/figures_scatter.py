"""Predicted against observed values: results/figures/{experiment}/{site}/scatter_{band}.png."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stfuse.errors import InputError
from stfuse.job import job, whole
from stfuse.plots import Picture, ndvi_of, to_png
from stfuse.plots_scatter import Pairs, scatter_figure
from stfuse.raster import REMAKE, read_image, read_variable
from stfuse.task import FloatArray

if TYPE_CHECKING:
    snakemake: Any


def draw_scatter(
    fused: Mapping[str, Sequence[Path]],
    observed: Sequence[Path],
    band: str,
    bands: Sequence[str],
    variable: str,
    title: str,
    png: Path,
) -> None:
    """Draw predicted against observed values of one band, all dates together, a panel per method.

    Parameters
    ----------
    fused : mapping of method to sequence of Path
        Predictions named ``{date}.tif``; a method may lack a date.
    observed : sequence of Path
        Observed images named ``{date}.tif``.
    band : str
        One of `bands`, or ``ndvi``.
    bands : sequence of str
        The experiment's bands; for the variable ``ndvi`` red and near-infrared.
    variable : {"reflectance", "ndvi"}

    Raises
    ------
    InputError
        If an image cannot be read, lacks the band, or lies on another grid than the observed one.
    """
    truths = {path.stem: (path, _band(path, band, bands, variable, predicted=False)) for path in observed}
    pairs: dict[str, Pairs] = {}
    for method, paths in fused.items():
        found: list[Pairs] = []
        for path in (p for p in paths if p.stem in truths):
            values = _band(path, band, bands, variable, predicted=True)
            source, truth = truths[path.stem]
            if values.shape != truth.shape:
                raise InputError(f"{path} has {values.shape} pixels, {source} has {truth.shape}", REMAKE)
            valid = np.isfinite(values) & np.isfinite(truth)
            found.append((values[valid], truth[valid]))
        if found:
            pairs[method] = (np.concatenate([p for p, _ in found]), np.concatenate([o for _, o in found]))
    if not pairs:
        raise InputError(f"No prediction for {png} has an observed image of its date", "see the experiment's targets")
    quantity = "NDVI" if band == "ndvi" else f"{band} reflectance"
    dates = f"{len(truths)} date{'s' * (len(truths) != 1)}"
    figure = scatter_figure(pairs, quantity, title, f"{quantity}, all pixels of {dates}: {', '.join(sorted(truths))}.")
    with whole(png) as part:
        part.write_bytes(to_png(figure))


def _band(path: Path, band: str, bands: Sequence[str], variable: str, predicted: bool) -> FloatArray:
    if predicted and variable == "ndvi":
        return read_image(path, ("ndvi",))[0][0]
    if band != "ndvi":
        return read_image(path, (band,))[0][0]
    if variable == "ndvi":
        return read_variable(path, bands, "ndvi")[0][0]
    values = ndvi_of(Picture("", *read_image(path, bands)))
    if values is None:
        raise InputError(f"NDVI cannot be made of the bands {list(bands)} of {path}", "name a band in place of ndvi")
    return values


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        images = [Path(p) for p in snakemake.input.fused]
        draw_scatter(
            fused={m: [p for p in images if p.parents[1].name == m] for m in snakemake.params.methods},
            observed=[Path(p) for p in snakemake.input.observed],
            band=snakemake.params.band,
            bands=list(snakemake.params.bands),
            variable=snakemake.params.variable,
            title=snakemake.params.title,
            png=Path(snakemake.output[0]),
        )
