"""Predictions of one date beside what was observed: results/figures/{experiment}/{site}/prediction_{date}.png."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stfuse.errors import InputError
from stfuse.job import job, whole
from stfuse.plots import Picture, to_png
from stfuse.plots_prediction import prediction_figure, zoom_box
from stfuse.raster import REMAKE, read_image, read_variable

if TYPE_CHECKING:
    snakemake: Any

REFERENCES = 2
"""References shown: the nearest ones."""


def draw_prediction(
    fused: Mapping[str, Path],
    observed: Path | None,
    coarse: Path | None,
    references: Sequence[Path],
    bands: Sequence[str],
    variable: str,
    title: str,
    png: Path,
) -> None:
    """Draw the inputs, the observed image and the predictions of one date, with maps of the error.

    Parameters
    ----------
    fused : mapping of method to Path
        Predictions named ``{date}.tif``, all of one date.
    observed : Path, optional
        The image of that date on the same grid; none in the product protocol.
    coarse : Path, optional
    references : sequence of Path
        Fine images given to the methods; the two nearest in time are shown. Images lie in a folder named
        after their sensor.
    bands : sequence of str
        The experiment's bands; for the variable ``ndvi`` red and near-infrared.
    variable : {"reflectance", "ndvi"}

    Raises
    ------
    InputError
        If there is no prediction, an image cannot be read, or the observed one lies on another grid.
    """
    if not fused:
        raise InputError(f"There is no prediction to draw in {png}", "see that the experiment has methods and targets")
    day = np.datetime64(next(iter(fused.values())).stem)
    nearest = sorted(references, key=lambda p: abs(int((np.datetime64(p.stem) - day) / np.timedelta64(1, "D"))))
    inputs = [_observed("coarse input", coarse, bands, variable)] if coarse else []
    inputs += [_observed("reference", p, bands, variable) for p in sorted(nearest[:REFERENCES], key=lambda p: p.stem)]
    truth = _observed("truth", observed, bands, variable) if observed else None
    names = ("ndvi",) if variable == "ndvi" else tuple(bands)
    predictions = [Picture(method, *read_image(path, names)) for method, path in fused.items()]
    for picture, path in zip(predictions, fused.values(), strict=True):
        if truth is not None and picture.grid.shape != truth.grid.shape:
            raise InputError(f"{path} has {picture.grid.shape} pixels, {observed} has {truth.grid.shape}", REMAKE)
    figure = prediction_figure(
        inputs, truth, predictions, f"{title} | {day}", _note(truth or predictions[0], truth is not None, bool(inputs))
    )
    with whole(png) as part:
        part.write_bytes(to_png(figure))


def _observed(role: str, path: Path, bands: Sequence[str], variable: str) -> Picture:
    values, names, grid = read_variable(path, bands, variable)
    size = abs(grid.resolution.x)
    return Picture(f"{role}: {path.parent.name}\n{path.stem}, {size:g} m", values, names, grid)


def _note(basis: Picture, with_truth: bool, with_inputs: bool) -> str:
    whose = (
        "the truth's values"
        if with_truth
        else "the last reference's values"
        if with_inputs
        else "the first prediction's values"
    )
    words = f"One stretch for all pictures (2-98 % of {whose}). Grey: not observed or not predicted."
    if zoom_box(basis) is not None:
        words += " All but the first picture show the part in the white box" + (
            "; RMSE is over the whole scene." if with_truth else "."
        )
    return words


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        draw_prediction(
            fused=dict(zip(snakemake.params.methods, map(Path, snakemake.input.fused), strict=True)),
            observed=next(map(Path, snakemake.input.observed), None),
            coarse=next(map(Path, snakemake.input.coarse), None),
            references=[Path(p) for p in snakemake.input.references],
            bands=list(snakemake.params.bands),
            variable=snakemake.params.variable,
            title=snakemake.params.title,
            png=Path(snakemake.output[0]),
        )
