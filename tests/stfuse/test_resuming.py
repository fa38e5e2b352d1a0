import os

from stfuse.learning.resuming import fingerprint, next_place, resuming


def test_outside_of_a_folder_no_training_has_a_place():
    assert next_place() is None


def test_trainings_are_numbered_in_their_order(tmp_path):
    with resuming(tmp_path / "a", "x"):
        first, second = next_place(1), next_place(1)
        with resuming(tmp_path / "b", "x"):
            inner = next_place(1)
        third = next_place(2)
    assert [place.file.name for place in (first, second, third)] == ["1.pt", "2.pt", "3.pt"]
    assert inner.file == tmp_path / "b/1.pt" and next_place() is None
    assert first.belongs == second.belongs == inner.belongs != third.belongs
    assert not list(tmp_path.iterdir())  # made with the first checkpoint only


def test_what_a_place_belongs_to_is_the_folders_and_the_trainings(tmp_path):
    with resuming(tmp_path, "x"):
        one = next_place({"steps": 3}, 0)
    with resuming(tmp_path, "y"):
        other = next_place({"steps": 3}, 0)
    assert one.belongs != other.belongs


def test_fingerprints_tell_things_apart():
    things = [{"a": 1, "b": [2]}, {"a": 1, "b": [3]}, {"a": "1", "b": [2]}, [1, [2]], None, 1.5]
    assert len({fingerprint(thing) for thing in things}) == len(things)
    assert fingerprint({"a": 1, "b": (2,)}) == fingerprint({"b": [2], "a": 1})


def test_files_count_by_size_and_time(tmp_path):
    file = tmp_path / "image.tif"
    sample = {"date": "2020-01-01", "coarse": [str(file)]}
    missing = fingerprint(sample)
    file.write_bytes(b"1234")
    os.utime(file, (1000, 1000))
    once = fingerprint(sample)
    os.utime(file, (2000, 2000))
    later = fingerprint(sample)
    file.write_bytes(b"12345")
    os.utime(file, (1000, 1000))
    assert len({missing, once, later, fingerprint(sample)}) == 4
    file.write_bytes(b"4321")
    os.utime(file, (1000, 1000))
    assert fingerprint(sample) == once
