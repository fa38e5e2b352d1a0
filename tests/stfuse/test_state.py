import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from stfuse import state as state_module
from stfuse.errors import InputError
from stfuse.state import image_name, load_state, method_version, read_meta, save_state

METHOD = {"name": "srcnn", "file": "srcnn", "settings": {"steps": 3, "kinds": ["a", "b"]}}
BANDS = ["red", "nir08"]
SCALE = {"fine": 30.0, "coarse": 90.0, "ratio": 3.0}
SCENES = [
    {
        "date": "2023-05-01",
        "truth": "ard/mosaic/landsat8/2023-05-01",
        "inputs": ["degraded/wald/mosaic/sentinel2/2023-05-04"],
    }
]


def write(path: Path, state=None, **changes) -> Path:
    given = {"method": METHOD, "bands": BANDS, "variable": "ndvi", "scale": SCALE, "scenes": SCENES, "seed": 2}
    save_state(path, {"w": np.arange(6.0).reshape(2, 3)} if state is None else state, **{**given, **changes})
    return path


def test_a_state_comes_back_as_it_was(tmp_path):
    state = {"a.weight": np.float32([[1.5, np.nan]]), "b": np.array([1, 2], np.int32), "c": np.zeros((0, 4))}
    back = load_state(write(tmp_path / "s.npz", state), METHOD, BANDS, "ndvi")
    assert back.keys() == state.keys()
    for name, array in state.items():
        assert back[name].dtype == array.dtype
        np.testing.assert_array_equal(back[name], array)


def test_the_same_state_gives_the_same_bytes(tmp_path):
    assert write(tmp_path / "a.npz").read_bytes() == write(tmp_path / "b.npz").read_bytes()


def test_meta_says_what_made_the_state(tmp_path):
    meta = read_meta(write(tmp_path / "s.npz"))
    assert meta["scenes"] == SCENES and meta["scale"] == SCALE and meta["seed"] == 2
    assert meta["bands"] == BANDS and meta["settings"] == METHOD["settings"] and meta["method_version"] == 1


@pytest.mark.parametrize(
    ("key", "method", "bands", "variable"),
    [
        ("file", {**METHOD, "file": "esrcnn"}, BANDS, "ndvi"),
        ("settings", {**METHOD, "settings": {"steps": 4}}, BANDS, "ndvi"),
        ("bands", METHOD, ["nir08", "red"], "ndvi"),
        ("variable", METHOD, BANDS, "reflectance"),
    ],
)
def test_a_state_that_does_not_fit_is_refused(tmp_path, key, method, bands, variable):
    path = write(tmp_path / "s.npz")
    with pytest.raises(InputError, match=rf"s\.npz was made for {key}.*Cure: delete"):
        load_state(path, method, bands, variable)


def test_a_state_of_another_version_of_its_method_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(state_module, "METHODS", tmp_path)
    (tmp_path / "srcnn.py").write_text("raise RuntimeError('run')\nVERSION = 4\n")
    path = write(tmp_path / "s.npz")
    assert read_meta(path)["method_version"] == method_version("srcnn") == 4
    assert "w" in load_state(path, METHOD, BANDS, "ndvi")
    (tmp_path / "srcnn.py").write_text("VERSION = 5\n")
    with pytest.raises(InputError, match=r"s\.npz was made for method_version 4, not 5.*Cure: delete"):
        load_state(path, METHOD, BANDS, "ndvi")


def test_methods_without_a_version_have_the_first():
    assert method_version("bilinear") == method_version("no_such_method") == 1


def test_a_state_of_another_ratio_is_refused(tmp_path):
    path = write(tmp_path / "s.npz")
    for ratio in (None, 3.0, 3.0 * (1 + 1e-7)):
        assert "w" in load_state(path, METHOD, BANDS, "ndvi", ratio)
    for ratio in (3.00001, 2.5):
        with pytest.raises(InputError, match=r"made for ratio 3, not .*Cure: delete"):
            load_state(path, METHOD, BANDS, "ndvi", ratio)
    assert "w" in load_state(write(tmp_path / "t.npz", scale=None), METHOD, BANDS, "ndvi", 2.5)


@pytest.mark.parametrize("image", [SCENES[0]["truth"], *SCENES[0]["inputs"]])
def test_a_state_that_learned_from_the_truth_is_refused(tmp_path, image):
    path = write(tmp_path / "s.npz")
    for never in (image, f"results/{image}.tif", f"/some/folder/results/{image}.tif"):
        with pytest.raises(InputError, match=rf"learned from {image} \(training date 2023-05-01\).*Cure: delete"):
            load_state(path, METHOD, BANDS, "ndvi", never=never)
    for other in (image.replace("2023-05-0", "2023-06-0"), image.replace("mosaic", "tiles"), "2023-05-01"):
        assert "w" in load_state(path, METHOD, BANDS, "ndvi", never=other)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("results/ard/mosaic/sentinel2/2023-05-01.tif", "ard/mosaic/sentinel2/2023-05-01"),
        ("/a/results/b/results/degraded/wald/mosaic/l8/2023-05-01.tif", "degraded/wald/mosaic/l8/2023-05-01"),
        ("ard/mosaic/sentinel2/2023-05-01", "ard/mosaic/sentinel2/2023-05-01"),
        ("/tmp/x/site/sensor/2023-05-01.tif", "site/sensor/2023-05-01"),
    ],
)
def test_images_are_named_by_what_they_are_wherever_they_lie(path, name):
    assert image_name(path) == image_name(image_name(path)) == name


def test_a_tuple_and_a_list_are_the_same_setting(tmp_path):
    path = write(tmp_path / "s.npz")
    assert "w" in load_state(path, {**METHOD, "settings": {"steps": 3, "kinds": ("a", "b")}}, BANDS, "ndvi")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_damaged_file_is_a_clear_error(tmp_path, share):
    path = write(tmp_path / "s.npz")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=r"s\.npz is no whole state file"):
        load_state(path, METHOD, BANDS, "ndvi")


def test_other_files_are_a_clear_error(tmp_path):
    np.savez(tmp_path / "other.npz", w=np.ones(2))
    np.save(tmp_path / "array.npy", np.ones(2))
    (tmp_path / "text.npz").write_text("not a state")
    for name in ("other.npz", "array.npy", "text.npz"):
        with pytest.raises(InputError, match=f"{name} is no whole state file"):
            load_state(tmp_path / name, METHOD, BANDS, "ndvi")


def test_a_missing_file_is_a_clear_error(tmp_path):
    with pytest.raises(InputError, match="not found"):
        load_state(tmp_path / "none.npz", METHOD, BANDS, "ndvi")


def test_pickles_are_never_opened(tmp_path):
    np.savez(tmp_path / "s.npz", meta=np.array([{"a": 1}], dtype=object))
    with pytest.raises(InputError, match="no whole state file"):
        load_state(tmp_path / "s.npz", METHOD, BANDS, "ndvi")


@pytest.mark.parametrize("state", [{"meta": np.ones(1)}, {"w": np.array([None])}])
def test_unfit_arrays_are_not_written(tmp_path, state):
    with pytest.raises(ValueError, match="plain named arrays"):
        write(tmp_path / "s.npz", state)
    assert not list(tmp_path.iterdir())


def test_closed_form_states_need_no_torch(tmp_path):
    code = (
        "import sys; from stfuse.state import *\n"
        "m = {'name': 'bilinear', 'file': 'bilinear', 'settings': {}}\n"
        f"p = {str(tmp_path / 's.npz')!r}\n"
        "save_state(p, {}, m, ['red'], 'reflectance')\n"
        "assert load_state(p, m, ['red'], 'reflectance') == {}\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
    )
    scripts = Path(__file__).resolve().parents[2] / "workflow" / "scripts"
    subprocess.run([sys.executable, "-c", code], cwd=scripts, check=True)
