"""All metrics of one predicted image, per band, over the bands and by stratum, as rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from stfuse.grid import ndvi
from stfuse.metrics import (
    LEAST_REFERENCE,
    METRICS,
    PIXELWISE,
    Image,
    Mask,
    ergas,
    spectral_angles,
)
from stfuse.strata import STRATA, gradient_strata
from stfuse.structure import Map, data_range, gradient, mean_of_map, ssim_map, struct, struct_corr, uiqi_map

PAIRED = ("rmse", "mae", "cc", "psnr", "ssim", "ssim_range", "ergas", "sam_deg")
"""The metrics of which the difference to a baseline is taken on the pixels that both predicted."""


class Row(NamedTuple):
    """One number: `value` of `metric` over `n` pixels (windows, for metrics that are means of a map)."""

    band: str
    stratum: str
    metric: str
    value: float
    n: int


def _whole(image: Image) -> Mask:
    """Where no band is missing, shape (y, x)."""
    return np.asarray(np.isfinite(image).all(axis=0), dtype=np.bool_)


def _band_rows(
    band: str, predicted: Image, reference: Image, strata: Mapping[str, Mask], metrics: Collection[str]
) -> list[Row]:
    """The metrics of one band, images of shape (y, x), missing where not to be scored."""
    makers: dict[str, Callable[[], Map]] = {
        "ssim": lambda: ssim_map(predicted, reference),
        "ssim_range": lambda: ssim_map(predicted, reference, data_range(reference)),
        "uiqi": lambda: uiqi_map(predicted, reference),
    }
    maps = {metric: make() for metric, make in makers.items() if metric in metrics}
    rows = []
    for stratum, mask in strata.items():
        p, r = predicted[mask], reference[mask]
        usable = int((np.abs(r) >= LEAST_REFERENCE).sum())
        pixelwise = ((m, of) for m, of in PIXELWISE.items() if m in metrics)
        rows += [Row(band, stratum, m, of(p, r), usable if m == "mre" else p.size) for m, of in pixelwise]
        rows += [Row(band, stratum, m, *mean_of_map(values, mask)) for m, values in maps.items()]
    if "struct" in metrics:
        slopes = gradient(predicted), gradient(reference)
        whole = np.isfinite(slopes[0]) & np.isfinite(slopes[1])
        for stratum, mask in strata.items():
            seen = int((whole & mask).sum())
            rows.append(Row(band, stratum, "struct", struct(*slopes, mask), seen))
            rows.append(Row(band, stratum, "struct_corr", struct_corr(*slopes, mask), seen))
    return rows


def _spectral_rows(predicted: Image, reference: Image, strata: Mapping[str, Mask], ratio: float) -> list[Row]:
    """The metrics that take all bands at once, images of shape (band, y, x)."""
    angles = spectral_angles(predicted, reference)
    rows = []
    for stratum, mask in strata.items():
        p, r = predicted[:, mask], reference[:, mask]
        rows.append(Row("all", stratum, "ergas", ergas(p, r, ratio), p.shape[1]))
        rows.append(Row("all", stratum, "ergas_h_l_1_16", ergas(p, r, 16.0), p.shape[1]))
        if len(p) > 1:
            angle, n = mean_of_map(angles, mask)
            rows.append(Row("all", stratum, "sam_deg", float(np.degrees(angle)), n))
            rows.append(Row("all", stratum, "sam_rad", angle, n))
    return rows


def _mean_rows(rows: Sequence[Row]) -> list[Row]:
    """Band `mean`: each metric averaged over the bands; the smallest n, as the weakest link."""
    together: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        together.setdefault((row.stratum, row.metric), []).append(row)
    return [
        Row("mean", stratum, metric, sum(r.value for r in same) / len(same), min(r.n for r in same))
        for (stratum, metric), same in together.items()
    ]


def index_bands(bands: Sequence[str]) -> tuple[int, int] | None:
    """Where red and near-infrared (``nir``, else ``nir08``) are, or None if NDVI cannot be made."""
    infrared = next((b for b in ("nir", "nir08") if b in bands), None)
    return (list(bands).index("red"), list(bands).index(infrared)) if infrared and "red" in bands else None


def score_image(
    predicted: Image,
    reference: Image,
    bands: Sequence[str],
    ratio: float,
    mask: Mask | None = None,
    strata: Collection[str] = STRATA,
    metrics: Collection[str] = tuple(METRICS),
) -> list[Row]:
    """Every metric of one predicted image against its reference.

    Only pixels present in every band of both images count, so that all bands, the spectral metrics
    and NDVI speak of the same pixels. NDVI is made of the predicted bands, and shares their strata.

    Parameters
    ----------
    predicted, reference : ndarray, shape (band, y, x)
        Reflectance 0..1 or, as the single band ``ndvi``, NDVI -1..1; NaN = missing.
    bands : sequence of str
        Their names.
    ratio : float
        Coarse pixel / fine pixel, for ERGAS.
    mask : ndarray of bool, shape (y, x), optional
        The pixels that may count.
    strata : collection of str
        Which of `STRATA`.
    metrics : collection of str
        Which of `METRICS`; a pair made together (``struct`` and ``struct_corr``) goes by its first.

    Returns
    -------
    list of Row
        Per band; band ``mean`` over the reflectance bands; band ``all`` for ERGAS and SAM; band
        ``ndvi``; and the metric ``covered`` (band ``all``, or ``ndvi`` where that is the variable).

    Raises
    ------
    ValueError
        If the shapes do not fit each other and the bands.
    """
    if predicted.shape != reference.shape or len(predicted) != len(bands):
        raise ValueError(
            f"Expected two images of shape ({len(bands)}, y, x), found {predicted.shape} and {reference.shape}."
        )
    asked = _whole(reference) if mask is None else _whole(reference) & mask
    valid = asked & _whole(predicted)
    of_strata = gradient_strata(reference, valid) if set(strata) - {"all"} else {"all": valid}
    of_strata = {k: m for k, m in of_strata.items() if k in strata}
    p, r = (np.where(valid, image, np.nan).astype(np.float64) for image in (predicted, reference))
    rows = [row for i, band in enumerate(bands) for row in _band_rows(band, p[i], r[i], of_strata, metrics)]
    is_index = tuple(bands) == ("ndvi",)
    if not is_index:
        rows += [*_mean_rows(rows), *_spectral_rows(p, r, of_strata, ratio)]
        where = index_bands(bands)
        if where is not None:
            rows += _index_rows(p[list(where)], r[list(where)], of_strata, metrics)
    n = int(valid.sum())
    covered = n / int(asked.sum()) if asked.any() else float("nan")
    rows.append(Row("ndvi" if is_index else "all", "all", "covered", covered, n))
    return [row for row in rows if row.metric in metrics]


def _index_rows(predicted: Image, reference: Image, strata: Mapping[str, Mask], metrics: Collection[str]) -> list[Row]:
    """NDVI of (red, near-infrared) images; pixels of which one has no NDVI drop out."""
    p, r = (ndvi(i[0], i[1]).astype(np.float64) for i in (predicted, reference))
    valid = np.isfinite(p) & np.isfinite(r)
    p, r = np.where(valid, p, np.nan), np.where(valid, r, np.nan)
    return _band_rows("ndvi", p, r, {k: m & valid for k, m in strata.items()}, metrics)


def compare_images(
    predicted: Image,
    baseline: Image,
    reference: Image,
    bands: Sequence[str],
    ratio: float,
    name: str,
    scored: Sequence[Row] | None = None,
) -> list[Row]:
    """Metrics of a prediction minus those of a baseline, both on just the pixels that both predicted.

    Methods leave different pixels missing, and the missing ones are often the hard ones; on
    shared pixels that neither helps nor harms.

    Parameters
    ----------
    predicted, baseline, reference : ndarray, shape (band, y, x)
    name : str
        The baseline's name; the rows' metrics are called ``{metric}_minus_{name}``.
    scored : sequence of Row, optional
        What `score_image` said of the prediction, which saves saying it again where the baseline
        is missing nothing more.
    """
    shared = _whole(baseline)
    own = _whole(predicted) & _whole(reference)
    if scored is not None and bool(shared[own].all()):
        ours = [row for row in scored if row.stratum == "all" and row.metric in PAIRED]
    else:
        ours = score_image(predicted, reference, bands, ratio, shared, ("all",), PAIRED)
    theirs = score_image(baseline, reference, bands, ratio, own, ("all",), PAIRED)
    return [
        Row(a.band, a.stratum, f"{a.metric}_minus_{name}", a.value - b.value, a.n)
        for a, b in zip(ours, theirs, strict=True)
    ]
