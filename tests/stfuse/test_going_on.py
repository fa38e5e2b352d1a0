"""Trainings that were broken off go on from their checkpoints; kills of whole processes are in test_resume."""

import logging

import numpy as np
import pytest

from small_trainings import assert_same, fit, scene
from stfuse.learning import loop as loops
from stfuse.learning.resuming import resuming
from stfuse.learning.weights import staged


class Killed(BaseException):
    """What no code catches."""


def kill_after(monkeypatch, steps):
    """Let the training die after so many steps from now."""
    done = [0]
    learn = loops.Loop._learn

    def dying(self, *args):
        learn(self, *args)
        done[0] += 1
        if done[0] == steps:
            raise Killed

    monkeypatch.setattr(loops.Loop, "_learn", dying)


def broken(folder, monkeypatch, steps, work, belongs="x"):
    """Work that dies after so many steps."""
    with monkeypatch.context() as patch, resuming(folder, belongs, 0):
        kill_after(patch, steps)
        with pytest.raises(Killed):
            work()


def resumed(folder, work, belongs="x", minutes=0):
    with resuming(folder, belongs, minutes):
        return work()


@pytest.mark.parametrize("schedule", ["cosine", "plateau"])
def test_dropout_the_schedule_and_the_best_weights_go_on(tmp_path, monkeypatch, schedule):
    changes = {"learning_rate": 0.3, "schedule": schedule, "patience": 6, "epochs": 7, "dropout": 0.2}

    def work():
        return fit([scene()], **changes)

    whole = work()
    assert 0 < np.argmin(whole["curve"][:, 3]) < 7
    for steps in (1, 5, 7):
        broken(tmp_path, monkeypatch, steps, work)
    assert_same(resumed(tmp_path, work), whole)


def test_a_checkpoint_is_written_every_so_many_minutes(tmp_path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(loops.time, "perf_counter", lambda: clock[0])
    written = []
    monkeypatch.setattr(loops, "write_checkpoint", lambda place, content: written.append(content["step"]))
    learn = loops.Loop._learn

    def slow(self, *args):
        clock[0] += 50.0
        learn(self, *args)

    monkeypatch.setattr(loops.Loop, "_learn", slow)
    resumed(tmp_path, lambda: fit([scene()]), minutes=2.0)
    assert written == [3, 6, 9]  # after 150 s, the first step's end past two minutes


def test_a_finished_training_of_several_is_not_repeated(tmp_path, monkeypatch, caplog):
    def work():
        return staged(one=fit([scene()]), two=fit([scene(seed=1)], seed=1))

    whole = work()
    broken(tmp_path, monkeypatch, 9 + 4, work)
    learned = []
    learn = loops.Loop._learn
    monkeypatch.setattr(loops.Loop, "_learn", lambda self, *args: learned.append(1) or learn(self, *args))
    with caplog.at_level(logging.INFO):
        assert_same(resumed(tmp_path, work), whole)
    assert len(learned) == 9 - 3 and "finished before" in caplog.text  # the step it died in had no checkpoint
    assert {p.name for p in tmp_path.iterdir()} == {"1.pt", "2.pt"}


@pytest.mark.parametrize("change", [{"belongs": "y"}, {"seed": 1}, {"learning_rate": 0.5}])
def test_what_belongs_to_something_else_is_put_aside(tmp_path, monkeypatch, caplog, change):
    belongs = change.pop("belongs", "x")
    broken(tmp_path, monkeypatch, 5, lambda: fit([scene()]))
    assert_same(resumed(tmp_path, lambda: fit([scene()], **change), belongs), fit([scene()], **change))
    assert "training begins anew" in caplog.text
    assert {p.name for p in tmp_path.iterdir()} == {"1.pt", "1.unfit"}


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fit([scene()])
    assert not list(tmp_path.iterdir())
