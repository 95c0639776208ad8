"""`torch.return_types`: the named tuples that functions with several results return."""

from jtorch.core.facts import CLASSES, ReturnType

globals().update(CLASSES)
all_return_types = list(CLASSES.values())


def __getattr__(name: str) -> type[ReturnType]:
    raise AttributeError(f"module 'torch.return_types' has no attribute '{name}'")


def __dir__() -> list[str]:
    return [*CLASSES, "all_return_types"]
