"""`torch.nn.parallel.parallel_apply`: several modules, each with its inputs on its device."""

from __future__ import annotations

import contextlib
import importlib

from jtorch.core.facts import devices as places
from jtorch.core.tensor import Tensor
from jtorch.nn.parallel.scatter_gather import accelerator_index

__all__ = ["parallel_apply"]


def _first_tensor(inputs):
    """The first tensor inside, or None."""
    if isinstance(inputs, Tensor):
        return inputs
    items = inputs.items() if isinstance(inputs, dict) else inputs if isinstance(inputs, tuple | list) else ()
    return next((found for item in items if (found := _first_tensor(item)) is not None), None)


def parallel_apply(modules, inputs, kwargs_tup=None, devices=None):
    """Call each module with its inputs, while "cuda" without an index means its device.

    Args:
        modules: a module for each device.
        inputs: the argument of each module, or a tuple or list of its arguments.
        kwargs_tup: a dict of keyword arguments for each module.
        devices: the device of each module; None: that of its first tensor.

    Raises:
        AssertionError: the numbers of modules, inputs and devices differ.
        the exception of a module: its type, with the number of the module and its traceback in the message.

    Differs from torch: one thread calls the modules in their order. The devices still compute at the same time: a call records the
    module's lines, and an accelerator computes while Python goes on.

    >>> torch.nn.parallel.parallel_apply([torch.nn.ReLU(), torch.nn.Tanh()], [torch.ones(1), torch.zeros(1)])
    [tensor([1.]), tensor([0.])]
    """
    n = len(modules)
    kwargs_tup = [{}] * n if kwargs_tup is None else kwargs_tup
    devices = [None] * n if devices is None else devices
    for name, given in ("inputs", inputs), ("kwargs_tup", kwargs_tup), ("devices", devices):
        if len(given) != n:
            raise AssertionError(f"The number of modules {n} is not equal to the number of {name} {len(given)}")
    calls = zip(modules, inputs, kwargs_tup, devices, strict=True)
    return [_apply(i, *call) for i, call in enumerate(calls)]


def _apply(i, module, inputs, kwargs, device):
    if device is None:
        found = _first_tensor(inputs)
        if found is not None and not found.is_cpu:
            device = found.device
    index = None if device is None else accelerator_index(device)
    try:
        with contextlib.nullcontext() if index is None else _current(index):
            return module(*(inputs if isinstance(inputs, tuple | list) else (inputs,)), **kwargs)
    except Exception as error:
        worker = importlib.import_module("jtorch.utils.data._utils.worker")  # not before something fails
        worker.Failure.caught(error, f"in replica {i} on device {'cpu' if index is None else index}").reraise()


@contextlib.contextmanager
def _current(index):
    before = places.current_index("cuda")
    places.set_current_index(index)
    try:
        yield
    finally:
        places.set_current_index(before)
