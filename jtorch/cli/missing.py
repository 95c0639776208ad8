"""Why a name of PyTorch is not in jtorch: the reasons of missing.json, as part of the errors that PyTorch raises."""

from __future__ import annotations

import os
import sys
from functools import cache
from opcode import opmap


@cache
def reasons() -> dict[str, str]:
    """By the name, or by what it begins with."""
    import json  # only errors need it

    with open(os.path.join(os.path.dirname(__file__), "missing.json"), encoding="utf-8") as file:
        return json.load(file)


def reason(name: str) -> str | None:
    """The entry that says most of a name; None if no entry does."""
    parts = name.split(".")
    known = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
    return next((reasons()[k] for k in known if k in reasons()), None)


def explained(text: str, name: str) -> str:
    """PyTorch's text for an unknown name, and one sentence more if the name is PyTorch's."""
    why = reason(name)
    return text if why is None else f"{text}. jtorch does not have {name}: {why}."


def attribute_error(module):
    """What raises PyTorch's error for an attribute that a module does not have: the module's `__getattr__`."""

    def __getattr__(name):
        home = module.__name__
        asking = sys._getframe(1)
        if not name.startswith("__") and asking.f_code.co_code[asking.f_lasti] == opmap["IMPORT_FROM"]:
            # Python replaces an AttributeError by its own ImportError, without the reason.
            text = f"cannot import name {name!r} from {home!r} ({module.__file__})"
            raise ImportError(explained(text, f"{home}.{name}"), name=home, path=module.__file__)
        text = f"module {home!r} has no attribute {name!r}"
        raise AttributeError(explained(text, f"{home}.{name}"), name=name, obj=module)

    return __getattr__
