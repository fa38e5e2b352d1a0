"""What a device can: its rate in products of matrices, its memory, and how long it takes for a piece of work."""

from __future__ import annotations

import ctypes
import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from statistics import median

import torch

from benchmarks.one_run import forget_peak, peak

__all__ = ["Yard", "finished", "forget", "matrix_rate", "memory", "seconds_of"]

SIDE = {"cpu": 1536, "cuda": 8192}
"""Rows and columns of the matrices whose product is timed: large enough that nothing but the product counts."""


def finished(where: torch.device) -> None:
    """Wait until the device has done what it was told; a GPU works on while the program goes ahead."""
    if where.type == "cuda":
        torch.cuda.synchronize(where)


def seconds_of(work: Callable[[], object], where: torch.device) -> float:
    """Seconds that a piece of work takes on a device, from idle to idle."""
    finished(where)
    start = time.perf_counter()
    work()
    finished(where)
    return time.perf_counter() - start


@contextmanager
def _products_in(kind: str) -> Iterator[None]:
    """Matrix products of float32 in TF32 or not."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if kind == "tf32" else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def matrix_rate(where: torch.device, kind: str, repeats: int = 5, side: int | None = None) -> float:
    """Floating-point operations a second that the device reaches in a product of two large square matrices.

    Parameters
    ----------
    kind : {"float32", "tf32", "bfloat16", "float16"}
        ``tf32``: numbers of 32 bits, multiplied with a mantissa of 10 bits; NVIDIA GPUs since Ampere.
    repeats : int
        Products after one that is not counted; the median is taken.
    side : int, optional
        Rows and columns; `SIDE` if left out.

    Returns
    -------
    float
        A multiplication and an addition count as two.
    """
    n = side or SIDE[where.type]
    dtype = torch.float32 if kind == "tf32" else getattr(torch, kind)
    one, other, out = (torch.rand(n, n, device=where).to(dtype) for _ in range(3))
    with _products_in(kind), torch.inference_mode():
        taken = [seconds_of(lambda: torch.mm(one, other, out=out), where) for _ in range(repeats + 1)]
    return 2 * n**3 / median(taken[1:])


@dataclass(frozen=True)
class Yard:
    """The matrix rate of the numbers that a network works with, to be measured beside each measurement of it.

    Attributes
    ----------
    where : device
    dtype : dtype
        Of its convolutions.
    exact : bool
        Whether they must not be shortened to TF32 on a GPU.
    """

    where: torch.device
    dtype: torch.dtype
    exact: bool = False

    @property
    def kind(self) -> str:
        """One of those that `matrix_rate` knows."""
        if self.dtype == torch.float32 and self.where.type == "cuda" and not self.exact:
            return "tf32" if torch.backends.cudnn.conv.fp32_precision == "tf32" else "float32"
        return str(self.dtype).removeprefix("torch.")

    def __call__(self) -> float:
        """Floating-point operations a second, now."""
        return matrix_rate(self.where, self.kind, repeats=3)


def memory(where: torch.device) -> float:
    """Most megabytes since `forget`: of the GPU's memory in tensors, else of the process."""
    return torch.cuda.max_memory_allocated(where) / 1e6 if where.type == "cuda" else peak()


def forget(where: torch.device) -> None:
    """Let `memory` count from now on, without what was given back already."""
    gc.collect()
    with suppress(AttributeError, OSError):  # glibc alone keeps it, and can be told
        ctypes.CDLL(None).malloc_trim(0)
    if where.type == "cuda":
        torch.cuda.reset_peak_memory_stats(where)
    else:
        forget_peak()
