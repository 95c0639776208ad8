"""`torch.return_types`: the named tuples that functions with several results return."""

from jtorch.core.facts import CLASSES


def __getattr__(name: str):
    if name in CLASSES:
        return CLASSES[name]
    if name == "all_return_types":
        return list(CLASSES.values())
    raise AttributeError(f"module 'torch.return_types' has no attribute '{name}'")


def __dir__() -> list[str]:
    return [*CLASSES, "all_return_types"]
