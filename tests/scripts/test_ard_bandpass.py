"""What a sensor's band lines are written as, and that the site's settings reach the images they are fitted to."""

from __future__ import annotations

import json
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts.ard_bandpass import fit_bandpass
from scripts.raw import fetch
from scripts.raw_scenes import find_scenes
from stfuse.grid import site_grid
from stfuse.raster import write_image
from tiny_archive import BANDS, LANDSAT8, SITE, add_item, landsat8_bands, landscape, write_catalog

FINE = site_grid(SITE["crs"], tuple(SITE["bounds"]), 10)
DAYS = {seed: f"2020-03-0{seed}" for seed in (1, 2, 3)}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Three coincident days; the reference's slopes are 1.03, 1.05 and 1.07, its offset -0.01."""
    folder = tmp_path_factory.mktemp("pairs")
    for seed, day in DAYS.items():
        bands = landsat8_bands(seed=seed)
        add_item(folder / "a", "landsat-c2-l2", f"L{seed}", f"{day}T10:40:00Z", bands, {"platform": "landsat-8"})
    catalog = str(write_catalog(folder / "a"))
    find_scenes(catalog, SITE, {"landsat8": LANDSAT8}, folder / "scenes.csv", folder / "items.json")
    found = []
    for seed, day in DAYS.items():
        fetch(folder / "items.json", f"L{seed}", LANDSAT8, SITE, BANDS, folder / f"L{seed}")
        known = landscape(10, seed)[:, 4:-4, 4:-4] * (1.01 + 0.02 * seed) - 0.01
        write_image(folder / f"{day}.tif", known.astype(np.float32), BANDS, FINE)
        found.append({"scenes": [folder / f"L{seed}"], "reference": folder / f"{day}.tif"})
    return found


def fitted(pairs: Any, folder: Path, **site: Any) -> dict[str, Any]:
    fit_bandpass(pairs, LANDSAT8, {**SITE, **site}, BANDS, folder / "b.json")
    return dict(json.loads((folder / "b.json").read_text()))


def test_a_fit_states_its_errors_and_every_date_s_own_line(pairs: Any, tmp_path: Path) -> None:
    for band, line in fitted(pairs, tmp_path).items():
        assert line["rule"] == "fit"
        assert list(line["days"]) == list(DAYS.values())
        slopes = [day["slope"] for day in line["days"].values()]
        assert slopes == [pytest.approx(slope, abs=0.003) for slope in (1.03, 1.05, 1.07)]
        # Their mean and the published line, or the identity, share the line.
        published = LANDSAT8["bandpass"].get(band, [1, 0])[0]
        assert 0.2 < line["weight"] < 0.9
        assert line["slope"] == pytest.approx(published + (1.05 - published) * line["weight"], abs=0.003)
        # The scatter of three days, 0.02, over the root of three, by Student's t for two degrees of freedom, would be
        # the fit's own; what is known beforehand makes it less.
        assert 0.01 < line["slope_error"] < 0.02 / np.sqrt(3) * 4.30265 / 1.95996
        assert abs(line["slope"] - 1.05) < 2 * line["slope_error"]
        assert abs(line["offset"] + 0.01) < 2 * line["offset_error"]
        assert line["r"] > 0.99


def test_images_are_let_go_pair_by_pair(pairs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All images of a full tile do not fit into memory."""
    alive: list[weakref.ref[Any]] = []

    def read(*_: Any) -> Any:
        assert not [one for one in alive if one() is not None]
        parts = tuple(np.full((3, 4, 4), np.nan, np.float32) for _ in range(3))
        alive.append(weakref.ref(parts[0]))
        return parts

    monkeypatch.setattr("scripts.ard_bandpass._read_pair", read)
    fitted(pairs, tmp_path)
    assert len(alive) == 3


def test_published_lines_are_not_taken_to_another_reference(tmp_path: Path) -> None:
    sensor = {**LANDSAT8, "bandpass": {"red": [1.02, -0.001]}, "bandpass_to": ["sentinel2", "sentinel2_20m"]}
    for reference, slope in (("sentinel2_20m", 1.02), ("venus", 1.0)):
        site = {**SITE, "bandpass": "published", "reference": reference}
        fit_bandpass([], sensor, site, ["red"], tmp_path / "b.json")
        line = json.loads((tmp_path / "b.json").read_text())["red"]
        assert line["slope"] == slope
    assert (line["rule"], line["weight"]) == ("identity", None)
    assert line["why"] == "the published line leads to sentinel2, sentinel2_20m, not to venus"


def test_what_was_not_fitted_states_no_error(tmp_path: Path) -> None:
    for choice in ("published", "none"):
        for line in fitted([], tmp_path, bandpass=choice).values():
            assert (line["slope_error"], line["offset_error"], line["days"]) == (None, None, {})


@pytest.mark.parametrize(
    ("way", "said"), [("none", "the site's coregistration is none"), ("phase", "not told from zero")]
)
def test_the_site_s_way_of_registration_is_taken(
    pairs: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, way: str, said: str
) -> None:
    with caplog.at_level("INFO"):
        lines = fitted(pairs, tmp_path, coregistration=way)
    told = [record.getMessage() for record in caplog.records if "moved by" in record.getMessage()]
    assert len(told) == 3
    assert all(said in message or "accepted" in message or "common clear" in message for message in told)
    assert any(said in message for message in told) or way == "phase"
    assert lines["red"]["rule"] == "fit"
