import json
import subprocess
import sys

import numpy as np
import pytest

from stfuse.errors import InputError
from stfuse.learning import distributed
from stfuse.learning.distributed import learn_together, visible_gpus
from stfuse.learning.fitting import learn
from stfuse.learning.weights import CURVE
from training_files import BANDS, written

METHOD = {
    "name": "srcnn",
    "file": "srcnn",
    "settings": {"patch": 12, "batch": 5, "steps": 3, "epochs": 3, "patience": 2, "learning_rate": 0.003},
}


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def test_two_processes_learn_what_one_learns(tmp_path):
    # With a gap in one image alone, the processes observe unlike numbers of values.
    samples = written(tmp_path, gap=30)
    whole = learn(samples, METHOD, BANDS, "ndvi", 1, tmp_path / "one")
    shared = learn_together(2, samples, METHOD, BANDS, "ndvi", 1, tmp_path / "two")
    assert shared.keys() == whole.keys()
    for name in whole.keys() - {"curve"}:
        np.testing.assert_allclose(shared[name], whole[name], atol=1e-5, err_msg=name)
    losses = [CURVE.index(name) for name in ("epoch", "train_loss", "held_loss", "learning_rate")]
    np.testing.assert_allclose(shared["curve"][:, losses], whole["curve"][:, losses], rtol=1e-4)


IN_ONE = """
import os
if os.environ.get("RANK") == "1":
    from stfuse.errors import InputError
    from stfuse.learning import loop
    def fails(self, *args):
        {0}
    loop.Loop._learn = fails
"""


@pytest.mark.parametrize(
    ("action", "kind", "message"),
    [
        ("raise InputError('the second fails', 'mend it')", InputError, r"the second fails\. Cure: mend it"),
        ("os._exit(3)", RuntimeError, "ended without a result|Process 0 of the training failed"),
    ],
)
def test_an_error_in_one_process_ends_the_other_that_waits_for_it(tmp_path, monkeypatch, action, kind, message):
    (tmp_path / "sitecustomize.py").write_text(IN_ONE.format(action))  # which every process of Python runs first
    monkeypatch.setenv("PYTHONPATH", f"{distributed.PACKAGE}:{tmp_path}")
    with pytest.raises(kind, match=message):
        learn_together(2, written(tmp_path), METHOD, BANDS, "ndvi", 1, tmp_path / "two")


def write_error(folder, rank, time, found, cure):
    text = json.dumps({"rank": rank, "time": time, "found": found, "cure": cure})
    (folder / f"error{rank}.json").write_text(text)


def test_the_first_error_is_told_and_curable_ones_before_all(tmp_path):
    distributed._raise_first(tmp_path)
    write_error(tmp_path, 0, 7.0, "connection lost", None)
    write_error(tmp_path, 1, 5.0, "ZeroDivisionError", None)
    with pytest.raises(RuntimeError, match=r"Process 1 of the training failed\.\nZeroDivisionError"):
        distributed._raise_first(tmp_path)
    write_error(tmp_path, 2, 9.0, "too small", "take more")
    with pytest.raises(InputError, match=r"too small\. Cure: take more"):
        distributed._raise_first(tmp_path)


def test_a_process_ends_with_the_one_that_started_it(monkeypatch):
    monkeypatch.setattr(distributed, "WATCH", 0.001)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    ended = []

    def end(code):
        ended.append(code)
        raise SystemExit

    monkeypatch.setattr(distributed.os, "_exit", end)
    with pytest.raises(SystemExit):
        distributed._end_with(gone.pid)
    assert ended == [1]


def test_without_gpus_one_process_trains():
    assert visible_gpus(0) == visible_gpus(1) == 1
