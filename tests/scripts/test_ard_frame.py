"""Images of the reference sensor are laid on their mean, through files."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts.ard import make_ard
from scripts.ard_frame import make_frame
from stfuse.errors import InputError
from stfuse.grid import site_grid
from stfuse.products.stored import Encoding
from stfuse.raster import read_image
from stfuse.raster_stored import write_stored

SITE: dict[str, Any] = {"name": "here", "crs": "EPSG:32631", "bounds": [500000, 5600000, 500600, 5600600]}
SENSOR: dict[str, Any] = {"name": "sentinel2", "resolution": 10, "bands": {"red": 10, "nir": 10}, "collections": {}}
BANDS = ["red", "nir"]
GRID = site_grid(SITE["crs"], tuple(SITE["bounds"]), 10)
WIDE = GRID.pad(8)
AWAY = {"2020-03-01": (6, 0), "2020-03-11": (-4, 3), "2020-03-21": (0, -6), "2020-04-01": (-2, 3)}
"""Metres by which the scenes of four days lie away; their mean is zero."""


def raw_scene(folder: Path, date: str, east: float, north: float) -> Path:
    """A fetched scene without a mask: fields of 70 m that lie so many metres away."""
    folder.mkdir(parents=True)
    fields = np.random.default_rng(3).uniform(0.05, 0.45, (2, 40, 40))
    rows, columns = (np.mgrid[: WIDE.shape[0] * 10, : WIDE.shape[1] * 10] + 0.5).astype(float)
    at = ((rows + north + 1000) // 70).astype(int) % 40, ((columns - east + 1000) // 70).astype(int) % 40
    plain = Encoding(1e-4, 0.0, 0.0, None, "plain").as_dict()
    for band, values in zip(BANDS, fields, strict=True):
        mean = values[at].reshape(WIDE.shape[0], 10, WIDE.shape[1], 10).mean((1, 3))
        write_stored(folder / f"{band}.tif", np.rint(mean * 1e4).astype(np.uint16), WIDE, 0)
    facts = {"id": folder.name, "sensor": "sentinel2", "date": date, "datetime": f"{date}T10:30:00Z"}
    facts |= {"platform": "sentinel-2a", "collection": "x"}
    encodings = {"mask": None, "bands": dict.fromkeys(BANDS, plain)}
    (folder / "scene.json").write_text(json.dumps({**facts, **encodings}))
    return folder


@pytest.fixture
def scenes(tmp_path: Path) -> dict[str, list[Path]]:
    return {date: [raw_scene(tmp_path / f"S{date}", date, *away)] for date, away in AWAY.items()}


def test_every_date_is_moved_to_where_the_mean_of_them_lies(scenes: dict[str, list[Path]], tmp_path: Path) -> None:
    def image(name: str) -> Any:
        return read_image(tmp_path / f"{name}.tif")[0][..., 4:-4, 4:-4]

    frame = tmp_path / "frame.tif"
    make_frame(scenes, SENSOR, SITE, BANDS, frame)
    for date, away in AWAY.items():
        quality = tmp_path / f"{date}.csv"
        make_ard(scenes[date], SENSOR, SITE, BANDS, tmp_path / f"{date}.tif", quality, None, None, frame=frame)
        with quality.open() as table:
            (row,) = csv.DictReader(table)
        moved = float(row["shift_x_m"]), float(row["shift_y_m"])
        assert moved == (pytest.approx(-away[0], abs=0.6), pytest.approx(-away[1], abs=0.6))
        assert float(row["match_after"]) > float(row["match_before"])
    for date in AWAY:
        make_ard(scenes[date], SENSOR, SITE, BANDS, tmp_path / f"d{date}.tif", tmp_path / f"d{date}.csv", None, None)
    apart, together = (
        np.mean([np.abs(image(f"{start}{date}") - image(f"{start}2020-03-01")).mean() for date in AWAY])
        for start in ("d", "")
    )
    assert together < 0.5 * apart


def test_without_a_frame_the_reference_stays_where_it_was_delivered(
    scenes: dict[str, list[Path]], tmp_path: Path
) -> None:
    (folder,) = scenes["2020-03-01"]
    make_ard([folder], SENSOR, SITE, BANDS, tmp_path / "a.tif", tmp_path / "a.csv", None, None)
    values, _, grid = read_image(tmp_path / "a.tif")
    assert grid == GRID
    with (tmp_path / "a.csv").open() as table:
        (row,) = csv.DictReader(table)
    assert (row["shift_x_m"], row["notes"]) == ("", "")
    assert np.isfinite(values).all()


def test_a_damaged_scene_leaves_no_frame(scenes: dict[str, list[Path]], tmp_path: Path) -> None:
    (scenes["2020-03-11"][0] / "red.tif").write_bytes(b"II*\0")
    with pytest.raises(InputError, match=r"red\.tif"):
        make_frame(scenes, SENSOR, SITE, BANDS, tmp_path / "frame.tif")
    assert not (tmp_path / "frame.tif").exists()
