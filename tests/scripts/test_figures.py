"""Figure scripts turn products into whole pictures, and the report holds them all without the network."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

import fake_products as fake
from factory import write_images_as_truth
from scripts.figures_phenology import draw_phenology
from scripts.figures_prediction import draw_prediction
from scripts.figures_profiles import draw_profiles
from scripts.figures_scatter import draw_scatter
from scripts.figures_scenes import draw_scenes
from scripts.figures_scores import draw_scores
from scripts.figures_training import draw_training
from scripts.phenology_scores import compare_phenology
from scripts.report import make_report
from stfuse.errors import InputError

TEMPLATE = Path(__file__).parents[2] / "workflow/scripts/stfuse/report.html.jinja"
EXPERIMENTS = {
    name: {
        "name": name, "title": title, "sites": ["mosaic"], "protocol": protocol, "fine": "sentinel2",
        "coarse": "landsat8", "variable": "reflectance", "bands": list(fake.BANDS), "gap_days": 10,
    }
    for name, title, protocol in (("mosaic_withheld", "Hidden", "withheld"), ("mosaic_product", "Dense", "product"))
}  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all made-up products."""
    return tmp_path_factory.mktemp("made") / "results"


@pytest.fixture(scope="module")
def world() -> fake.World:
    """A small world."""
    return fake.make_world()


@pytest.fixture(scope="module")
def images(world: fake.World, root: Path) -> dict[str, list[Path]]:
    """Observed, coarse and fused images."""
    return fake.write_images(world, root)


@pytest.fixture(scope="module")
def seasons(world: fake.World, root: Path) -> dict[str, dict[str, Path]]:
    """Transition dates."""
    return fake.write_phenology(world, root)


def is_whole(png: Path) -> bool:
    """A readable picture of the report's width, with nothing left beside it."""
    with Image.open(png) as picture:
        picture.load()
        return picture.size[0] == 1650 and [p for p in png.parent.iterdir() if p.name.startswith(".")] == []


def test_prediction_of_reflectance_and_of_ndvi(images: dict[str, list[Path]], tmp_path: Path) -> None:
    fused = {m: images[m][0] for m in fake.METHODS}
    rest = (images["observed"][0], images["coarse"][0], images["references"])
    draw_prediction(fused, *rest, fake.BANDS, "reflectance", "Title", tmp_path / "a.png")
    ndvi = {m: fake.write_ndvi(images[m][0], tmp_path / m / f"{fake.TARGETS[0]}.tif") for m in fake.METHODS[:2]}
    draw_prediction(ndvi, *rest, ["red", "nir08"], "ndvi", "Title", tmp_path / "b.png")
    draw_prediction(ndvi, None, None, [], ["red", "nir08"], "ndvi", "Title", tmp_path / "c.png")
    assert is_whole(tmp_path / "a.png")
    assert is_whole(tmp_path / "b.png")
    assert is_whole(tmp_path / "c.png")


def test_prediction_on_another_grid_is_refused_and_leaves_nothing(
    images: dict[str, list[Path]], tmp_path: Path
) -> None:
    wrong = images["coarse"][0]
    with pytest.raises(InputError, match=re.escape(str(wrong))):
        draw_prediction(
            {"bilinear": wrong}, images["observed"][0], None, [], fake.BANDS, "reflectance", "", tmp_path / "a.png"
        )
    assert list(tmp_path.iterdir()) == []


def test_scatter_pools_the_dates_that_were_observed(images: dict[str, list[Path]], tmp_path: Path) -> None:
    fused = {m: images[m] for m in fake.METHODS}
    for band in ("red", "ndvi"):
        draw_scatter(fused, images["observed"][:1], band, fake.BANDS, "reflectance", "Title", tmp_path / f"{band}.png")
        assert is_whole(tmp_path / f"{band}.png")
    with pytest.raises(InputError, match="No prediction"):
        draw_scatter(fused, [], "red", fake.BANDS, "reflectance", "Title", tmp_path / "none.png")


def test_profiles_with_and_without_truth(
    world: fake.World, root: Path, seasons: dict[str, dict[str, Path]], tmp_path: Path
) -> None:
    series = fake.write_series(world, root)
    write_days(world, tmp_path / "truth.nc")
    words = {"sentinel2": "observed alone"}
    fields, known = seasons["known"]["fields"], seasons["known"]["table"]
    bands = ["red", "nir08"]
    draw_profiles(
        series, fields, seasons["tables"], tmp_path / "truth.nc", known, bands, 2, words, "T", tmp_path / "a.png"
    )
    draw_profiles(series, fields, {}, None, None, bands, 2, words, "T", tmp_path / "b.png")
    assert is_whole(tmp_path / "a.png")
    assert is_whole(tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()


def write_days(world: fake.World, path: Path) -> None:
    """The known truth of the world on every day."""
    from datetime import date, timedelta

    import numpy as np

    rng = np.random.default_rng(0)
    days = [date(2023, 1, 1) + timedelta(days=i) for i in range(365)]
    write_images_as_truth(path, world.grid, days, fake.BANDS, lambda i: fake.image_on(world, i + 1, rng))


def test_phenology_with_and_without_truth(seasons: dict[str, dict[str, Path]], tmp_path: Path) -> None:
    known = seasons["known"]["table"]
    draw_phenology(seasons["images"], seasons["tables"], known, 2023, "Title", tmp_path / "a.png")
    draw_phenology(seasons["images"], {}, None, 2023, "Title", tmp_path / "b.png")
    assert is_whole(tmp_path / "a.png")
    assert is_whole(tmp_path / "b.png")
    with pytest.raises(InputError, match="no phenology"):
        draw_phenology({}, {}, None, 2023, "Title", tmp_path / "c.png")


def draw_site(root: Path, to: Path) -> list[Path]:
    """The figure, the table and the bandpass lines of the made-up site's scenes, in folders named after it."""
    made = [to / "figures/mosaic/scenes.png", to / "tables/mosaic/scenes.csv", to / "tables/mosaic/bandpass.csv"]
    lines = {"landsat8": fake.write_lines(root)}
    draw_scenes(fake.write_scenes(root), fake.write_quality(root), lines, 0.5, "Title", *made)
    return made


def test_scenes_and_training(root: Path, tmp_path: Path) -> None:
    picture, table, lines = draw_site(root, tmp_path)
    draw_training(fake.write_curves(root), "Title", tmp_path / "training.png")
    assert is_whole(picture)
    assert is_whole(tmp_path / "training.png")
    assert len(table.read_text().splitlines()) == len((root / "raw/mosaic/scenes.csv").read_text().splitlines())
    assert lines.read_text().startswith("sensor,band,slope,slope_error,offset,")


def test_scenes_may_be_called_by_numbers(root: Path, tmp_path: Path) -> None:
    scenes, quality = tmp_path / "scenes.csv", tmp_path / "quality.csv"
    scenes.write_text("sensor,scene,date,kept,reason,clear\nmine,020200101,2020-01-01,1,,0.9\n")
    quality.write_text("sensor,date,scenes,clear\nmine,2020-01-01,020200101,0.8\n")
    made = [tmp_path / name for name in ("scenes.png", "mosaic/scenes.csv", "mosaic/bandpass.csv")]
    draw_scenes(scenes, quality, {}, 0.5, "Title", *made)
    assert ",020200101," in made[1].read_text()
    assert "in an image" in made[1].read_text()
    assert ">020200101<" in report(root, [], [made[1]], tmp_path / "report.html")


def test_a_site_without_scenes_or_with_a_lost_table_is_refused(root: Path, tmp_path: Path) -> None:
    made = [tmp_path / "a.png", tmp_path / "a.csv", tmp_path / "b.csv"]
    quality, lost = fake.write_quality(root), tmp_path / "lost.csv"
    with pytest.raises(InputError, match=re.escape(str(lost))):
        draw_scenes(lost, quality, {}, 0.5, "Title", *made)
    with pytest.raises(InputError, match=re.escape(str(lost))):
        draw_scenes(fake.write_scenes(root), quality, {"landsat8": lost}, 0.5, "Title", *made)
    empty = tmp_path / "scenes.csv"
    empty.write_text("sensor,scene,date,kept,reason\n")
    with pytest.raises(InputError, match="lists no scene"):
        draw_scenes(empty, quality, {}, 0.5, "Title", *made)
    assert list(tmp_path.iterdir()) == [empty]


def test_a_table_without_scores_is_refused(images: dict[str, list[Path]], root: Path, tmp_path: Path) -> None:
    tables = fake.write_scores(images, root)
    draw_scores(tables["scores"], [tables["all"]], "Title", tmp_path / "scores.png")
    assert is_whole(tmp_path / "scores.png")
    empty = tmp_path / "empty.csv"
    empty.write_text(tables["scores"].read_text().splitlines()[0] + "\n")
    with pytest.raises(InputError, match=re.escape(str(empty))):
        draw_scores(empty, [tables["all"]], "Title", tmp_path / "none.png")


def report(root: Path, figures: list[Path], tables: list[Path], out: Path, **site: Any) -> str:
    """The page of a study of the two experiments."""
    place = fake.SITE | {"bounds": [0, 0, 2160, 2160], "sensors": ["sentinel2", "landsat8"]} | site
    studies = {
        "demo": {"name": "demo", "title": "Study <one>", "text": "What & why.", "experiments": list(EXPERIMENTS)}
    }
    config = {"methods": {m: {} for m in fake.METHODS}}
    make_report(TEMPLATE, config, studies, EXPERIMENTS, {"mosaic": place}, figures, tables, root / "benchmarks", out)
    return out.read_text(encoding="utf-8")


def test_report_holds_everything_in_one_file(
    images: dict[str, list[Path]], seasons: dict[str, dict[str, Path]], root: Path, tmp_path: Path
) -> None:
    tables = fake.write_scores(images, root)
    errors = root / "phenology/mosaic_product/mosaic/errors.csv"
    compare_phenology(list(seasons["tables"].values()), seasons["known"]["table"], errors)
    picture, *of_site = draw_site(root, tmp_path)
    pictures = [root / "figures/mosaic_withheld/mosaic/scores.png", picture]
    draw_scores(tables["scores"], [tables["all"]], "Title", pictures[0])
    timed = root / "benchmarks/fused/mosaic_withheld/mosaic/esrcnn/seed0/2023-05-10.tsv"
    timed.parent.mkdir(parents=True)
    timed.write_text("s\tmax_rss\tcpu_time\n12.5\t210.0\t11.0\n")
    events = errors.with_name("event_scores.csv")
    events.write_text("experiment,site,source,seed,kind,class,recall\ne,s,starfm_si,0,cut,all,0.71\n")
    shown = [tables["scores"], tables["dates"], errors, events, tables["summary"], *of_site]
    page = report(root, pictures, shown, tmp_path / "r.html")

    assert page.count('src="data:image/png;base64,') == 2
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert "http" not in re.sub(r'"data:[^"]*"', "", page)
    assert "Study &lt;one&gt;" in page
    assert "What &amp; why." in page
    assert "SIMULATED" in page
    assert ">REAL<" not in page
    assert "is best: RMSE" in page
    assert "from the fused series (starfm_si)" in page
    assert page.index("Errors of the transition dates") < page.index("Cuts and harvests found") < page.index(">0.71<")
    assert "<td>12.5</td>" in page
    assert page.count('<tr class="dropped">') + page.count('<tr class="used">') + page.count('<tr class="idle">') == 96
    assert "96 scenes: " in page
    assert "Bandpass lines: reference" in page
    targets = set(re.findall(r'href="#([^"]+)"', page))
    anchors = re.findall(r'id="([^"]+)"', page)
    assert targets <= set(anchors)
    assert len(anchors) == len(set(anchors))
    configuration = page.split("<pre>")[1].split("</pre>")[0]
    assert yaml.safe_load(html.unescape(configuration))["sites"]["mosaic"]


def test_report_of_a_real_place_says_so_and_works_without_scores(root: Path, tmp_path: Path) -> None:
    real = {"simulated": None, "remarks": "A dozen fields."}
    place = {k: v for k, v in (fake.SITE | real).items() if v is not None}
    studies = {"demo": {"name": "demo", "title": "Study", "text": "", "experiments": ["mosaic_product"]}}
    site = place | {"bounds": [0, 0, 640, 640], "sensors": ["sentinel2"]}
    asked = {name: e | {"left_out": {"mosaic": ["needy"]}} for name, e in EXPERIMENTS.items()}
    make_report(TEMPLATE, {}, studies, asked, {"mosaic": site}, [], [], tmp_path / "none", tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text()
    assert "without needy: no date here has all the images it needs" in page
    assert ">REAL<" in page
    assert ">SIMULATED<" not in page
    assert "A dozen fields." in page
    assert "Nothing was scored" in page
    assert "No job was timed" in page


def test_a_missing_figure_is_named_and_leaves_no_report(root: Path, tmp_path: Path) -> None:
    lost = root / "figures/mosaic/lost.png"
    with pytest.raises(InputError, match=re.escape(str(lost))):
        report(root, [lost], [], tmp_path / "r.html")
    assert list(tmp_path.iterdir()) == []
