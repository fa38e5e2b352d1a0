"""Venus as EarthDaily's copies on AWS: found by the names of the files, which are all that their description gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine

from stfuse.acquisition.links import kind_of
from stfuse.acquisition.scenes import find_asset, make_scene
from stfuse.harmonisation.masks import clear, join, mask_bands
from stfuse.products.encodings import decode, find_encoding
from stfuse.products.sensors import read_sensors
from stfuse.raster_stored import read_asset

SENSORS = read_sensors(Path(__file__).parents[2] / "config/sensors")
SCENE = "VENUS-XS_20200402-191352-000_L2A_GALLOP30_D"
FILE = SCENE.removesuffix("_D") + "_C_V3-1"
BOUNDS, CRS = (649400.0, 4238400.0, 649430.0, 4238430.0), "EPSG:32610"
LAYERS = ("nodata", "cloud", "haze", "shadow", "cirrus", "snow", "water")


def write(path: Path, values: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"driver": "GTiff", "dtype": values.dtype, "crs": CRS, "count": len(values)}
    transform = Affine(5, 0, BOUNDS[0], 0, -5, BOUNDS[3])
    with rasterio.open(path, "w", height=6, width=6, transform=transform, **profile) as out:
        out.write(values)


@pytest.fixture
def item(tmp_path: Path) -> dict[str, Any]:
    """A scene of 6 x 6 pixels whose assets' keys tell nothing; each layer of its mask marks another column."""
    folder = tmp_path / SCENE
    files = [f"{FILE}_{kind}_B{n}.tif" for kind in ("FRE", "SRE") for n in range(1, 13)]
    for number, name in enumerate(files):
        write(folder / name, np.full((1, 6, 6), 1000 + 10 * number, np.uint16))
    for name, value in (("MG2_XS", 0), ("EDG_XS", 0), ("SAT_XS", 0), ("CLM_XS", 0)):
        write(folder / "MASKS" / f"{FILE}_{name}.tif", np.full((1, 6, 6), value, np.uint8))
    quality = np.ones((7, 6, 6), np.uint8)
    for layer in range(6):
        quality[layer, :, layer] = 2
    quality[1:, :, 0] = 0
    quality[6] = 2  # water everywhere is no reason to leave a pixel out
    write(folder / f"{FILE}_QUALITY_MASK.tif", quality)
    every = sorted(path for path in folder.rglob("*.tif"))
    return {
        "id": SCENE,
        "collection": "venus-l2a-cogs",
        "properties": {"datetime": "2020-04-02T19:13:52Z", "platform": "VENUS"},
        "assets": {f"asset{n}": {"href": str(path)} for n, path in enumerate(every)},
    }


def test_bands_are_told_by_their_files_names_b11_from_b1(item: dict[str, Any]) -> None:
    sensor = SENSORS["venus"]
    assert make_scene(item, sensor) is not None
    found = {
        band: Path(find_asset(item, sensor, band)["href"]).stem for band in [*sensor["bands"], *mask_bands(sensor)]
    }
    ends = {"blue": "SRE_B3", "green": "SRE_B4", "red": "SRE_B7", "nir": "SRE_B11", "nir08": "SRE_B11"}
    ends |= {"ground": "MG2_XS", "edge": "EDG_XS"}
    assert found == {band: f"{FILE}_{end}" for band, end in ends.items()}
    asset = find_asset(item, sensor, "red")
    stored, _, _ = read_asset(asset, item, BOUNDS, CRS, 0)
    reflectance = decode(stored, find_encoding("venus_l2a", item, asset, {}))
    np.testing.assert_allclose(reflectance, (1000 + 10 * 18) * 1e-4 - 0.1, rtol=1e-5)


def test_the_layers_of_the_quality_mask_are_read_each_for_its_subject(item: dict[str, Any]) -> None:
    sensor = SENSORS["venus_quality"]
    masks = []
    for layer, band in enumerate(mask_bands(sensor)):
        asset = find_asset(item, sensor, band)
        assert (asset["stfuse:band"], band) == (layer + 1, LAYERS[layer])
        masks.append(read_asset(asset, item, BOUNDS, CRS, 0)[0])
        assert (masks[-1][:, layer] == 2).all()
    assert len(masks) == 6
    usable = clear(join(masks, "venus_quality"), "venus_quality", 5, 0)
    assert not usable[:, :6].any()
    # Without haze's mark its column is clear.
    masks[2][:, 2] = 1
    usable = clear(join(masks, "venus_quality"), "venus_quality", 5, 0)
    np.testing.assert_array_equal(usable, np.tile([False, False, True, False, False, False], (6, 1)))


def test_the_bucket_asks_for_nothing(item: dict[str, Any]) -> None:
    for href in (
        f"s3://venus-l2a-cogs/{FILE}_SRE_B3.tif",
        f"https://venus-l2a-cogs.s3.amazonaws.com/{FILE}_SRE_B3.tif",
    ):
        assert kind_of({"href": href}, item) == "open"
