"""The in-place form of an op, `x.add_(y)`. Registered with `jtorch.core.op.handlers`.

The result is computed as for a new tensor and then written: see `jtorch.core.tensor.writing`.
"""

from __future__ import annotations

import inspect
import sys

from jtorch.core.op.handlers import handlers
from jtorch.core.tensor import Tensor, check_apart, check_once, overwrite


def inplace_form(op, name):
    """The method `name_`: writes the op's result into the tensor that it is called on."""
    overlap, twice = op.overlap, op.inplace == "twice"
    public = op.public.renamed(name, "methods") if hasattr(op.public, "renamed") else op.public
    signature = inspect.signature(public)

    def inplace(self, *args, **kwargs):
        before = self._edge
        try:
            self._writable(twice, args, name)
            if twice:
                check_once(self, lambda: public(self, *args, **kwargs))
            if args:
                check_apart(overlap, self, args)
            if op.check_inplace is not None:
                op.check_inplace(self, *args, **kwargs)
            if self._base is not None:
                self._by_base()
            result = public(self, *args, **kwargs)
        except Exception as error:
            if self._edge is not before:
                self._not_written(before)
            if (
                getattr(op, "check_types", None)
                and str(error).startswith("unsupported operation")
                and all(isinstance(t, Tensor) for t in args)
            ):
                op.check_types(self._type, *[t._type for t in args])  # PyTorch checks the types before the memory
            if handlers.overridden((*args, *kwargs.values())):
                return handlers.hand_over_plain(inplace, (self, *args), kwargs, sys._getframe(1))
            handlers.refuse(name, args, kwargs, "methods", signature)
            raise
        return overwrite(self, result)

    inplace.called_as = name, "methods"
    inplace.renamed = lambda name, kind: inplace_form(op, name)
    inplace.__name__ = inplace.__qualname__ = name
    inplace.__doc__ = f"In-place version of :func:`{op.name}`: writes the result into this tensor and returns it."
    inplace.__module__ = "jtorch"
    return inplace


handlers.inplace = inplace_form
