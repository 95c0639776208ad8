"""Modules made without drawing their first values."""

from __future__ import annotations

import inspect

from jtorch.nn.modules.module import Module


def skip_init(module_cls, *args, **kwargs):
    """A module with uninitialised parameters, and without the draws that would initialise them.

    Raises:
        RuntimeError: no Module, or one that takes no device.
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    device = kwargs.pop("device", "cpu")
    kwargs["device"] = "meta"
    return module_cls(*args, **kwargs).to_empty(device=device)
