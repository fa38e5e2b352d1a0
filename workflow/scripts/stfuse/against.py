"""What predictions are held against: the observed image of their date, the known truth of a simulated world."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from odc.geo.geobox import GeoBox

from stfuse.errors import InputError
from stfuse.grid import same_grid
from stfuse.raster import REMAKE, read_image, read_variable
from stfuse.task import FloatArray
from stfuse.truth import read_truth

__all__ = ["image_on", "require_same_grid", "truths"]


def truths(
    observed: Path | None, known: Path | None, date: str, bands: Sequence[str], variable: str, grid: GeoBox
) -> Iterator[tuple[str, FloatArray]]:
    """What the prediction of one date is held against: ``observed`` or ``known``, and its bands (band, y, x).

    Parameters
    ----------
    known : Path, optional
        ``truth.nc`` of a simulated site, read at the prediction's resolution.
    grid : GeoBox
        Where the prediction lies.

    Raises
    ------
    InputError
        If the observed image cannot be read, lacks a band or lies elsewhere.
    """
    if observed is not None:
        reference, _, found = read_variable(observed, bands, variable)
        require_same_grid(observed, found, grid)
        yield "observed", reference
    if known is not None:
        yield "known", read_truth(known, date, bands, variable, abs(grid.resolution.x))


def image_on(path: Path, names: Sequence[str], grid: GeoBox) -> FloatArray:
    """The bands of an image that must lie on this grid.

    Raises
    ------
    InputError
        If it cannot be read, lacks a band or lies elsewhere.
    """
    values, _, found = read_image(path, names)
    require_same_grid(path, found, grid)
    return values


def require_same_grid(path: Path, found: GeoBox, grid: GeoBox) -> None:
    """Refuse an image that does not lie where the others of its kind do.

    Raises
    ------
    InputError
        If `found`, the image's own grid, is not `grid`.
    """
    if not same_grid(found, grid):
        raise InputError(f"{path} lies on {_words(found)}; the prediction that it goes with on {_words(grid)}", REMAKE)


def _words(grid: GeoBox) -> str:
    height, width = grid.shape
    across, _, left, _, _, top = grid.affine[:6]
    code = grid.crs.to_epsg() if grid.crs else None
    return f"{width} x {height} pixels of {across:g} from ({left:g}, {top:g}) in EPSG:{code}"
