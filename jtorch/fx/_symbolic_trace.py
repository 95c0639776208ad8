"""`torch.fx.symbolic_trace`: run a module's `forward` with proxies instead of tensors, and keep the graph of its calls."""

from __future__ import annotations

import builtins
import contextlib
import functools
import inspect
import math
import types

from jtorch.core.tensor import OVERRIDERS, Tensor
from jtorch.fx.graph import Graph
from jtorch.fx.graph_module import GraphModule
from jtorch.fx.proxy import Proxy, TracerBase
from jtorch.nn.modules.container import Sequential
from jtorch.nn.modules.module import Module
from jtorch.nn.parameter import Parameter

_wrapped: list[tuple[dict, str]] = []  # (the module's names, a name in it) of what `wrap` was called for


def wrap_function(fn_or_name):
    """Keep calls of this function as one node each: at the top of a module, `wrap("name")` or as a decorator."""
    if not callable(fn_or_name) and not isinstance(fn_or_name, str):
        raise RuntimeError("Unsupported type for global function! Must be either a callable or string name")
    frame = inspect.currentframe().f_back
    if frame.f_code.co_name != "<module>":
        raise NotImplementedError("wrap must be called at the top level of a module")
    _wrapped.append((frame.f_globals, fn_or_name if isinstance(fn_or_name, str) else fn_or_name.__name__))
    return fn_or_name


wrap = wrap_function


class Tracer(TracerBase):
    """Traces a module. Subclasses decide what stays one node: override `is_leaf_module`, `create_node`, ...

    Args:
        autowrap_modules: modules whose functions are kept as one node each when they are called with a proxy.
        autowrap_functions: functions of the traced code's module that are kept as one node each.
    """

    def __init__(self, autowrap_modules=(math,), autowrap_functions=(), param_shapes_constant=False):
        self._autowrap_modules = list(autowrap_modules)
        self._autowrap_functions = set(autowrap_functions)
        self.tensor_attrs: dict = {}
        self.submodule_paths: dict = {}

    def is_leaf_module(self, m: Module, module_qualified_name: str) -> bool:
        """Whether a call of a module is kept as one node: those of torch.nn are, but for Sequential."""
        home = type(m).__module__
        ours = home.startswith(("jtorch.nn", "torch.nn", "jtorch.ao.nn", "torch.ao.nn"))
        return ours and not isinstance(m, Sequential)

    def path_of_module(self, mod: Module) -> str:
        """The name of a module in the traced one."""
        for name, module in self.root.named_modules():
            if module is mod:
                return name
        raise NameError("module is not installed as a submodule")

    def call_module(self, m: Module, forward, args, kwargs):
        """A call of a submodule: one node, or the nodes of its `forward`."""
        path = self.path_of_module(m)
        if self.is_leaf_module(m, path):
            return self.create_proxy("call_module", path, args, kwargs)
        return forward(*args, **kwargs)

    def getattr(self, attr, attr_val, parameter_proxy_cache):
        """What `module.name` gives while tracing: a proxy for a parameter."""
        if not isinstance(attr_val, Parameter):
            return attr_val
        name = self._names.get(id(attr_val))
        if name is None:
            return attr_val
        if name not in parameter_proxy_cache:
            parameter_proxy_cache[name] = self.create_proxy("get_attr", name, (), {})
        return parameter_proxy_cache[name]

    def create_arg(self, a):
        return super().create_arg(self._with_constants(a))

    def _with_constants(self, a):
        if isinstance(a, tuple | list | dict) and type(a) in (tuple, list, dict):
            made = (
                {k: self._with_constants(v) for k, v in a.items()}
                if isinstance(a, dict)
                else map(self._with_constants, a)
            )
            return made if isinstance(a, dict) else type(a)(made)
        if isinstance(a, Module):
            return self.create_node("get_attr", self.path_of_module(a), (), {})
        return self._constant(a) if isinstance(a, Tensor) else a

    def _constant(self, tensor):
        """The node of a tensor that is not an input: a parameter, or a constant that the root module keeps from now on."""
        name = self._names.get(id(tensor))
        if name is None:
            number = 0
            while hasattr(self.root, f"_tensor_constant{number}"):
                number += 1
            name = f"_tensor_constant{number}"
            setattr(self.root, name, tensor)
            self._names[id(tensor)] = name
        return self.create_node("get_attr", name, (), {})

    def trace(self, root, concrete_args=None) -> Graph:
        """The graph of a module or function.

        Args:
            concrete_args: arguments that are values and no inputs, by name.

        Raises:
            TraceError: the code looks at a value, as in an `if` or a loop over it.
        """
        self.root = root if isinstance(root, Module) else Module()
        function = type(root).forward if isinstance(root, Module) else root
        self._names = {id(t): name for name, t in [*self.root.named_parameters(), *self.root.named_buffers()]}
        self._names |= {
            id(value): f"{path}.{name}".lstrip(".")
            for path, module in self.root.named_modules()
            for name, value in vars(module).items()
            if isinstance(value, Tensor)
        }
        self.graph = Graph(tracer_cls=type(self))
        args, named = self.create_args_for_root(function, isinstance(root, Module), concrete_args)
        with _patched(self, getattr(function, "__globals__", {})):
            result = function(*args, **named)
        self.create_node("output", "output", (self.create_arg(result),), {})
        return self.graph

    def create_args_for_root(self, root_fn, is_module, concrete_args=None):
        """(the arguments, keywords) to trace with: a proxy for each parameter."""
        concrete = concrete_args or {}
        args, named = ([self.root] if is_module else []), {}
        parameters = list(inspect.signature(root_fn).parameters.values())
        for parameter in parameters[1:] if is_module else parameters:
            name = parameter.name
            if name in concrete:
                value = concrete[name]
            else:
                star = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
                default = () if parameter.default is parameter.empty else (parameter.default,)
                value = self.create_proxy("placeholder", star + name, default, {}, name)
            if parameter.kind is parameter.KEYWORD_ONLY:
                named[name] = value
            elif parameter.kind is parameter.VAR_KEYWORD:
                named["kwargs"] = value
            else:
                args.append(value)
        return args, named


@contextlib.contextmanager
def _patched(tracer, names):
    """While a module is traced: calls of modules, their attributes, and wrapped functions go to the tracer."""
    cache: dict = {}
    call, get = Module.__call__, Module.__getattr__

    @functools.wraps(call)
    def traced_call(mod, *args, **kwargs):
        return tracer.call_module(mod, lambda *a, **k: call(mod, *a, **k), args, kwargs)

    @functools.wraps(get)
    def traced_getattr(mod, name):
        return tracer.getattr(name, get(mod, name), cache)

    undo = [(Module, "__call__", call), (Module, "__getattr__", get)]
    Module.__call__, Module.__getattr__ = traced_call, traced_getattr
    asked = "proxies" in OVERRIDERS
    # Functions look for an override before they begin: what they do with a proxy would become nodes.
    OVERRIDERS.add("proxies")
    functions = {id(f) for m in tracer._autowrap_modules for f in vars(m).values() if callable(f)}
    functions |= {id(f) for f in tracer._autowrap_functions}
    spots = [(space, name) for space, name in _wrapped if name in space or hasattr(builtins, name)]
    spots += [(names, name) for name, value in list(names.items()) if id(value) in functions]
    saved = [(space, name, space.get(name)) for space, name in spots]
    try:
        for space, name, value in saved:
            space[name] = _as_node(value or getattr(builtins, name))
        with _wrapped_modules(tracer._autowrap_modules):
            yield
    finally:
        if not asked:
            OVERRIDERS.discard("proxies")
        for owner, name, value in undo:
            setattr(owner, name, value)
        for space, name, value in reversed(saved):
            if value is None:
                del space[name]
            else:
                space[name] = value


@contextlib.contextmanager
def _wrapped_modules(modules):
    """`math.sqrt(proxy)` as a node: the module's functions are replaced for the time of the tracing."""
    saved = [
        (module, name, value)
        for module in modules
        for name, value in list(vars(module).items())
        if isinstance(value, types.FunctionType | types.BuiltinFunctionType) and not name.startswith("_")
    ]
    try:
        for module, name, value in saved:
            setattr(module, name, _as_node(value))
        yield
    finally:
        for module, name, value in saved:
            setattr(module, name, value)


def _as_node(function):
    """The function: called with a proxy it becomes a node."""
    while hasattr(function, "_fx_original"):
        function = function._fx_original

    @functools.wraps(function)
    def wrapped(*args, **kwargs):
        proxies = [value for value in _leaves((args, kwargs)) if isinstance(value, Proxy)]
        if not proxies:
            return function(*args, **kwargs)
        made = proxies[0].tracer.create_proxy("call_function", function, args, kwargs)
        made.node.meta["is_wrapped"] = True
        return made

    wrapped._fx_original = function
    return wrapped


def _leaves(tree):
    if isinstance(tree, tuple | list):
        for entry in tree:
            yield from _leaves(entry)
    elif isinstance(tree, dict):
        yield from _leaves(list(tree.values()))
    else:
        yield tree


def symbolic_trace(root, concrete_args=None) -> GraphModule:
    """The module or function as a GraphModule: one node for each layer, function and method that it calls.

    Raises:
        TraceError: the code looks at a value, as in an `if` or a loop over it.

    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU())
    >>> traced = torch.fx.symbolic_trace(model)
    >>> [node.op for node in traced.graph.nodes]
    ['placeholder', 'call_module', 'call_module', 'output']
    """
    tracer = Tracer()
    graph = tracer.trace(root, concrete_args)
    name = type(root).__name__ if isinstance(root, Module) else root.__name__
    return GraphModule(tracer.root, graph, name)
