"""A training killed again and again, and run again, ends as if nobody had touched it."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scripts.model import train
from stfuse.state import load_state
from training_files import BANDS, written

ROOT = Path(__file__).parents[1]
SETTINGS = {"patch": 12, "batch": 2, "steps": 4, "epochs": 3}
METHOD = {"name": "srcnn", "file": "srcnn", "settings": SETTINGS}

# Runs the stage `model`, and kills itself at the step (or in the middle of the writing) that the test asks for.
JOB = """
import json, logging, os, signal, sys
from pathlib import Path
import torch
from scripts.model import train
from stfuse.learning import checkpoints, loop

logging.basicConfig(filename=sys.argv[3], level=logging.INFO)
kill = json.loads(sys.argv[2])
learn, save, done = loop.Loop._learn, torch.save, 0

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def learn_and_die(self, *args):
    global done
    learn(self, *args)
    done += 1
    if kill.get("steps") == done:
        die()

def save_and_die(content, file):
    save(content, file)
    if "written" in kill and kill["written"] == content.get("step"):
        file.truncate(1000)
        die()

loop.Loop._learn, torch.save = learn_and_die, save_and_die
job = json.loads(sys.argv[1])
train(**{**job, "state": Path(job["state"]), "curve": Path(job["curve"])})
"""


def run(job: dict, log: Path, **kill: int) -> int:
    """The job in a process of its own; its exit status."""
    command = [sys.executable, "-c", JOB, json.dumps(job), json.dumps(kill), str(log)]
    paths = {"PYTHONPATH": f"{ROOT / 'workflow'}:{ROOT / 'workflow/scripts'}", "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=paths, check=False, capture_output=True).returncode


@pytest.fixture
def job(tmp_path, monkeypatch) -> dict:
    """A small training from files: three epochs of four steps, a checkpoint after each step."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    found = {"samples": written(tmp_path), "method": METHOD, "bands": BANDS, "variable": "ndvi"} | {
        "seed": 3,
        "minutes": 0,
    }
    return {**found, "state": str(tmp_path / "model/seed3.npz"), "curve": str(tmp_path / "model/seed3.csv")}


def test_a_training_killed_several_times_gives_the_state_of_one_that_was_not(job, tmp_path):
    log, state, folder = tmp_path / "log.txt", Path(job["state"]), tmp_path / "model/seed3.checkpoint"
    # In the first epoch, in the second, while a checkpoint is being written, and then just before the end.
    for kill in ({"steps": 3}, {"steps": 4}, {"written": 7}, {"steps": 5}):
        assert run(job, log, **kill) == -signal.SIGKILL
        assert not state.exists() and (folder / "1.pt").exists()
    assert run(job, log) == 0
    assert not folder.exists() and {p.name for p in state.parent.iterdir()} == {"seed3.npz", "seed3.csv"}
    # A step is lost where the kill came between a step and its checkpoint.
    steps = [int(line.split()[-1]) for line in log.read_text().splitlines() if "goes on from step" in line]
    assert steps == [2, 5, 6, 10]

    train(**{**job, "state": tmp_path / "whole.npz", "curve": tmp_path / "whole.csv"})
    once, again = (load_state(path, METHOD, BANDS, "ndvi") for path in (tmp_path / "whole.npz", state))
    assert once.keys() == again.keys()
    for name in once:
        np.testing.assert_array_equal(again[name], once[name], err_msg=name)
    curves = [pd.read_csv(path).drop(columns=["seconds", "waiting"]) for path in (tmp_path / "whole.csv", job["curve"])]
    pd.testing.assert_frame_equal(*curves)
