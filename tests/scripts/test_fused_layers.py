"""What methods show of how they predict, as images."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from factory import make_task
from scripts import fused_layers
from stfuse import methods
from stfuse.errors import InputError
from stfuse.raster import read_image
from stfuse.state import save_state
from stfuse.task import FloatArray, Task
from task_files import write_sample

BANDS = ["red", "nir08"]
ENTRY = {"name": "showing", "file": "bilinear", "settings": {}}


def showing(shapes: list[tuple[int, ...]]) -> SimpleNamespace:
    """A method that shows its first reference and how far each pixel lies from the left edge of the scene."""
    plain = methods.load("bilinear")

    def layers(task: Task, state: Any, params: Any) -> dict[str, FloatArray]:
        shapes.append(task.fine.grid.shape)
        left = np.arange(task.fine.grid.width) + (task.fine.grid.affine.c - 501360.0) / 10
        distance = np.broadcast_to(left.astype(np.float32), task.fine.grid.shape)
        return {f"red_{task.fine.dates[0]}": task.fine.values[0, 0], "distance": distance}

    return SimpleNamespace(Params=plain.Params, NEEDS=plain.NEEDS, halo=plain.halo, layers=layers)


def test_each_layer_is_a_band_and_windows_fit_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task, shapes = make_task((1100, 60)), []
    monkeypatch.setattr(fused_layers, "load", lambda file: showing(shapes))
    sample, state, out = write_sample(tmp_path, task), tmp_path / "seed0.npz", tmp_path / "shown_layers.tif"
    save_state(state, {}, ENTRY, BANDS, "reflectance")
    fused_layers.show_layers(sample, ENTRY, BANDS, "reflectance", state, out)
    values, names, grid = read_image(out)
    assert len(shapes) == 2 and grid.shape == task.fine.grid.shape
    assert names == ("red_2018-05-01", "distance")
    np.testing.assert_allclose(values[0], task.fine.values[0, 0], atol=5.1e-5)
    np.testing.assert_array_equal(values[1], np.broadcast_to(np.arange(60.0), (1100, 60)))


def test_a_method_without_layers_is_refused(tmp_path: Path) -> None:
    sample, state = write_sample(tmp_path, make_task()), tmp_path / "seed0.npz"
    save_state(state, {}, ENTRY, BANDS, "reflectance")
    with pytest.raises(InputError, match="showing has no layers"):
        fused_layers.show_layers(sample, ENTRY, BANDS, "reflectance", state, tmp_path / "out.tif")
    assert not list(tmp_path.glob("*out.tif*"))
