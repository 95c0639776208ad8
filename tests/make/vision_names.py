"""fixtures/vision_names.json: the functions and classes that torchvision 0.29's modules show.

Run it where torchvision is: see tests/vision/reference.py.
"""

import importlib
import json
import pkgutil

from tests import FIXTURES
from tests.vision import reference


def shown(module):
    """The public functions and classes of torchvision that a module shows."""
    names = vars(module).items()
    return sorted(
        name
        for name, made in names
        if not name.startswith("_")
        and callable(made)
        and str(getattr(made, "__module__", "")).startswith("torchvision")
    )


def make():
    _, vision = reference.torchvision()
    found = {}
    for info in pkgutil.walk_packages(vision.__path__, "torchvision."):
        if any(part.startswith("_") for part in info.name.split(".")):
            continue
        try:
            found[info.name] = shown(importlib.import_module(info.name))
        except Exception:  # a module for Meta's own machines, or one that warns and fails
            continue
    lines = [f"{json.dumps(name)}: {json.dumps(names)}" for name, names in sorted(found.items()) if names]
    (FIXTURES / "vision_names.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
