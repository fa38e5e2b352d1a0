"""Maps of every pixel's seasons, drawn whole, thinned where they are large, with month ticks and borders of fields."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fake_products as fake
from scripts import figures_seasons
from scripts.figures_seasons import draw_seasons
from stfuse.errors import InputError
from stfuse.grid import site_grid
from stfuse.phenology.seasons import SEASON_NAMES
from stfuse.plots_seasons import month_ticks, outlines
from stfuse.raster import read_image, write_image
from stfuse.raster_stored import write_stored

GRID = site_grid("EPSG:32631", (0.0, 0.0, 40.0, 30.0), 10)


def test_ticks_are_first_days_of_months_in_iso():
    assert month_ticks(60, 152, 2023) == ([60, 91, 121, 152], ["2023-03", "04", "05", "06"])
    ticks, names = month_ticks(300, 430, 2020)
    assert names == ["2020-11", "12", "2021-01", "02", "03"]
    assert ticks[2] == 367  # 2020 has 366 days
    many, said = month_ticks(1, 400, 2023)
    assert len(many) <= 7
    assert said[0] == "2023-01"
    assert month_ticks(130, 140, 2023) == ([130, 140], ["05-10", "05-20"])


def test_outlines_run_between_pixels_of_different_fields():
    fields = np.zeros((3, 4), np.int32)
    fields[1, 1:3] = 7
    lines = {frozenset(line) for line in outlines(fields, GRID)}
    corners = [(10.0, 20.0), (20.0, 20.0), (30.0, 20.0), (10.0, 10.0), (20.0, 10.0), (30.0, 10.0)]
    a, b, c, d, e, f = corners
    assert lines == {frozenset(pair) for pair in ((a, b), (b, c), (d, e), (e, f), (a, d), (c, f))}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The seasons of a small world; the later one only in one half of it."""
    root = tmp_path_factory.mktemp("made")
    world = fake.make_world()
    products = fake.write_phenology(world, root)
    main = products["images"]["starfm_si"]
    values, _, grid = read_image(main)
    later = values + 120
    later[:, :, : later.shape[2] // 2] = np.nan
    write_image(root / "later.tif", later, SEASON_NAMES, grid, packed=False)
    write_image(root / "none.tif", np.full_like(values, np.nan), SEASON_NAMES, grid, packed=False)
    return root, main, products["known"]["fields"]


def test_every_season_that_is_not_rare_has_a_row(made, tmp_path, monkeypatch):
    root, main, fields = made
    drawn = {}

    def keep(rows, *rest):
        drawn.update(rows)
        return real(rows, *rest)

    real = figures_seasons.seasons_figure
    monkeypatch.setattr(figures_seasons, "seasons_figure", keep)
    draw_seasons(main, [main, root / "later.tif", root / "none.tif"], fields, 2023, "Title", tmp_path / "a.png")
    assert list(drawn) == ["main season", "", "how sure", "season 1", "season 2"]
    count = next(layer for layer in drawn["how sure"] if layer.kind == "count").values
    assert set(np.unique(count)) == {0.0, 1.0, 2.0}  # none on the paths between fields
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size[0] == 1650


def test_large_maps_are_thinned_to_every_other_pixel(made, tmp_path, monkeypatch):
    _, main, _ = made
    monkeypatch.setattr(figures_seasons, "MOST", 20)
    monkeypatch.setattr(figures_seasons, "STRIP", 7)
    whole = read_image(main, ["date1"])[0]
    thin, grid = figures_seasons._read(main, ["date1"])
    np.testing.assert_array_equal(thin, whole[:, ::2, ::2])
    assert grid.shape == thin.shape[1:]
    assert grid.resolution.x == 20


def test_fields_of_another_grid_are_refused(made, tmp_path):
    _, main, _ = made
    write_stored(tmp_path / "fields.tif", np.ones((3, 4), np.int32), GRID, 0)
    with pytest.raises(InputError, match="has \\(3, 4\\) pixels"):
        draw_seasons(main, [main], tmp_path / "fields.tif", 2023, "Title", Path(tmp_path / "a.png"))
