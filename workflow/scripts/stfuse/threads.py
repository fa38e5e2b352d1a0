"""Work on several pieces at a time, with the results in the order of the pieces."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from stfuse.task import Task

__all__ = ["each", "in_order"]

T = TypeVar("T")
R = TypeVar("R")


def in_order(work: Callable[[T], R], items: Iterable[T], threads: int, ahead: int = 1) -> Generator[R, None, None]:
    """What `work` makes of each item, in the items' order, by so many threads at a time.

    Parameters
    ----------
    work : function
        Called by several threads at a time; by the caller's own if `threads` is 1. Its first error ends the rest.
    ahead : int
        Results at most that wait for an earlier one, beside one for each thread.
    """
    if threads == 1:
        yield from map(work, items)
        return
    begun: deque[Future[R]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for item in items:
            begun.append(pool.submit(work, item))
            if len(begun) >= threads + ahead:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def each(pieces: Iterable[Task], work: Callable[[Task], R]) -> Iterator[R]:
    """What `work` makes of each piece of a scene, in the pieces' order.

    On the threads that the pieces of `stfuse.tiles.pieces` come with; those of a list are worked on one by one.
    Add the results up in this order, and the sums have the same bits whatever the number of threads.
    """
    own: Callable[[Callable[[Task], R]], Iterator[R]] | None = getattr(pieces, "each", None)
    return own(work) if own else map(work, pieces)
