"""Handles that remove a hook: every `register_..._hook` returns one.

This file knows tables of hooks (id -> function) and not what calls them. A handle refers to its table weakly, so that
a handle does not keep a module or a gradient graph alive.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict


class Hooks(dict):
    """A table of hooks. Unlike a plain dict, it can be referenced weakly."""

    __slots__ = ("__weakref__",)


class RemovableHandle:
    """Removes a hook from its table, by `remove()` or at the end of a `with` block.

    Args:
        hooks_dict: the table that holds the hook under `handle.id`.
        extra_dict: another table, or a list of them, that may hold something under the same id.

    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> handle = w.register_hook(lambda grad: grad * 10)
    >>> handle.remove()
    """

    next_id = 0

    def __init__(self, hooks_dict, *, extra_dict=None):
        self.hooks_dict_ref = _weak(hooks_dict)
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1
        self.extra_dict_ref = tuple([_weak(table) for table in _tables(extra_dict)])

    def remove(self) -> None:
        """Remove the hook. Does nothing if it has been removed."""
        for ref in (self.hooks_dict_ref, *self.extra_dict_ref):
            table = ref()
            if table is not None:
                table.pop(self.id, None)

    def __getstate__(self):
        extra = tuple([ref() for ref in self.extra_dict_ref])
        return (self.hooks_dict_ref(), self.id, extra) if extra else (self.hooks_dict_ref(), self.id)

    def __setstate__(self, state):
        # If the table was collected before pickling, the handle gets an empty one of its own.
        self.hooks_dict_ref = _weak(OrderedDict() if state[0] is None else state[0])
        self.id = state[1]
        RemovableHandle.next_id = max(RemovableHandle.next_id, self.id + 1)
        extra = state[2] if len(state) > 2 else ()
        self.extra_dict_ref = tuple([_weak(OrderedDict() if table is None else table) for table in extra])

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.remove()


def _tables(extra):
    if extra is None:
        return ()
    return (extra,) if isinstance(extra, dict) else extra


def _weak(table):
    try:
        return weakref.ref(table)
    except TypeError:  # a plain dict cannot be referenced weakly
        return lambda: table


__all__ = ["Hooks", "RemovableHandle"]
