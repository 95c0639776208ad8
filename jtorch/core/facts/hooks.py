"""Handles that take a hook out again: what every `register_..._hook` returns.

Knows tables of hooks (id -> function) and nothing of what runs them. A handle holds its table weakly, so that
keeping the handle keeps neither a module nor a gradient graph alive.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict


class Hooks(dict):
    """A table of hooks that can be referenced weakly, unlike a plain dict."""

    __slots__ = ("__weakref__",)


class RemovableHandle:
    """Takes a hook out of its table: by `remove()`, or at the end of a `with` block.

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
        """Take the hook out; nothing happens where it is out already."""
        for ref in (self.hooks_dict_ref, *self.extra_dict_ref):
            table = ref()
            if table is not None:
                table.pop(self.id, None)

    def __getstate__(self):
        extra = tuple([ref() for ref in self.extra_dict_ref])
        return (self.hooks_dict_ref(), self.id, extra) if extra else (self.hooks_dict_ref(), self.id)

    def __setstate__(self, state):
        # A table that died before pickling comes back as an empty one that nobody else sees.
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
