"""What the workflow names becomes a task, and nothing else is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from factory import make_sample
from stfuse.errors import InputError
from stfuse.grid import ndvi
from stfuse.inputs import SampleFiles, read_task
from stfuse.task import EVERYWHERE, Task
from task_files import write_sample

BANDS = ["red", "nir08"]


@pytest.fixture
def made(tmp_path: Path) -> tuple[dict[str, Any], Task, np.ndarray]:
    task, truth = make_sample(gaps=0.1, ratio=2.5, aux={"pan": ("pan",)})
    return write_sample(tmp_path, task, truth), task, truth


def test_images_come_back_as_they_were(made: Any) -> None:
    sample, task, truth = made
    files = SampleFiles(sample, BANDS, "reflectance")
    found, of_target = files.crop(EVERYWHERE), files.truth(EVERYWHERE)
    np.testing.assert_allclose(found.fine.values, task.fine.values, atol=5.1e-5)  # stored in steps of 1e-4
    np.testing.assert_allclose(found.coarse.values, task.coarse.values, atol=5.1e-5)
    np.testing.assert_allclose(found.aux["pan"].values, task.aux["pan"].values, atol=5.1e-5)
    np.testing.assert_allclose(of_target, truth, atol=5.1e-5)
    assert found.ratio == 2.5
    assert found.fine.bands == tuple(BANDS) and found.aux["pan"].bands == ("pan",)
    np.testing.assert_array_equal(found.dates, task.dates)
    np.testing.assert_array_equal(found.coarse.dates, task.coarse.dates)
    assert found.fine.grid.shape == task.fine.grid.shape and found.coarse.grid.shape == task.coarse.grid.shape


def test_the_order_of_paths_does_not_matter(made: Any) -> None:
    sample, _, _ = made
    turned = sample | {"fine": sample["fine"][::-1], "coarse": sample["coarse"][::-1]}
    np.testing.assert_array_equal(
        read_task(turned, BANDS, "reflectance").coarse.values, read_task(sample, BANDS, "reflectance").coarse.values
    )


def test_ndvi_is_made_of_red_and_near_infrared_and_leaves_auxiliaries_alone(made: Any) -> None:
    sample, task, _ = made
    found = read_task(sample, BANDS, "ndvi")
    assert found.fine.bands == found.coarse.bands == ("ndvi",)
    expected = ndvi(task.coarse.values[:, 0], task.coarse.values[:, 1])
    np.testing.assert_allclose(found.coarse.values[:, 0], expected, atol=1e-3)
    assert found.aux["pan"].bands == ("pan",)


def test_a_method_without_references_gets_an_empty_series_on_the_fine_grid(made: Any) -> None:
    sample, task, _ = made
    found = read_task(sample | {"fine": []}, BANDS, "reflectance")
    assert found.fine.values.shape == (0, 2, *task.fine.grid.shape)


def test_the_truth_is_not_opened_for_a_task(made: Any) -> None:
    sample, _, _ = made
    read_task(sample | {"truth": "no/such/file.tif"}, BANDS, "reflectance")
    with pytest.raises(InputError, match=r"no/such/file\.tif"):
        SampleFiles(sample | {"truth": "no/such/file.tif"}, BANDS, "reflectance").truth(EVERYWHERE)


def test_a_sample_without_truth_is_refused(made: Any) -> None:
    sample, _, _ = made
    with pytest.raises(InputError, match="2018-05-20 has no truth"):
        SampleFiles(sample | {"truth": None}, BANDS, "reflectance")


def test_an_image_on_another_grid_is_named(made: Any) -> None:
    sample, _, _ = made
    with pytest.raises(InputError, match=r"coarse/2018-05-01\.tif lies on"):
        read_task(sample | {"fine": [sample["coarse"][0]]}, BANDS, "reflectance")
