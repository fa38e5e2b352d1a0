import numpy as np
import pytest
from training_files import BANDS, written

from stfuse.errors import InputError
from stfuse.learning.distributed import learn_together, visible_gpus
from stfuse.learning.fitting import learn
from stfuse.learning.weights import CURVE

METHOD = {
    "name": "srcnn",
    "file": "srcnn",
    "settings": {"patch": 12, "batch": 5, "steps": 3, "epochs": 3, "patience": 2, "learning_rate": 0.003},
}


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def test_two_processes_learn_what_one_learns(tmp_path):
    samples = written(tmp_path)
    # Gaps in one image alone: the processes then observe unlike numbers of values.
    whole = learn(samples, METHOD, BANDS, "ndvi", 1, tmp_path / "one")
    shared = learn_together(2, samples, METHOD, BANDS, "ndvi", 1, tmp_path / "two")
    assert shared.keys() == whole.keys()
    for name in whole.keys() - {"curve"}:
        np.testing.assert_allclose(shared[name], whole[name], atol=1e-5, err_msg=name)
    losses = [CURVE.index(name) for name in ("epoch", "train_loss", "held_loss", "learning_rate")]
    np.testing.assert_allclose(shared["curve"][:, losses], whole["curve"][:, losses], rtol=1e-4)


def test_an_error_of_the_processes_ends_all_with_its_message(tmp_path):
    samples = written(tmp_path)
    samples[1]["truth"] = str(tmp_path / "nothing.tif")
    with pytest.raises(InputError, match=r"nothing\.tif.*Cure"):
        learn_together(2, samples, METHOD, BANDS, "ndvi", 1, tmp_path / "two")


def test_without_gpus_one_process_trains():
    assert visible_gpus(0) == visible_gpus(1) == 1
