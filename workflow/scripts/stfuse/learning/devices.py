"""The device that a network works on, how exactly it reckons there, and that it gives the same again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from stfuse.learning.plan import Precision

__all__ = ["bfloat16_here", "choose_precision", "device", "placed", "steady"]


def device() -> torch.device:
    """The GPU where there is one (of several: the one of this process), else the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    # By its number: torch's "current" one is that of a thread, and a process has several.
    several = torch.distributed.is_available() and torch.distributed.is_initialized()
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)) if several else 0)


def placed(network: nn.Module, where: torch.device) -> nn.Module:
    """The network on a device, its filters in the layout in which convolutions are fastest."""
    network.to(where).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def bfloat16_here(where: torch.device) -> bool:
    """Whether the device multiplies bfloat16 itself, not by way of float32."""
    return where.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def choose_precision(device_type: str, wanted: Precision, bfloat16: bool) -> torch.dtype:
    """What convolutions and matrix products are reckoned in; weights, sums and losses stay float32.

    Parameters
    ----------
    device_type : str
        ``cpu`` or ``cuda``.
    wanted : {"auto", "full"}
    bfloat16 : bool
        Whether the device has it.

    Returns
    -------
    dtype
        float32 (nothing is converted), bfloat16, or float16 (gradients must then be scaled against underflow).
    """
    if device_type != "cuda" or wanted == "full":
        return torch.float32
    return torch.bfloat16 if bfloat16 else torch.float16


@contextlib.contextmanager
def steady(where: torch.device, wanted: Precision) -> Iterator[None]:
    """Hold torch to the job's threads and to algorithms that give the same again; put everything back afterwards.

    Parameters
    ----------
    wanted : {"auto", "full"}
        Full: a GPU does not shorten float32 to TensorFloat-32 either.
    """
    before = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()
    if "OMP_NUM_THREADS" in os.environ:  # set by `stfuse.job`, maybe after OpenMP was loaded
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    if where.type == "cuda":
        # Without it cuBLAS, and recurrent layers with it, may add up in another order each time.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # A few CUDA kernels have no deterministic form: better trained than refused.
    torch.use_deterministic_algorithms(True, warn_only=where.type == "cuda")
    cudnn: Any = torch.backends.cudnn
    parts: list[Any] = [cudnn.conv, cudnn.rnn, torch.backends.cuda.matmul]
    exact = [part.fp32_precision for part in parts]
    try:
        if wanted == "full":
            for part in parts:
                part.fp32_precision = "ieee"
        # Draws in here (dropout) leave those outside as they were.
        with torch.random.fork_rng(devices=[torch.cuda.current_device()] if where.type == "cuda" else []):
            yield
    finally:
        for part, value in zip(parts, exact, strict=True):
            part.fp32_precision = value
        torch.use_deterministic_algorithms(before[0])
        torch.set_num_threads(before[1])
