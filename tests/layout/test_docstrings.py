"""Each public class says what a user needs: what it is, what each argument of its constructor means, and an example.

The examples run as doctests.
"""

import enum
import importlib
import inspect
import re

import pytest

MODULES = """
nn nn.attention nn.parallel nn.parameter nn.utils.parametrize nn.utils.prune nn.utils.rnn
optim optim.lr_scheduler optim.swa_utils utils.data
distributions distributions.constraints distributions.transforms
autograd autograd.forward_ad autograd.functional autograd.graph autograd.profiler func
""".split()
# The names say nothing, so a docstring need not repeat them.
ANY = {"args", "kwargs"}


def public_classes():
    """The classes that a module offers and jtorch defines, each once. A class of `jtorch.core` is an inner one."""
    found = {}
    for name in MODULES:
        module = importlib.import_module(f"jtorch.{name}")
        for public in getattr(module, "__all__", None) or [n for n in dir(module) if not n.startswith("_")]:
            thing = getattr(module, public)
            if isinstance(thing, type) and re.match(r"jtorch\.(?!core\.)", thing.__module__):
                found.setdefault(thing, f"{name}.{public}")
    return {name: thing for thing, name in found.items()}


CLASSES = public_classes()


def parameters(cls):
    """The names of the constructor's parameters. An enumeration has none that users give."""
    return [] if issubclass(cls, enum.Enum) else list(inspect.signature(cls).parameters)


def test_the_classes_are_found():
    assert {"nn.Linear", "optim.SGD", "utils.data.Subset", "distributions.Normal", "autograd.no_grad"} <= CLASSES.keys()


@pytest.mark.parametrize("name", CLASSES)
def test_a_public_class_explains_its_arguments_and_shows_an_example(name):
    doc = vars(CLASSES[name]).get("__doc__") or ""
    assert doc, f"{name} has no docstring"
    missing = [p for p in parameters(CLASSES[name]) if p not in ANY and not re.search(rf"\b{p}\b", doc)]
    assert not missing, f"the docstring of {name} does not name {missing}"
    assert ">>> " in doc, f"the docstring of {name} has no example"
