"""A cloud-optimised GeoTIFF that is large beside a site: what bytes of it travel can be counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.windows import Window

SIDE, TILE, PIXEL = 4000, 512, 10.0
LEFT, TOP, CRS = 500000.0, 5700000.0, "EPSG:32631"


def write_cog(path: Path, compress: str = "DEFLATE", side: int = SIDE) -> Path:
    """One band of uint16 that hardly compresses, with overviews, in tiles."""
    rng = np.random.default_rng(side)
    values = rng.integers(1, 4000, (side, side), np.uint16)
    profile: dict[str, Any] = {
        "driver": "COG", "dtype": "uint16", "count": 1, "height": side, "width": side, "crs": CRS, "nodata": 0,
        "transform": Affine(PIXEL, 0, LEFT, 0, -PIXEL, TOP), "compress": compress, "blocksize": TILE, "level": 1,
    }  # fmt: skip
    with rasterio.Env(GDAL_NUM_THREADS="2"), rasterio.open(path, "w", **profile) as out:
        out.write(values, 1)
    return path


def box(column: int, row: int, width: int, height: int) -> tuple[float, float, float, float]:
    """Bounds of a window of pixels."""
    left, top = LEFT + column * PIXEL, TOP - row * PIXEL
    return left, top - height * PIXEL, left + width * PIXEL, top


def values_of(path: Path, column: int, row: int, width: int, height: int) -> Any:
    """The window's values, read from the disk."""
    with rasterio.open(path) as source:
        return source.read(1, window=Window(column, row, width, height))


def tile_bytes(path: Path, column: int, row: int, width: int, height: int) -> int:
    """Compressed size of the tiles that a window touches, by the file's own table."""
    columns = range(column // TILE, (column + width - 1) // TILE + 1)
    rows = range(row // TILE, (row + height - 1) // TILE + 1)
    with rasterio.open(path) as source:
        return sum(int(source.get_tag_item(f"BLOCK_SIZE_{c}_{r}", "TIFF", bidx=1)) for c in columns for r in rows)
