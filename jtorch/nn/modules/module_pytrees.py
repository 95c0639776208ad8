"""Tensors and modules as JAX pytrees, so that `jax.jit`, `jax.grad` and `jax.vmap` take functions written with jtorch.

A Tensor is one leaf: its array or tracer. The leaves of a Module are its parameters and buffers.
"""

from __future__ import annotations

import copy
import weakref

import jax

from jtorch.core.tensor import Tensor, jax_array_of, tensor_from_jax
from jtorch.nn.modules.module import Module
from jtorch.nn.parameter import Parameter


def _flatten_tensor(tensor):
    return (jax_array_of(tensor),), tensor.requires_grad and tensor.is_leaf


def _unflatten_tensor_of(kind):
    def unflatten(requires_grad, children):
        array = children[0]
        if not isinstance(array, jax.Array):  # JAX also builds trees whose leaves are not arrays
            made = object.__new__(_Placeholder)
            made.leaf = array
            return made
        made = tensor_from_jax(array)
        if kind is not Tensor:
            made = made._alias(kind)
        return made.requires_grad_() if requires_grad and made._type.differentiable else made

    return unflatten


class _Placeholder:
    """Takes the place of a tensor in a tree whose leaves are not arrays."""

    __slots__ = ("leaf",)


def _flatten_module(module):
    entries = [*module.named_parameters(), *module.named_buffers()]
    return tuple([jax_array_of(t) for _, t in entries]), _ModuleStructure(module, tuple([name for name, _ in entries]))


_origins: weakref.WeakKeyDictionary = (
    weakref.WeakKeyDictionary()
)  # module -> an object shared by all modules rebuilt from it


class _ModuleStructure:
    """A module without its tensors. Two are equal if one module was rebuilt from the other and both are in the same mode."""

    def __init__(self, module, names):
        self.module = module
        modes = tuple([m.training for m in module.modules()])
        self.key = (_origins.setdefault(module, object()), names, modes, repr(module))

    names = property(lambda self: self.key[1])

    def __hash__(self):
        return hash(self.key)

    def __eq__(self, other):
        return isinstance(other, _ModuleStructure) and self.key == other.key


def _unflatten_module(shell, children):
    arrays = dict(zip(shell.names, children, strict=True))
    made = _rebuild_module(shell.module, "", arrays, {})
    _origins[made] = shell.key[0]
    return made


def _rebuild_module(module, prefix, arrays, done):
    """A copy of the module with these arrays in its tensors. A module or tensor that occurs twice is copied once."""
    if id(module) in done:
        return done[id(module)]
    made = done[id(module)] = copy.copy(module)
    for table in ("_parameters", "_buffers"):
        filled = {}
        for key, t in getattr(module, table).items():
            name = prefix + key
            if t is not None and name in arrays:
                done[id(t)] = t = _refill_tensor(t, arrays[name])
            elif t is not None:
                t = done.get(id(t), t)
            filled[key] = t
        made.__dict__[table] = type(getattr(module, table))(filled)
    made.__dict__["_modules"] = type(module._modules)(
        {key: m and _rebuild_module(m, f"{prefix}{key}.", arrays, done) for key, m in module._modules.items()}
    )
    return made


def _refill_tensor(tensor, array):
    if not isinstance(array, jax.Array):
        return array
    made = tensor_from_jax(array)._alias(type(tensor) if isinstance(tensor, Parameter) else Tensor)
    return made.requires_grad_() if tensor.requires_grad else made


def register_module(cls) -> None:
    """Make a class of modules known to JAX."""
    jax.tree_util.register_pytree_node(cls, _flatten_module, _unflatten_module)


def _register_all():
    for kind in (Tensor, Parameter):
        jax.tree_util.register_pytree_node(kind, _flatten_tensor, _unflatten_tensor_of(kind))
    todo = [Module]
    while todo:
        cls = todo.pop()
        register_module(cls)
        todo += cls.__subclasses__()

    def known(cls, **kwargs):
        super(Module, cls).__init_subclass__(**kwargs)
        register_module(cls)

    Module.__init_subclass__ = classmethod(known)


_register_all()
