"""Why a name of PyTorch is not in jtorch: the reasons of missing.json, as part of the errors that PyTorch raises."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import cache
from importlib import import_module
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


class MissingAttribute:
    """In a class in place of an attribute that PyTorch has and jtorch does not: to read it raises PyTorch's error."""

    def __init__(self, name):
        self.name = name

    def __get__(self, instance, owner):
        attribute = self.name.rpartition(".")[2]
        kind = f"type object {owner.__name__!r}" if instance is None else f"{owner.__name__!r} object"
        text = explained(f"{kind} has no attribute {attribute!r}", self.name)
        raise AttributeError(text, name=attribute, obj=owner if instance is None else instance)


def explain_attributes(cls) -> None:
    """Put a MissingAttribute into a class for each of its attributes that has a reason. A `__getattr__` of the class would
    make each attribute that is there slower to read."""
    for name in reasons():
        home, _, attribute = name.partition(".")
        if home == cls.__name__ and attribute and not hasattr(cls, attribute):
            setattr(cls, attribute, MissingAttribute(name))


def attribute_error(module):
    """What raises PyTorch's error for an attribute that a module does not have: the module's `__getattr__`.

    A module that has one may give the attribute first, such as a submodule that is imported when it is needed.
    """
    given = vars(module).get("__getattr__")

    def __getattr__(name):
        home = module.__name__
        if given is not None:
            with suppress(AttributeError):
                found = given(name)
                # By PyTorch's name, so that what the submodule defines has PyTorch's names, too.
                is_file = isinstance(found, type(sys)) and found.__spec__ is not None  # torch.ops has none
                return import_module(f"{home}.{name}") if is_file else found
        asking = sys._getframe(1)
        if not name.startswith("__") and asking.f_code.co_code[asking.f_lasti] == opmap["IMPORT_FROM"]:
            # Python replaces an AttributeError by its own ImportError, without the reason.
            text = f"cannot import name {name!r} from {home!r} ({module.__file__})"
            raise ImportError(explained(text, f"{home}.{name}"), name=home, path=module.__file__)
        text = f"module {home!r} has no attribute {name!r}"
        raise AttributeError(explained(text, f"{home}.{name}"), name=name, obj=module)

    return __getattr__
