"""Directions of sun and view in the metadata documents of Sentinel-2 (ESA) and of Venus (MUSCATE)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from xml.etree.ElementTree import Element

import numpy as np

from stfuse.harmonisation.angles import EVERY, AngleArray, Angles, Pair, everywhere, fill, mean_direction
from stfuse.products.xmldoc import number_at, read_xml

SENTINEL2_BANDS: Mapping[str, int] = {
    "blue": 1, "green": 2, "red": 3, "rededge1": 4, "rededge2": 5, "rededge3": 6, "nir": 7, "nir08": 8, "swir16": 11,
    "swir22": 12,
}  # fmt: skip
"""Numbers of the bands in the granule metadata: B01 is 0, B8A is 8."""
GRANULE, MUSCATE = "granule metadata", "MUSCATE metadata"


def sentinel2_granule(text: str, bands: Iterable[str]) -> Angles | None:
    """Directions over a tile from ``MTD_TL.xml``, which archives call granule metadata.

    The sun's are on a grid of 23 x 23 nodes, 5000 m apart from the tile's upper left corner on. The sensor's are on the
    same grid for each band and detector, NaN where the detector did not look; they are joined by the mean direction.
    Nodes that no detector saw, or without the sun, take the nearest one's. Tables of means stand in for grids that are
    missing.

    Parameters
    ----------
    text : str
    bands : iterable of str
        STAC common names; those that Sentinel-2 lacks are left out.

    Returns
    -------
    Angles or None
        None where the document states no directions.

    Raises
    ------
    InputError
        If the document is no XML, or lacks the place of its grids.
    ValueError
        If one of its numbers is none.
    """
    root = read_xml(text, GRANULE)
    sun = _whole(root.find(".//Tile_Angles/Sun_Angles_Grid"))
    mean_sun = _mean(root.find(".//Tile_Angles/Mean_Sun_Angle"))
    views: dict[str, Pair] = {}
    for band, number in SENTINEL2_BANDS.items():
        if band not in bands:
            continue
        every = root.iterfind(f".//Tile_Angles/Viewing_Incidence_Angles_Grids[@bandId='{number}']")
        found = _joined([_grid(one) for one in every])
        mean = _mean(root.find(f".//Tile_Angles//Mean_Viewing_Incidence_Angle[@bandId='{number}']"))
        if found is None and mean and sun:
            found = np.full(sun[0].shape, mean[0]), np.full(sun[0].shape, mean[1])
        if found is not None and sun and found[0].shape == sun[0].shape:
            views[band] = found
    if sun and views:
        step = float(root.findtext(".//Tile_Angles/Sun_Angles_Grid/Zenith/COL_STEP", "5000"))
        corner = number_at(root, ".//Geoposition/ULX", GRANULE), number_at(root, ".//Geoposition/ULY", GRANULE)
        crs = root.findtext(".//HORIZONTAL_CS_CODE", "").strip()
        return Angles(GRANULE, crs, corner, (step, -step), sun, views)
    means = [_mean(one) for one in root.iterfind(".//Tile_Angles//Mean_Viewing_Incidence_Angle")]
    return _of_means(mean_sun, means, f"{GRANULE}'s means")


def muscate(text: str) -> Angles | None:
    """Directions over a Venus scene from ``*_MTD_ALL.xml`` of the processing centre MUSCATE.

    The mean over the detectors, which look a degree or two apart, holds for all bands: which band each detector serves
    is not said. Grids count before the tables of means.

    Returns
    -------
    Angles or None
        None where the document states no directions.

    Raises
    ------
    InputError
        If the document is no XML, or lacks the place of its grids.
    ValueError
        If one of its numbers is none.
    """
    root = read_xml(text, MUSCATE)
    sun = _whole(root.find(".//Sun_Angles_Grids"))
    view = _joined([_grid(one) for one in root.iterfind(".//Viewing_Incidence_Angles_Grids")])
    code = root.findtext(".//HORIZONTAL_CS_CODE", "").strip().removeprefix("EPSG:")
    if sun and view and code and sun[0].shape == view[0].shape:
        x, y = (number_at(root, f".//Group_Geopositioning/{name}", MUSCATE) for name in ("ULX", "ULY"))
        dx, dy = (number_at(root, f".//Sun_Angles_Grids/Zenith/{name}_STEP", MUSCATE) for name in ("COL", "ROW"))
        return Angles(MUSCATE, f"EPSG:{code}", (x, y), (dx, -dy), sun, {EVERY: view})
    mean_sun = _mean(root.find(".//Sun_Angles"))
    means = [_mean(one) for one in root.iterfind(".//Mean_Viewing_Incidence_Angle")]
    means = means or [_mean(root.find(".//Incidence_Angles"))]
    return _of_means(mean_sun, means, f"{MUSCATE}'s means")


def _of_means(
    sun: tuple[float, float] | None, views: Iterable[tuple[float, float] | None], source: str
) -> Angles | None:
    stated = [view for view in views if view]
    if not sun or not stated:
        return None
    zenith, azimuth = mean_direction(*np.transpose(stated))
    return everywhere(sun, (float(zenith), float(azimuth)), source)


def _joined(grids: list[Pair | None]) -> Pair | None:
    """The mean direction of all detectors at each node, gaps filled."""
    stated = [grid for grid in grids if grid]
    if not stated or len({grid[0].shape for grid in stated}) > 1:
        return None
    zeniths, azimuths = (np.stack([grid[i] for grid in stated]) for i in (0, 1))
    return fill(mean_direction(zeniths, azimuths, axis=0))


def _whole(element: Element | None) -> Pair | None:
    """A grid with its gaps filled; None where it is missing or states nothing."""
    found = _grid(element)
    return fill(found) if found else None


def _grid(element: Element | None) -> Pair | None:
    """Zenith and azimuth of an element that holds both as lists of rows."""
    if element is None:
        return None
    zenith, azimuth = (_values(element, name) for name in ("Zenith", "Azimuth"))
    return (zenith, azimuth) if zenith.size and zenith.shape == azimuth.shape else None


def _values(element: Element, name: str) -> AngleArray:
    rows = [row.text or "" for row in element.iterfind(f"{name}/Values_List/VALUES")]
    return np.array([[float(number) for number in row.split()] for row in rows])


def _mean(element: Element | None) -> tuple[float, float] | None:
    if element is None:
        return None
    zenith, azimuth = (element.findtext(name) for name in ("ZENITH_ANGLE", "AZIMUTH_ANGLE"))
    return (float(zenith), float(azimuth)) if zenith and azimuth else None
