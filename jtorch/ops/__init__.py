"""The mathematics: pure functions on jax arrays under `@op`, in files by what a reader looks for.

`publish` gathers what these files define, so that no list of names is kept by hand.
"""

from __future__ import annotations


def publish(namespace: dict, *modules) -> list[str]:
    """Put the public functions and classes that the modules define into a namespace; returns their names."""
    names = []
    for module in modules:
        for name, value in vars(module).items():
            own = getattr(value, "__module__", None) == module.__name__ or hasattr(value, "op")
            if own and callable(value) and not name.startswith("_"):
                namespace[name] = value
                names.append(name)
    return names
