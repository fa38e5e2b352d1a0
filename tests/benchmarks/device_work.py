"""What a device is told to do: the operations of a network one by one, and who called what for how long."""

from __future__ import annotations

import functools
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.device_rates import finished

__all__ = ["Call", "Loop", "Product", "Shape", "Watch", "counter", "overheard"]

aten = torch.ops.aten


def _recurrent(backward: bool) -> Callable[..., int]:
    """Operations of recurrent layers in one: every weight is used once for every date of every sequence."""

    def count(sequences: Sequence[int], *more: Any, **named: Any) -> int:
        # A list of all weights (cuDNN), or two matrices and two biases (oneDNN).
        weights = more[0] if isinstance(more[0][0], Sequence) else more[:2]
        used = sum(math.prod(shape) for shape in weights if len(shape) == 2)
        return (4 if backward else 2) * math.prod(sequences[:2]) * used

    return count


RECURRENT = {
    aten.mkldnn_rnn_layer: _recurrent(backward=False),
    aten.mkldnn_rnn_layer_backward: _recurrent(backward=True),
    aten._cudnn_rnn: _recurrent(backward=False),
    aten._cudnn_rnn_backward: _recurrent(backward=True),
}
"""How operations are counted that torch does not count: LSTM layers as they run on CPUs and NVIDIA GPUs."""


def counter() -> FlopCounterMode:
    """Counts what is run meanwhile: ``get_total_flops()``; a multiplication and an addition count as two."""
    return FlopCounterMode(display=False, custom_mapping=RECURRENT)


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
        self._counts = counter().flop_registry

    @property
    def dtype(self) -> torch.dtype:
        """The numbers of most operations."""
        total: dict[torch.dtype, int] = {}
        for one in self.products:
            dtype = next(arg.dtype for arg in one.args if isinstance(arg, Shape))
            total[dtype] = total.get(dtype, 0) + one.flops
        return max(total, key=lambda dtype: total[dtype], default=torch.float32)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        count = self._counts.get(func._overloadpacket)
        if count is None:
            with self:  # what is made of others (linear, conv2d, lstm) shows its parts
                made = func.decompose(*args, **kwargs)
            return func(*args, **kwargs) if made is NotImplemented else made
        out = func(*args, **kwargs)
        flops = int(count(*args, **kwargs, out_val=out))
        shapes = tuple(_shape(arg) for arg in args)
        self.products.append(Product(func, shapes, {k: _shape(v) for k, v in kwargs.items()}, flops))
        return out


def _dense(shape: Shape) -> Shape:
    """An image without holes, its channels innermost where they were."""
    if len(shape.size) != 4:
        return shape
    form = torch.channels_last if shape.stride[1] == 1 and shape.size[1] > 1 else torch.contiguous_format
    empty = torch.empty(shape.size, dtype=shape.dtype, device="meta", memory_format=form)
    return Shape(shape.size, empty.stride(), shape.dtype)


def _shape(value: Any) -> Any:
    return Shape(tuple(value.shape), value.stride(), value.dtype) if isinstance(value, torch.Tensor) else value


class Loop:
    """The same products one after the other, on random numbers that are there already, and nothing between them.

    No activations, no concatenations, no padding but what the convolutions do themselves, and no copies: images lie
    densely, also where the network gave a part of a larger array, which torch copies first. Tensors at the same place
    of the arguments share their memory, so that the loop of any scene is small.

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
    return ((key, _dense(value)) for key, value in named if isinstance(value, Shape))


@dataclass
class Call:
    """One call of a function: what it was given, and how long it took."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    seconds: float = field(default=0.0)


@contextmanager
def overheard(
    function: Callable[..., Any], where: torch.device, change: Callable[[Call], Mapping[str, Any]] | None = None
) -> Iterator[list[Call]]:
    """Note every call of a function meanwhile, whichever module calls it by whatever name.

    Parameters
    ----------
    function : callable
        Of a module.
    change : callable
        What the function is to be given by name in place of what it was given.
    """
    calls: list[Call] = []

    @functools.wraps(function)
    def heard(*args: Any, **kwargs: Any) -> Any:
        call = Call(args, kwargs)
        calls.append(call)
        given = ((), change(call)) if change else (args, kwargs)
        finished(where)
        start = time.perf_counter()
        said = function(*given[0], **given[1])
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
