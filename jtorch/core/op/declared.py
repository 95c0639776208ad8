"""Functions that users find under `torch`, `torch.nn.functional`, `torch.linalg`, ..., declared where they are written.

An op is declared by `@op`, a function that chooses among ops by `@public`; both are in `OPS`. The rest of what is
public in `jtorch.core.ops` is declared here: `jtorch.core.ops.functions` and `functional` offer all of it by name.
"""

from __future__ import annotations

import functools
import inspect

from jtorch.core.grad import no_grad
from jtorch.core.op.op import OPS
from jtorch.core.op.out import store
from jtorch.core.op.plain import with_torch_errors
from jtorch.core.op.torch_function import overridable_on_failure
from jtorch.core.tensor import Tensor, overridable

FUNCTIONS: dict[str, object] = {}  # name -> the function of torch
FUNCTIONAL: dict[str, object] = {}  # name -> the function of torch.nn.functional
ELSEWHERE: dict[str, dict] = {}  # "jtorch.linalg" -> name -> the function of another module


def function(fn=None, *, name=None, method=False):
    """Declare a plain function of `torch`. Files of jtorch call the function itself. Users get a form that raises
    PyTorch's TypeErrors and hands the whole call to a class that overrides functions.

    Args:
        name: PyTorch's name where it is another: `arccos = function(acos, name="arccos")`.
        method: attach it to Tensor, too.
    """
    if fn is None:
        return lambda fn: function(fn, name=name, method=method)
    name = name or fn.__name__
    made = FUNCTIONS[name] = with_torch_errors(
        fn if hasattr(fn, "op") else overridable(fn), name, "functions", "jtorch"
    )
    made.__module__ = "jtorch"
    if method:
        setattr(Tensor, name, fn)
    return fn


def functional(fn):
    """Declare a plain function of `torch.nn.functional`. Layers and other files call it in the form that users get."""
    name = fn.__name__
    made = FUNCTIONAL[name] = with_torch_errors(overridable(fn), name, "functional", "jtorch.nn.functional")
    made.__module__ = "jtorch.nn.functional"
    return made


def with_out(fn):
    """The function with `out=`, where it has none of its own: its result is written there, which takes its shape."""

    @functools.wraps(fn, updated=())
    def made(*args, out=None, **kwargs):
        result = fn(*args, **kwargs)
        return result if out is None else store(out, result, made.__name__)

    del made.__wrapped__
    own = inspect.signature(fn)
    given = inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None)
    made.__signature__ = own.replace(parameters=[*own.parameters.values(), given])
    return made


_OF_TENSORS = ("jtorch.linalg", "jtorch.fft", "jtorch.special")


def public_in(home):
    """Declare a function of another public module, such as `jtorch.linalg`: pickles and `help` name it there.

    An op may have the module's name before its own, as PyTorch's have: `special_bessel_j0` is `torch.special.bessel_j0`.
    """
    prefix = home.rpartition(".")[2] + "_"

    def declare(fn):
        if home in _OF_TENSORS and not hasattr(fn, "renamed"):
            fn = overridable_on_failure(fn)
        fn.__module__, name = home, fn.__name__.removeprefix(prefix)
        ELSEWHERE.setdefault(home, {})[name] = fn
        if home in _OF_TENSORS:
            fn.__name__ = prefix + name  # PyTorch's; pickle goes by `__qualname__`
            fn.called_as = prefix + name, "functions"
        return fn

    return declare


def constant_in(home):
    """As `public_in`, for an op that PyTorch has no derivative of: its results require no gradient."""

    def declare(made):
        @functools.wraps(made)
        def constant(*args, **kwargs):
            with no_grad():
                return made(*args, **kwargs)

        return public_in(home)(constant)

    return declare


def of_torch(name):
    """The function of `torch` with this name, or None if none is declared."""
    made = FUNCTIONS.get(name)
    if made is None and not name.startswith("_"):
        made = OPS.get(name)
        if made is None:
            made = FUNCTIONAL.get(name)
            made = made and with_torch_errors(made, name, "functions")
        elif not hasattr(made, "op"):
            made = with_torch_errors(overridable(getattr(made, "plain", made)), name, "functions")
        if made is not None:
            made.__module__ = "jtorch"
            FUNCTIONS[name] = made
    return made


def of_functional(name):
    """The function of `torch.nn.functional` with this name, or None if none is declared."""
    made = FUNCTIONAL.get(name)
    if made is None and not name.startswith("_") and name in OPS:
        made = FUNCTIONAL[name] = with_torch_errors(OPS[name], name, "functional")
        made.__module__ = "jtorch.nn.functional"
    return made
