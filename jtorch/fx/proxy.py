"""What stands for a value while `torch.fx` traces a module: each use of a Proxy becomes a node of the graph."""

from __future__ import annotations

import dis
import operator
import sys

from jtorch.fx.node import Node, map_aggregate


class TraceError(ValueError):
    """The code does something with a value that a graph cannot hold, such as an `if` on it."""


class TracerBase:
    """What makes nodes and proxies. `Tracer` adds how a module is traced."""

    graph = None

    def create_node(self, kind, target, args, kwargs, name=None, type_expr=None) -> Node:
        """A node of the graph; a subclass may look at it or change it."""
        return self.graph.create_node(kind, target, args, kwargs, name, type_expr)

    def proxy(self, node: Node):
        """What stands for the value of a node."""
        return Proxy(node, self)

    def create_proxy(self, kind, target, args, kwargs, name=None, type_expr=None, proxy_factory_fn=None):
        """A node, and what stands for its value."""
        node = self.create_node(kind, target, self.create_arg(args), self.create_arg(kwargs), name, type_expr)
        return proxy_factory_fn(node) if proxy_factory_fn else self.proxy(node)

    def create_arg(self, a):
        """A value as the argument of a node."""
        return map_aggregate(a, self._plain)

    def _plain(self, value):
        return value.node if isinstance(value, Proxy) else value

    def to_bool(self, obj) -> bool:
        """Called when code asks whether a value is true. Raises TraceError."""
        raise TraceError("symbolically traced variables cannot be used as inputs to control flow")

    def iter(self, obj):
        """Called when code iterates over a value. Raises TraceError."""
        raise TraceError(
            "Proxy object cannot be iterated. This can be attempted when the Proxy is used in a loop or as a *args or "
            "**kwargs function argument. See the torch.fx docs on pytorch.org for a more detailed explanation of what "
            "types of control flow can be traced, and check out the Proxy docstring for help troubleshooting "
            "Proxy iteration errors"
        )

    def keys(self, obj):
        """What code gets for `value.keys()`."""
        return Attribute(obj, "keys")()


class Proxy:
    """Stands for a value: arithmetic, methods and functions of torch on it become nodes."""

    def __init__(self, node, tracer=None):
        self.node = node
        self.tracer = tracer or GraphAppendingTracer(node.graph)

    def __repr__(self):
        return f"Proxy({self.node.name})"

    def __getattr__(self, name):
        return Attribute(self, name)

    def __call__(self, *args, **kwargs):
        return self.tracer.create_proxy("call_method", "__call__", (self, *args), kwargs)

    def __iter__(self):
        count = _unpacked_by(sys._getframe(1))
        return self.tracer.iter(self) if count is None else iter([self[i] for i in range(count)])

    def __bool__(self):
        return self.tracer.to_bool(self)

    def keys(self):
        return self.tracer.keys(self)

    def __len__(self):
        raise RuntimeError(
            "'len' is not supported in symbolic tracing by default. If you want this call to be recorded, please call "
            "torch.fx.wrap('len') at module scope"
        )

    def __contains__(self, item):
        raise TraceError("'in' on a value is control flow, which a graph cannot hold")

    def __deepcopy__(self, memo):
        return self

    @classmethod
    def __torch_function__(cls, orig_method, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        tracer = _tracer_of(args, kwargs)
        if getattr(orig_method, "__qualname__", "").startswith(("Tensor.", "TensorBase.", "_TensorBase.")):
            return tracer.create_proxy("call_method", orig_method.__name__, args, kwargs)
        return tracer.create_proxy("call_function", orig_method, args, kwargs)


class GraphAppendingTracer(TracerBase):
    """What a Proxy made by hand records with: nodes at the end of a graph."""

    def __init__(self, graph):
        self.graph = graph


def _unpacked_by(frame):
    """Into how many names a frame unpacks what it iterates over now, as `a, b = value` does; None if it does something else."""
    instructions = dis.get_instructions(frame.f_code)
    at = next((each for each in instructions if each.offset == frame.f_lasti), None)
    return at.arg if at is not None and at.opname == "UNPACK_SEQUENCE" else None


def _tracer_of(*trees):
    found: list = []
    map_aggregate(trees, lambda value: found.append(value.tracer) if isinstance(value, Proxy) else None)
    return found[0]


class Attribute(Proxy):
    """`proxy.name`: a node if it is used as a value, no node of its own if it is called as a method."""

    def __init__(self, root, attr):
        self.root, self.attr, self.tracer = root, attr, root.tracer
        self._node = None

    @property
    def node(self):
        if self._node is None:
            self._node = self.tracer.create_proxy("call_function", getattr, (self.root, self.attr), {}).node
        return self._node

    def __call__(self, *args, **kwargs):
        return self.tracer.create_proxy("call_method", self.attr, (self.root, *args), kwargs)


_BINARY = "add sub mul floordiv truediv mod lshift rshift and_ or_ xor pow matmul getitem eq ne lt gt le ge".split()
_UNARY = "neg pos invert abs".split()
_REFLECTED = "add sub mul floordiv truediv mod lshift rshift and_ or_ xor pow matmul".split()


def _add_operators():
    def forward(function):
        return lambda *args: _tracer_of(args).create_proxy("call_function", function, args, {})

    def reflected(function):
        return lambda self, other: self.tracer.create_proxy("call_function", function, (other, self), {})

    for name in (*_BINARY, *_UNARY):
        setattr(Proxy, f"__{name.rstrip('_')}__", forward(getattr(operator, name)))
    for name in _REFLECTED:
        setattr(Proxy, f"__r{name.rstrip('_')}__", reflected(getattr(operator, name)))
    Proxy.__hash__ = object.__hash__


_add_operators()
