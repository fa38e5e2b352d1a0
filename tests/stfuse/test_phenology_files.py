"""What phenology reads of a series."""

import numpy as np

from stfuse.cube import Layer, write_cube
from stfuse.grid import site_grid
from stfuse.phenology import files as module
from stfuse.phenology.files import days_seen, windows
from stfuse.series import FILLED, FUSED, NOISE, OBSERVED

GRID = site_grid("EPSG:32631", (500010.0, 5629080.0, 500070.0, 5629120.0), 10)  # 4 x 6 pixels
DATES = np.datetime64("2020-12-30") + np.array([0, 3, 6, 9, 12])


def test_a_field_was_seen_where_half_of_it_was_observed_or_fused(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 3)
    fields = np.repeat([[4, 4, 4, 0, 9, 9]], 4, axis=0)
    flags = np.full((5, 4, 6), OBSERVED, np.uint8)
    flags[1], flags[2], flags[3, :, :2] = FUSED, OBSERVED | NOISE, FILLED
    values = np.full(flags.shape, 0.5, np.float32)
    layers = {name: Layer(a, "time", name) for name, a in (("ndvi", values), ("flags", flags), ("weight", values * 2))}
    write_cube(tmp_path / "s.nc", layers, {"time": DATES}, GRID, {})
    seen = days_seen(tmp_path / "s.nc", fields, 2021)
    assert {number: days.tolist() for number, days in seen.items()} == {4: [-1, 2, 11], 9: [-1, 2, 8, 11]}


def test_windows_cover_every_pixel_once(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 3)
    count = np.zeros((7, 5), int)
    for window in windows(count.shape):
        count[window] += 1
    assert (count == 1).all()
