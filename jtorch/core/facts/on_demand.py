"""Modules that are imported when they are first asked for, so that importing jtorch takes no longer with them."""

from __future__ import annotations

import importlib

_ON_DEMAND = ("distributed", "futures")


def module_on_demand(name):
    """The submodule of jtorch with this name: the `__getattr__` of the package."""
    if name in _ON_DEMAND:
        return importlib.import_module(f"jtorch.{name}")
    raise AttributeError(f"module 'jtorch' has no attribute {name!r}")
