"""The mathematics: pure functions on jax arrays under `@op`, in files by what a reader looks for.

`publish` gathers what these files define, so that no list of names is kept by hand.
"""

from __future__ import annotations

import importlib
from types import FunctionType

from jtorch.core.tensor import taken_over

from jtorch.core.op import explained


def _kind(home):
    return "functional" if home == "jtorch.nn.functional" else "functions"


def publish(namespace: dict, *modules, package="jtorch.core.ops") -> list[str]:
    """Put the public functions and classes that modules of a package define into a namespace; returns their names.

    `help` and pickles name a function by the module where users find it.
    """
    names = []
    for module in [importlib.import_module(f"{package}.{m}") for m in modules]:
        for name, value in vars(module).items():
            own = getattr(value, "__module__", None) == module.__name__ or hasattr(value, "op")
            if own and callable(value) and not name.startswith("_"):
                plain = isinstance(value, FunctionType) and not hasattr(value, "op") and package == "jtorch.core.ops"
                made = explained(
                    taken_over(value) if plain else value, name, _kind(namespace["__name__"]), namespace["__name__"]
                )
                namespace[name] = made
                if namespace["__name__"] == "jtorch.nn.functional" and not hasattr(value, "op"):
                    setattr(module, name, made)  # modules of jtorch.nn call it there
                names.append(name)
    if package == "jtorch.core.ops":
        for name in names:
            namespace[name].__module__ = namespace["__name__"]
    return names
