"""What a device does: its matrix rate, the convolutions of a network one by one, and who called what for how long."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

__all__ = ["Call", "Loop", "Product", "Shape", "Watch", "finished", "matrix_rate", "overheard", "seconds_of"]

SIDE = {"cpu": 2048, "cuda": 8192}
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
class Shape:
    """A tensor without its numbers."""

    size: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype

    @property
    def reach(self) -> int:
        """Numbers from the first to the last."""
        return 1 + sum((n - 1) * step for n, step in zip(self.size, self.stride, strict=True)) if all(self.size) else 0


@dataclass(frozen=True)
class Product:
    """A convolution or matrix product that was run.

    Attributes
    ----------
    operation : OpOverload
        Of torch.
    args : tuple
        What it was given; for tensors their `Shape`.
    kwargs : mapping
    flops : int
        A multiplication and an addition count as two.
    """

    operation: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    flops: int

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Sizes of its tensors: of a convolution the input, the filters and the bias."""
        return tuple(arg.size for arg in self.args if isinstance(arg, Shape))


class Watch(TorchDispatchMode):
    """Note every convolution and matrix product that is run meanwhile, in `products`."""

    def __init__(self) -> None:
        super().__init__()
        self.products: list[Product] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        count = flop_registry.get(func._overloadpacket)
        if count is None:
            with self:  # what is made of others (linear, conv2d, lstm) shows its parts
                made = func.decompose(*args, **kwargs)
            return func(*args, **kwargs) if made is NotImplemented else made
        out = func(*args, **kwargs)
        flops = int(count(*args, **kwargs, out_val=out))
        shapes = tuple(_shape(arg) for arg in args)
        self.products.append(Product(func, shapes, {k: _shape(v) for k, v in kwargs.items()}, flops))
        return out


def _shape(value: Any) -> Any:
    return Shape(tuple(value.shape), value.stride(), value.dtype) if isinstance(value, torch.Tensor) else value


class Loop:
    """The same products one after the other, on random numbers that are there already, and nothing between them.

    No activations, no concatenations, no padding but what the convolutions do themselves. Tensors at the same
    place of the arguments share their memory, so that the loop of any scene is small.

    Parameters
    ----------
    products : sequence of Product
    where : device
    """

    def __init__(self, products: Sequence[Product], where: torch.device) -> None:
        places: dict[tuple[Any, torch.dtype], int] = {}
        for product in products:
            for key, shape in _tensors(product):
                places[key, shape.dtype] = max(places.get((key, shape.dtype), 0), shape.reach)
        self._memory = {at: torch.randn(n, device=where).to(at[1]) for at, n in places.items()}
        self._calls = [self._filled(product) for product in products]

    def _filled(self, product: Product) -> tuple[Any, list[Any], dict[str, Any]]:
        views = {
            key: torch.as_strided(self._memory[key, shape.dtype], shape.size, shape.stride)
            for key, shape in _tensors(product)
        }
        args = [views.get(i, arg) for i, arg in enumerate(product.args)]
        return product.operation, args, {name: views.get(name, value) for name, value in product.kwargs.items()}

    def run(self) -> None:
        """Run them all."""
        with torch.inference_mode():
            for operation, args, kwargs in self._calls:
                operation(*args, **kwargs)


def _tensors(product: Product) -> Iterator[tuple[Any, Shape]]:
    named = [*enumerate(product.args), *product.kwargs.items()]
    return ((key, value) for key, value in named if isinstance(value, Shape))


@dataclass
class Call:
    """One call of a function: what it was given, and how long it took."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    seconds: float = field(default=0.0)


@contextmanager
def overheard(function: Callable[..., Any], where: torch.device, **more: Any) -> Iterator[list[Call]]:
    """Note every call of a function meanwhile, whichever module calls it by whatever name.

    Parameters
    ----------
    function : callable
        Of a module.
    **more
        Given to every call in place of its own.
    """
    calls: list[Call] = []

    @functools.wraps(function)
    def heard(*args: Any, **kwargs: Any) -> Any:
        call = Call(args, kwargs | more)
        calls.append(call)
        finished(where)
        start = time.perf_counter()
        said = function(*args, **call.kwargs)
        finished(where)
        call.seconds = time.perf_counter() - start
        return said

    modules = [module for module in list(sys.modules.values()) if isinstance(getattr(module, "__dict__", None), dict)]
    places = [(module, name) for module in modules for name, v in list(vars(module).items()) if v is function]
    for module, name in places:
        setattr(module, name, heard)
    try:
        yield calls
    finally:
        for module, name in places:
            setattr(module, name, function)
