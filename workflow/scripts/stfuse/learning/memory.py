"""How much of an image goes through a network at once: what a pixel takes, and what memory there is."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

__all__ = ["available", "budget", "held_at_once", "taken"]

MOST = 2**26
"""Bytes of feature maps on the CPU at most. More save next to nothing: three layers took 2.5, 2.7 and 3.1 microseconds
a pixel for windows of 96, 192 and 384 pixels a side, and from 32 MB on the C library takes each array from the system
anew, page by page."""

CPU_SHARE, GPU_SHARE = 0.25, 0.8
"""Shares of the memory there is that feature maps may take. A job on the CPU seldom has the machine to itself."""

CGROUPS = (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))
"""Files that say what a job may take and what it takes, in versions 2 and 1 of Linux' control groups."""


class _Held(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of all tensors that are alive, and the most there were."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.most = 0
        self._known: weakref.WeakSet[Any] = weakref.WeakSet()

    def _gone(self, size: int) -> None:
        self.now -= size

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            storage = tensor.untyped_storage() if isinstance(tensor, Tensor) else None
            if storage is not None and storage not in self._known:
                self._known.add(storage)
                self.now += storage.nbytes()
                self.most = max(self.most, self.now)
                weakref.finalize(storage, self._gone, storage.nbytes())
        return out


@contextlib.contextmanager
def held_at_once(where: torch.device) -> Iterator[list[int]]:
    """Measure the most bytes that the tensors made inside took at once; the list holds them at the end."""
    found: list[int] = []
    if where.type == "cuda":
        torch.cuda.synchronize(where)
        torch.cuda.reset_peak_memory_stats(where)
        before = torch.cuda.memory_allocated(where)
        yield found
        found.append(torch.cuda.max_memory_allocated(where) - before)
        return
    with _Held() as held:
        yield found
    found.append(held.most)


def taken(network: nn.Module, shape: tuple[int, int, int], where: torch.device) -> float:
    """Bytes that a network takes for each pixel of what it is given, measured on zeros.

    Parameters
    ----------
    shape : (channel, y, x)
        Of one window, context and all.
    """
    with held_at_once(where) as found:
        window = torch.zeros((1, *shape), device=where)
        network(window.contiguous(memory_format=torch.channels_last))
    return max(found[0], window.nbytes) / (shape[1] * shape[2])


def available(root: Path = Path("/")) -> int:
    """Bytes of main memory that a job can still take: what the machine has left, or its control group.

    4 GB where the system does not say (not Linux).
    """
    found = []
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = (root / "proc/meminfo").read_text().splitlines()
        found.append(next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")))
    for limit, usage in CGROUPS:
        with contextlib.suppress(OSError, ValueError):  # "max" is no number: no limit
            folder = root / "sys/fs/cgroup"
            found.append(int((folder / limit).read_text()) - int((folder / usage).read_text()))
    return max(min(found, default=4 * 10**9), 0)


def budget(where: torch.device) -> float:
    """Bytes that feature maps may take at once."""
    if where.type != "cuda":
        return min(CPU_SHARE * available(), MOST)
    free = torch.cuda.mem_get_info(where)[0]
    # What torch keeps for later, it can give again.
    return GPU_SHARE * (free + torch.cuda.memory_reserved(where) - torch.cuda.memory_allocated(where))
