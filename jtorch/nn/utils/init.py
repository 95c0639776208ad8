"""skip_init: modules without initial values."""

from __future__ import annotations

import inspect

from jtorch.nn.modules.module import Module


def skip_init(module_cls, *args, **kwargs):
    """A module with uninitialised parameters. It draws no random numbers.

    Raises:
        RuntimeError: not a Module class, or one without a `device` argument.
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    device = kwargs.pop("device", "cpu")
    kwargs["device"] = "meta"
    return module_cls(*args, **kwargs).to_empty(device=device)
