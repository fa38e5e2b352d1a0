"""Results come in the order of the items, from all threads, and no more of them are about than asked for."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from factory import make_task
from stfuse import crops, tiles
from stfuse.methods import atprk, estarfm, starfm, starfm_si
from stfuse.task import Task
from stfuse.threads import each, in_order


def test_results_come_in_the_order_of_the_items_from_all_threads() -> None:
    meet = threading.Barrier(3, timeout=20)
    first_is_late = threading.Event()

    def work(item: int) -> int:
        if item < 3:
            meet.wait()  # none goes on before three are here
        if item == 0:
            assert first_is_late.wait(20)
        if item == 2:
            first_is_late.set()
        return item * item

    assert list(in_order(work, range(10), 3)) == [n * n for n in range(10)]


@pytest.mark.parametrize(("threads", "ahead"), [(1, 1), (2, 1), (3, 4)])
def test_no_more_is_begun_than_asked_for(threads: int, ahead: int) -> None:
    begun: list[int] = []
    for taken, _ in enumerate(in_order(begun.append, range(40), threads, ahead)):
        assert len(begun) <= taken + threads + ahead
    assert sorted(begun) == list(range(40))


def test_one_thread_is_the_callers_own() -> None:
    names = set(in_order(lambda item: threading.current_thread().name, range(5), 1))
    assert names == {threading.current_thread().name}


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_ends_the_rest(threads: int) -> None:
    begun: list[int] = []

    def work(item: int) -> None:
        begun.append(item)
        if item == 3:
            raise ValueError("the fourth")

    with pytest.raises(ValueError, match="the fourth"):
        list(in_order(work, range(100), threads))
    assert len(begun) <= 4 + threads + 1


def test_each_works_on_a_list_and_on_the_pieces_of_a_scene() -> None:
    task = make_task((50, 40), references=("2018-05-01",))
    meet = threading.Barrier(2, timeout=20)

    def core(piece: Task) -> Any:
        if threading.current_thread() is not threading.main_thread():
            meet.wait()  # four pieces by two threads
        return piece.fine.values[..., *piece.core]

    pieces = tiles.pieces(crops.Whole(task), 3, 30, threads=2)
    for found in (each(pieces, core), each(list(pieces), core)):
        for values, piece in zip(found, pieces, strict=True):
            np.testing.assert_array_equal(values, core(piece))


@pytest.mark.parametrize("method", [atprk, starfm, starfm_si, estarfm], ids=lambda m: m.__name__.rpartition(".")[2])
def test_what_a_scene_is_prepared_with_does_not_depend_on_threads(method: Any) -> None:
    task = make_task((130, 110), gaps=0.05, references=("2018-05-01", "2018-06-30"))
    params = method.Params()

    class Pieces:
        """Pieces that must be worked on by `each`."""

        def __init__(self, threads: int) -> None:
            own: Any = tiles.pieces(crops.Whole(task), method.halo(params), 30, threads)
            self.each = own.each

    one, three = (method.prepare(Pieces(threads), {}, params) for threads in (1, 3))
    assert one and one.keys() == three.keys()
    for key, values in one.items():
        np.testing.assert_array_equal(three[key], values)


def test_a_scene_is_prepared_by_the_threads_that_predict_it() -> None:
    seen: list[int] = []

    class Method:
        NEEDS = atprk.NEEDS
        predict = staticmethod(atprk.predict)
        halo = staticmethod(lambda params: 0)

        @staticmethod
        def prepare(pieces: Any, state: Any, params: Any) -> Any:
            seen.append(pieces.threads)
            return atprk.prepare(pieces, state, params)

    task = make_task((50, 40), references=("2018-05-01",))
    tiles.predict("m", Method, task, {}, atprk.Params(), threads=3)  # type: ignore[arg-type]
    assert seen == [3]
