import pickle

import pytest
import torch

from stfuse.learning.checkpoints import put_aside, read_checkpoint, write_checkpoint
from stfuse.learning.resuming import Place


@pytest.fixture
def place(tmp_path) -> Place:
    return Place(tmp_path / "seed0.checkpoint/1.pt", "abc")


CONTENT = {"network": {"a": torch.arange(3.0)}, "rows": [[1.0, float("nan")]], "step": 7}


def test_a_checkpoint_comes_back(place):
    write_checkpoint(place, CONTENT)
    found = read_checkpoint(place)
    assert found["step"] == 7 and torch.equal(found["network"]["a"], CONTENT["network"]["a"])
    assert [p.name for p in place.file.parent.iterdir()] == ["1.pt"]


def test_no_checkpoint_is_nothing_to_speak_of(place, caplog):
    assert read_checkpoint(place) is None and not caplog.records


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_damaged_one_is_named_and_not_used(place, caplog, share):
    write_checkpoint(place, CONTENT)
    content = place.file.read_bytes()
    place.file.write_bytes(content[: int(share * len(content))])
    assert read_checkpoint(place) is None
    assert "cannot be read" in caplog.text and "1.pt" in caplog.text


def test_one_of_something_else_is_named_and_not_used(place, caplog):
    write_checkpoint(place, CONTENT)
    assert read_checkpoint(Place(place.file, "other")) is None
    assert "belongs to other data, settings or code" in caplog.text


class Harmful:
    def __reduce__(self):
        return print, ("run",)


@pytest.mark.parametrize("save", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content))])
def test_code_in_a_checkpoint_is_never_run(place, capsys, save):
    place.file.parent.mkdir()
    save({"layout": 1, "belongs": "abc", "step": Harmful()}, place.file)
    assert read_checkpoint(place) is None
    assert not capsys.readouterr().out


def test_a_failure_while_writing_leaves_the_last_one(place, monkeypatch):
    write_checkpoint(place, CONTENT)

    def half(content, file):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(OSError, match="disk full"):
        write_checkpoint(place, {**CONTENT, "step": 8})
    assert read_checkpoint(place)["step"] == 7


def test_what_does_not_fit_is_put_aside(place):
    put_aside(place)  # nothing there: nothing to do
    for _ in range(2):
        write_checkpoint(place, CONTENT)
        put_aside(place)
    assert [p.name for p in place.file.parent.iterdir()] == ["1.unfit"]
