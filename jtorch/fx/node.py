"""One step of a `torch.fx` graph: an input, a call, an attribute, or the output."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

Target = Callable | str
Argument = Any


def map_aggregate(a, fn):
    """`fn` of each entry of nested tuples, lists, dictionaries and slices."""
    if isinstance(a, tuple):
        made = [map_aggregate(entry, fn) for entry in a]
        return type(a)(*made) if hasattr(a, "_fields") else tuple(made)
    if isinstance(a, list):
        return [map_aggregate(entry, fn) for entry in a]
    if isinstance(a, dict):
        return {key: map_aggregate(entry, fn) for key, entry in a.items()}
    if isinstance(a, slice):
        return slice(*[map_aggregate(part, fn) for part in (a.start, a.stop, a.step)])
    return fn(a)


def map_arg(a, fn):
    """`fn` of each Node in nested tuples, lists, dictionaries and slices; other entries stay."""
    return map_aggregate(a, lambda entry: fn(entry) if isinstance(entry, Node) else entry)


class Node:
    """One step of a graph.

    Attributes:
        op: "placeholder", "get_attr", "call_function", "call_method", "call_module" or "output".
        target: the function, or the name of the method, module, attribute or argument.
        args, kwargs: the arguments; those that other nodes compute are Nodes.
        users: the nodes that use this one (the keys of a dictionary).
        meta: a dictionary for passes over the graph.
    """

    def __init__(self, graph, name, op, target, args, kwargs, return_type=None):
        self.graph, self.name, self.op, self.target, self.type = graph, name, op, target, return_type
        self.users: dict[Node, None] = {}
        self.meta: dict[str, Any] = {}
        self._prev = self._next = self
        self._erased = False
        self._args, self._kwargs = (), {}
        self._set(tuple(args), dict(kwargs))

    args = property(lambda self: self._args, lambda self, args: self._set(tuple(args), self._kwargs))
    kwargs = property(lambda self: self._kwargs, lambda self, kwargs: self._set(self._args, dict(kwargs)))
    next = property(lambda self: self._next)
    prev = property(lambda self: self._prev)

    @property
    def all_input_nodes(self) -> list[Node]:
        """The nodes among the arguments, each once."""
        found: dict[Node, None] = {}
        map_arg((self._args, self._kwargs), lambda node: found.setdefault(node))
        return list(found)

    def _set(self, args, kwargs):
        for node in self.all_input_nodes:
            node.users.pop(self, None)
        self._args, self._kwargs = args, kwargs
        for node in self.all_input_nodes:
            node.users.setdefault(self)

    def update_arg(self, idx: int, arg) -> None:
        """Replace one positional argument."""
        args = list(self._args)
        args[idx] = arg
        self.args = tuple(args)

    def update_kwarg(self, key: str, arg) -> None:
        """Replace one keyword argument."""
        self.kwargs = {**self._kwargs, key: arg}

    def replace_input_with(self, old_input: Node, new_input: Node) -> None:
        """Use another node instead of one of the inputs."""
        swap = lambda node: new_input if node is old_input else node
        self._set(map_arg(self._args, swap), map_arg(self._kwargs, swap))

    def replace_all_uses_with(self, replace_with: Node, delete_user_cb=lambda user: True, **options) -> list[Node]:
        """Let every user use another node. Returns the users that were changed."""
        changed = [user for user in list(self.users) if delete_user_cb(user)]
        for user in changed:
            user.replace_input_with(self, replace_with)
        return changed

    def prepend(self, x: Node) -> None:
        """Move a node before this one."""
        x._unlink()
        x._prev, x._next = self._prev, self
        self._prev._next = x
        self._prev = x

    def append(self, x: Node) -> None:
        """Move a node behind this one."""
        self._next.prepend(x)

    def _unlink(self):
        self._prev._next, self._next._prev = self._next, self._prev

    def is_impure(self, impure_random=True) -> bool:
        """Whether it must stay although nothing uses it."""
        return self.op in ("placeholder", "output")

    def format_node(self, *args, **kwargs) -> str:
        """The node as text."""
        target = self.target if isinstance(self.target, str) else name_of(self.target)
        if self.op == "placeholder":
            default = f"(default={self._args[0]!r})" if self._args else ""
            return f"%{self.name} : [num_users={len(self.users)}] = placeholder[target={target}]{default}"
        shown = lambda value: _arguments_text(map_arg(value, lambda node: _Percent(node.name)))
        if self.op == "output":
            return f"return {self._args[0]}"
        if self.op == "get_attr":
            return f"%{self.name} : [num_users={len(self.users)}] = get_attr[target={target}]"
        return (
            f"%{self.name} : [num_users={len(self.users)}] = {self.op}[target={target}]"
            f"(args = {shown(self._args)}, kwargs = {shown(self._kwargs)})"
        )

    def __repr__(self):
        return self.name


def _arguments_text(value):
    """Arguments as text: dictionaries without quotes around their keys."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_arguments_text(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, tuple | list):
        inner = ", ".join(map(_arguments_text, value)) + ("," if isinstance(value, tuple) and len(value) == 1 else "")
        return f"({inner})" if isinstance(value, tuple) else f"[{inner}]"
    return str(value)


class _Percent:
    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return f"%{self.name}"


def name_of(function) -> str:
    """The name of a function with its module, as PyTorch's graphs show it: `torch.nn.functional.relu`, `operator.mul`."""
    name = getattr(function, "__name__", None)
    if name is None:
        return f"{type(function).__module__}.{type(function).__name__}_instance"
    for module in ("torch.nn.functional", "torch", "torch.special", "torch.linalg", "torch.fft"):
        if reached(f"{module}.{name}") is function:
            return f"{module}.{name}"
    module = (getattr(function, "__module__", None) or "").replace("jtorch", "torch")
    return f"{module.replace('_operator', 'operator')}.{name}".lstrip(".")


def reached(path):
    """What a dotted name of torch leads to; None where it leads nowhere."""
    at = sys.modules["jtorch"]
    for part in path.split(".")[1:]:
        at = getattr(at, part, None)
    return at
