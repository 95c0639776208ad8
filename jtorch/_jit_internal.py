"""Names of TorchScript's inside that libraries import: decorators, which return the function itself."""

from __future__ import annotations

from jtorch.jit import Future, export, ignore, is_scripting, unused
from jtorch.jit.annotations import BroadcastingList1, BroadcastingList2, BroadcastingList3

__all__ = ["BroadcastingList1", "BroadcastingList2", "BroadcastingList3", "Future", "boolean_dispatch", "export", "ignore",
           "is_scripting", "unused"]  # fmt: skip

_overload = _overload_method = export


def boolean_dispatch(arg_name, arg_index, default, if_true, if_false, module_name, func_name):
    """A function that calls `if_true` or `if_false`, as one of its arguments says."""

    def fn(*args, **kwargs):
        flag = args[arg_index] if len(args) > arg_index else kwargs.get(arg_name, default)
        return (if_true if flag else if_false)(*args, **kwargs)

    fn.__doc__ = if_true.__doc__ or if_false.__doc__
    fn.__name__ = func_name or fn.__name__
    fn.__module__ = module_name or fn.__module__
    return fn
