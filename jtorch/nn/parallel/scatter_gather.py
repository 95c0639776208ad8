"""`torch.nn.parallel.scatter_gather`: split a batch into parts for several devices, and join what they computed."""

from __future__ import annotations

import warnings
from itertools import repeat

from jtorch.core.facts import device, devices
from jtorch.core.ops.gather.joining import cat
from jtorch.core.tensor import Tensor

__all__ = ["gather", "scatter", "scatter_kwargs"]


def accelerator_index(given) -> int:
    """The index of an accelerator that is named by an index, a device or its text.

    Raises:
        ValueError: it names the CPU.
    """
    if isinstance(given, int):
        return given
    named = device(given)
    if devices.KINDS[named.type].host:
        raise ValueError(f"Expected a non cpu device, but got: {named}")
    return devices.current_index(named.type) if named.index is None else named.index


def accelerator_at(given) -> device:
    """An accelerator of this machine, named as in `accelerator_index`.

    Raises:
        RuntimeError: there is no accelerator, or none with this index.
    """
    kind = devices.accelerator()
    if kind is None:
        raise RuntimeError("no available devices were found")
    return devices.place(device(kind.name, accelerator_index(given))).device


def _is_named(given):
    return isinstance(given, tuple) and hasattr(given, "_fields")


def scatter(inputs, target_gpus, dim=0):
    """Split tensors into a part for each device and copy the parts there.

    Args:
        inputs: a tensor, or tuples, lists and dicts of tensors. Anything else goes to each device as it is.
        target_gpus: the devices. A short batch may give fewer parts than there are devices.
        dim: the dimension to split. The parts are those of `torch.chunk`.

    Returns:
        a list with one such object for each part; a tuple for a tensor.

    Differs from torch: the parts have the history of a split and a copy, not of a ScatterBackward.

    >>> torch.nn.parallel.scatter(["a", {}], [0, 1])
    [['a', {}], ['a', {}]]
    """
    if isinstance(inputs, Tensor):
        parts = inputs.chunk(len(target_gpus), dim)
        return tuple([part.to(accelerator_at(d)) for part, d in zip(parts, target_gpus, strict=False)])
    if isinstance(inputs, tuple | list | dict) and len(inputs):
        items = inputs.items() if isinstance(inputs, dict) else inputs
        rows = zip(*[scatter(item, target_gpus, dim) for item in items], strict=False)
        make = type(inputs)._make if _is_named(inputs) else type(inputs)
        return [make(row) for row in rows]
    return [inputs for _ in target_gpus]


def scatter_kwargs(inputs, kwargs, target_gpus, dim=0):
    """`scatter` of positional and keyword arguments: (a tuple of arguments for each device, a dict for each device)."""
    cut = list(scatter(inputs, target_gpus, dim)) if inputs else []
    named = list(scatter(kwargs, target_gpus, dim)) if kwargs else []
    cut += repeat((), len(named) - len(cut))
    named += [{} for _ in range(len(cut) - len(named))]
    return tuple(cut), tuple(named)


def gather(outputs, target_device, dim=0):
    """Join what several devices computed on one of them.

    Args:
        outputs: an object for each device: a tensor, None, or tuples, lists and dicts of them, all of one structure.
        target_device: where the result goes; "cpu" or -1 for the host.
        dim: the dimension along which tensors are joined. Scalars become a vector, with a warning.

    Raises:
        ValueError: the dicts have different numbers of keys.

    Differs from torch: tensors of the CPU are joined too. The history is that of `torch.cat` and of copies, not a GatherBackward.

    >>> with warnings.catch_warnings(action="ignore"):
    ...     torch.nn.parallel.gather([{"loss": torch.tensor(1.0)}, {"loss": torch.tensor(3.0)}], "cpu")
    {'loss': tensor([1., 3.])}
    """
    first = outputs[0]
    if isinstance(first, Tensor):
        return _joined_tensors(outputs, _gather_place(target_device), dim)
    if first is None:
        return None
    if isinstance(first, dict):
        if any(len(first) != len(other) for other in outputs):
            raise ValueError("All dicts must have the same number of keys")
        return type(first)((key, gather([out[key] for out in outputs], target_device, dim)) for key in first)
    parts = [gather(group, target_device, dim) for group in zip(*outputs, strict=True)]
    return type(first)._make(parts) if _is_named(first) else type(first)(parts)


def _gather_place(given):
    on_host = given == -1 if isinstance(given, int) else devices.KINDS[device(given).type].host
    return device("cpu") if on_host else accelerator_at(given)


def _joined_tensors(parts, target, dim):
    if dim == 0 and all(part.dim() == 0 for part in parts):
        warnings.warn(
            "Was asked to gather along dimension 0, but all input tensors were scalars; will instead unsqueeze and return a vector.",
            stacklevel=2,
        )
        parts = [part.view(1) for part in parts]
    return cat([part.to(target) for part in parts], dim)
