"""A stand-in for CUDA on a machine without one: what lives there, and what may not meet it.

Tensors keep their numbers on the CPU but say that they are on ``cuda:0``, and every function of
torch that ours call is watched: a tensor of the CPU that meets one of the device, a generator that
draws elsewhere, a tensor that becomes an array without ``.cpu()`` raise as on CUDA. So do
functions that have no deterministic form there (``torch.use_deterministic_algorithms`` lists
them), those of the backward pass included.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._device import _device_constructors
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

DEVICE = torch.device("cuda", 0)
CPU_GENERATOR = torch.Generator
CONSTRUCTORS = _device_constructors()
NO_FORM = {
    *("median.dim", "nanmedian.dim", "kthvalue", "mode", "histc", "put_", "nll_loss_forward"),
    *("cumsum (of floats)", "bincount (weighted)", "scatter_reduce (prod)", "index_reduce"),
    *("_adaptive_avg_pool2d_backward", "adaptive_max_pool2d_backward", "avg_pool3d_backward"),
    *("max_pool2d_with_indices_backward", "fractional_max_pool2d_backward", "max_unpool2d"),
    *(
        "upsample_linear1d_backward",
        "upsample_bicubic2d_backward",
        "upsample_trilinear3d_backward",
    ),
    *("reflection_pad1d_backward", "reflection_pad2d_backward", "grid_sampler_2d_backward"),
    *("_ctc_loss_backward", "_embedding_bag_backward", "_cdist_backward"),
}
"""What raises on CUDA where a run must repeat."""
ANYWHERE = {
    *("__set__", "dim", "size", "__len__", "numel", "requires_grad_", "tolist", "item"),
    *("__repr__", "__format__", "backward", "cpu", "to", "__deepcopy__", "__reduce_ex__", "copy_"),
}
"""Functions that do not compute with two tensors."""


class Moved(Tensor):
    """A tensor that says that it is on the device."""

    @property
    def device(self) -> torch.device:
        """Where it pretends to be."""
        return DEVICE

    def __deepcopy__(self, memo: dict) -> Tensor:
        return move(back(self.detach()).clone()).requires_grad_(self.requires_grad)


class MovedGenerator(CPU_GENERATOR):
    """A generator that says that it is on the device, with a state as short as one there has."""

    device = DEVICE

    def get_state(self) -> Tensor:
        """Seed and offset, as on CUDA; the real state is kept aside."""
        kept.append(super().get_state())
        return torch.tensor([0] * 8 + list(len(kept).to_bytes(8, "little")), dtype=torch.uint8)

    def set_state(self, state: Tensor) -> "MovedGenerator":
        """Takes back what `get_state` gave, and nothing else."""
        if not (isinstance(state, Tensor) and type(state) is Tensor):
            raise TypeError("RNG state must be a torch.ByteTensor")
        if len(state) != 16:
            raise RuntimeError("RNG state is wrong size")
        super().set_state(kept[int.from_bytes(bytes(state[8:].tolist()), "little") - 1])
        return self


kept: list[Tensor] = []


def there(device: Any) -> bool:
    """Whether a device is the one that is pretended."""
    return device is not None and torch.device(device).type == "cuda"


def move(value: Tensor) -> Tensor:
    """A tensor on the device."""
    return value if isinstance(value, Moved) else value.as_subclass(Moved)


def back(value: Tensor) -> Tensor:
    """A tensor on the CPU."""
    return value.as_subclass(Tensor) if isinstance(value, Moved) else value


class Watch(TorchFunctionMode):
    """Moves tensors where they are asked to, and refuses what CUDA refuses."""

    def __torch_function__(
        self, func: Callable, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", str(func))
        if name == "__get__":
            return self.read(func, args)
        if func in CONSTRUCTORS:
            return self.construct(func, args, kwargs)
        if func in (Tensor.to, Tensor.cuda):
            return self.to(func, args, kwargs)
        if func is Tensor.cpu:
            return back(args[0])
        if func in (Tensor.numpy, Tensor.__array__) and isinstance(args[0], Moved):
            raise TypeError("can't convert cuda:0 device type tensor to numpy: call .cpu() first")
        if name not in ANYWHERE:
            self.compare(name, args, kwargs)
        return func(*args, **kwargs)

    def compare(self, name: str, args: Any, kwargs: dict[str, Any]) -> None:
        """Refuses tensors and generators of two devices; the CPU's single numbers may come."""
        tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
        if (generator := kwargs.get("generator")) is not None:
            for tensor in tensors:
                self.same(name, tensor.device, generator.device)
        moved = [x for x in tensors if isinstance(x, Moved)]
        if moved and len(moved) < len(tensors) and ours():
            indexed = name in ("__getitem__", "__setitem__") and isinstance(args[0], Moved)
            for x in tensors:
                if not isinstance(x, Moved) and x.dim() > 0 and not indexed:
                    raise RuntimeError(f"{name}: a tensor of the CPU meets one of {DEVICE}")

    @staticmethod
    def read(func: Callable, args: Any) -> Any:
        """An attribute of a tensor, quickly: most calls are that."""
        with torch._C.DisableTorchFunctionSubclass():
            value = func(*args)
        if isinstance(value, Tensor) and isinstance(args[0], Moved):
            return move(value)
        return value

    def construct(self, func: Callable, args: Any, kwargs: dict[str, Any]) -> Tensor:
        """A new tensor, where it is asked for, by a generator that lives there."""
        device = kwargs.pop("device", None)
        source = [x for x in tree_leaves(args) if isinstance(x, Moved)]
        if (generator := kwargs.get("generator")) is not None:
            self.same(func.__name__, device or "cpu", generator.device)
        if source and device is None:  # torch.as_tensor(tensor), torch.tensor([tensor])
            if any(x.dim() for x in source) and func is not torch.as_tensor:
                raise RuntimeError(f"{func.__name__} of a tensor of {DEVICE}")
            device = DEVICE if func is torch.as_tensor else None
        made = func(*(back(x) if isinstance(x, Tensor) else x for x in args), **kwargs)
        return move(made) if there(device) else made

    @staticmethod
    def to(func: Callable, args: Any, kwargs: dict[str, Any]) -> Tensor:
        """``Tensor.to`` in all its forms."""
        value, *rest = args
        target = DEVICE if func is Tensor.cuda else kwargs.pop("device", value.device)
        others = []
        for x in rest:
            if isinstance(x, Tensor):
                target, x = x.device, x.dtype
            if isinstance(x, str | torch.device):
                target = x
            else:
                others.append(x)
        done = back(value).to(*others, **kwargs) if others or kwargs else back(value)
        return move(done) if there(target) else done

    @staticmethod
    def same(name: str, device: Any, other: Any) -> None:
        """A generator draws on its own device only."""
        if there(device) != there(other):
            raise RuntimeError(f"{name}: expected a generator of {device}, got one of {other}")


def ours() -> bool:
    """Whether the function was called by our packages, and not by torch itself."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    return frame is not None and "site-packages" not in frame.f_code.co_filename


class Deterministic(TorchDispatchMode):
    """Refuses what has no deterministic form on CUDA."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        full = func.__name__.removesuffix(".default")
        base = full.split(".")[0]
        if base == "cumsum" and args[0].is_floating_point():
            base = "cumsum (of floats)"
        if base == "bincount" and len(args) > 1 and args[1] is not None:
            base = "bincount (weighted)"
        if base == "scatter_reduce" and args[4] == "prod":
            base = "scatter_reduce (prod)"
        if {full, base} & NO_FORM:
            raise RuntimeError(f"{full} does not have a deterministic implementation on CUDA")
        return func(*args, **(kwargs or {}))


def _module_to(self: nn.Module, device: Any = None, *_: Any, **__: Any) -> nn.Module:
    if there(device):
        for module in self.modules():
            for name, value in module._parameters.items():
                if value is not None:
                    data = move(value.detach()).requires_grad_(value.requires_grad)
                    data._is_param = True
                    module._parameters[name] = data
            for name, buffer in module._buffers.items():
                if buffer is not None:
                    module._buffers[name] = move(buffer)
    return self


class _AnyGenerator(type(CPU_GENERATOR)):  # type: ignore[misc]
    """What is imported within still takes generators of both devices."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, CPU_GENERATOR)


class _Generator(CPU_GENERATOR, metaclass=_AnyGenerator):
    """Stands for ``torch.Generator``, which makes those of either device."""

    def __new__(cls, device: Any = "cpu") -> torch.Generator:  # type: ignore[misc]
        return MovedGenerator() if there(device) else CPU_GENERATOR()


@contextlib.contextmanager
def pretended() -> Iterator[None]:
    """Within it there is a device ``cuda``."""
    with (
        mock.patch.object(nn.Module, "to", _module_to),
        mock.patch.object(torch, "Generator", _Generator),
        Deterministic(),
        Watch(),
    ):
        yield
