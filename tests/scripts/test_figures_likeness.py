"""The likeness figure and its tables are made of files as the stages before leave them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from scripts.figures_likeness import draw_likeness
from stfuse.errors import InputError
from stfuse.grid import degrade, site_grid
from stfuse.raster import write_image

BANDS = ("green", "blue", "red", "nir", "swir16")
DATES = [f"2018-{month:02d}-{day:02d}" for month in (1, 4, 7, 10) for day in (5, 15, 25)]
SLOPE, OFFSET = 0.9, 0.01


def write_site(folder: Path, name: str, pixels: int, level: float) -> dict[str, Any]:
    """A site with a ramp whose NDVI follows the year, seen by both sensors on the same days."""
    rng = np.random.default_rng(pixels)
    bounds = (500010.0, 5629080.0, 500010.0 + 10 * pixels, 5629080.0 + 10 * pixels)
    fine, coarse = (site_grid("EPSG:32631", bounds, step) for step in (10.0, 30.0))
    paths: dict[str, list[Path]] = {"fine": [], "coarse": []}
    for i, date in enumerate(DATES):
        ramp = np.linspace(0.0, 0.1, pixels, dtype=np.float32)
        green = 0.1 * np.sin(np.pi * i / len(DATES))
        image = np.stack([np.tile(level + ramp * (b + 1) / 3, (pixels, 1)) for b in range(len(BANDS))])
        image[3] += np.float32(0.2 + green)
        image = (image + rng.normal(0, 0.003, image.shape)).astype(np.float32)
        # What the stage ard leaves: Landsat adjusted by a line, so half of what was delivered and a little.
        adjusted = SLOPE * degrade(image, fine, coarse) + np.float32(OFFSET)
        for role, sensor, values, grid in (
            ("fine", "sentinel2", image, fine),
            ("coarse", "landsat8", adjusted, coarse),
        ):
            path = folder / f"ard/{name}/{sensor}/{date}.tif"
            write_image(path, values.astype(np.float32), BANDS, grid)
            paths[role].append(path)
    bandpass, scenes = folder / f"{name}.json", folder / f"{name}.csv"
    bandpass.write_text(json.dumps({band: {"slope": SLOPE, "offset": OFFSET} for band in BANDS}))
    rows = [
        (sensor, date, 0.95 if i % 2 else 0.0) for sensor in ("sentinel2", "landsat8") for i, date in enumerate(DATES)
    ]
    pd.DataFrame(rows, columns=["sensor", "date", "day_clear"]).to_csv(scenes, index=False)
    return {"title": name, **paths, "bandpass": bandpass, "scenes": scenes}


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """A real patch of 360 m and a simulated site of 720 m that is brighter."""
    folder = tmp_path_factory.mktemp("places")
    return {"real": write_site(folder, "Patch", 36, 0.03), "simulated": write_site(folder, "Mosaic", 72, 0.13)}


def draw(sites: dict[str, dict[str, Any]], out: Path) -> None:
    draw_likeness(
        sites, BANDS, 0, ("sentinel2", "landsat8"), out / "likeness.png", out / "likeness.csv", out / "unlike.csv"
    )


def test_the_figure_and_both_tables_are_whole(sites: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    draw(sites, tmp_path)
    with Image.open(tmp_path / "likeness.png") as picture:
        picture.load()
        assert picture.size[0] == 1650
    table = pd.read_csv(tmp_path / "likeness.csv").set_index(["statistic", "band", "at"])
    levels = table.xs("reflectance_median")["difference"]
    assert levels.to_numpy() == pytest.approx(0.1, abs=0.02)
    # The adjustment was taken back: Landsat is the block mean of Sentinel-2.
    assert table.xs("same_day_slope")["real"].to_numpy() == pytest.approx(1.0, abs=0.02)
    assert table.xs("same_day_bias")["simulated"].to_numpy() == pytest.approx(0.0, abs=1e-3)
    assert table.loc[("clear_mean", "landsat8", "year"), "real"] == pytest.approx(0.475)
    said = pd.read_csv(tmp_path / "unlike.csv")["unlike"]
    assert any("median reflectance" in words and "blue" in words for words in said)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["likeness.csv", "likeness.png", "unlike.csv"]


def test_a_damaged_or_missing_input_is_named_and_leaves_nothing(
    sites: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    for key, lost in (("bandpass", tmp_path / "none.json"), ("scenes", tmp_path / "none.csv")):
        with pytest.raises(InputError, match=re.escape(str(lost))):
            draw({**sites, "real": {**sites["real"], key: lost}}, tmp_path)
    with pytest.raises(InputError, match="Mosaic has no coarse image"):
        draw({**sites, "simulated": {**sites["simulated"], "coarse": []}}, tmp_path)
    assert list(tmp_path.iterdir()) == []
