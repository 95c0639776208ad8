"""Modules that are imported when they are first asked for, so that `import jtorch` stays quick.

PyTorch's users write `torch.profiler.profile()` after `import torch` alone. A package names such modules in one list.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping


def lazy_modules(
    package: str, names: str, elsewhere: Mapping[str, str] = {}, unlisted: str = ""
) -> tuple[Callable, Callable]:
    """The `__getattr__` and `__dir__` of a package that imports some of its modules late.

    Args:
        package: its `__name__`.
        names: modules of the package, separated by spaces.
        elsewhere: name -> "module:attribute", for a name that stands for an attribute of another module.
        unlisted: names of more modules, or of what the package has, which `dir` does not show because PyTorch has no such name.

    Raises:
        AttributeError: from `__getattr__`, for any other name; with Python's message.
    """
    modules, others = names.split(), unlisted.split()

    def __getattr__(name):
        if name in modules or name in others:
            return importlib.import_module(f"{package}.{name}")
        if name in elsewhere:
            module, _, attribute = elsewhere[name].partition(":")
            return getattr(importlib.import_module(module), attribute)
        raise AttributeError(f"module '{package}' has no attribute '{name}'")

    def __dir__():
        return sorted(
            {*vars(sys.modules[package]), *modules, *elsewhere} - {"__dir__", "__getattr__", "lazy_modules", *others}
        )

    return __getattr__, __dir__
