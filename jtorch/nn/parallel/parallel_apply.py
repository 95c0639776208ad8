"""`torch.nn.parallel.parallel_apply`: several modules, each with its inputs."""

from __future__ import annotations

__all__ = ["parallel_apply"]


def parallel_apply(modules, inputs, kwargs_tup=None, devices=None):
    """Call each module with its inputs."""
    kwargs = kwargs_tup or [{}] * len(modules)
    called = []
    for module, given, named in zip(modules, inputs, kwargs, strict=True):
        called.append(module(*(given if isinstance(given, list | tuple) else (given,)), **named))
    return called
