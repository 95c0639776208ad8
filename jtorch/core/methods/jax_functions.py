"""JAX functions from functions written with jtorch, and the other way: `to_jax`, `from_jax`."""

from __future__ import annotations

from functools import wraps

import jax
from jax import lax

from jtorch.core.engine import TRACED, Call, local, trace_watchers
from jtorch.core.facts import flatten_tree, map_tree, unflatten_tree
from jtorch.core.grad import enable_grad
from jtorch.core.op import public_in
from jtorch.core.tensor import Tensor, ViewCall, apply, attach, jax_array_of, tensor_from_jax


class _TracedTrace(type(local.make(TRACED))):
    """The lines inside JAX's transformations. Under `no_grad`, `jax.grad` stops at what they give, too."""

    def record(self, call, inputs):
        position, out = super().record(call, inputs)
        if not local.grad:
            for value in [out] if position.single else out:
                value.array = lax.stop_gradient(value.array)
        return position, out


def _use_for_tracers(trace):
    if trace.place is TRACED:
        trace.__class__ = _TracedTrace


_use_for_tracers(local.make(TRACED))
trace_watchers.append(_use_for_tracers)  # in other threads, and after a reset

# (base, new) -> new, with the gradient of the base: a write that gradients do not see.
_written_unseen = jax.custom_jvp(lambda base, new: new)
_written_unseen.defjvp(lambda values, slopes: (values[1], slopes[0]))
_DETACHED = ViewCall(lax.stop_gradient, {}, "detach", lambda *geometry: geometry, _written_unseen, "")


def _detached_in_jax(self):
    """`detach` inside JAX's transformations: the same memory is shown, and `jax.grad` stops there."""
    made = self._make_view(_DETACHED)
    made._base = made._edge = None
    return made


attach("_detached_in_jax", _detached_in_jax)


class _FromJax(Call):
    """A JAX function of arrays, with its other arguments fixed."""

    __slots__ = ("constants", "shape", "trees")

    def __init__(self, fn, shape, constants):
        super().__init__(None, name=getattr(fn, "__name__", "from_jax"))
        self.fn = fn
        self.shape = shape
        self.constants = constants
        self.trees = {}

    def bind(self, types):
        def run(*arrays):
            given = iter(arrays)
            args, kwargs = unflatten_tree([next(given) if c is _ARRAY else c for c in self.constants], self.shape)
            out, shape = flatten_tree(self.fn(*args, **kwargs))
            self.trees[tuple([t.aval for t in types])] = shape
            return out[0] if shape is None else list(out)

        return run

    def grad_fn(self, types):
        return "".join(filter(str.isalnum, self.name.title())) + "Backward"


_ARRAY = object()


@public_in("jtorch.func")
def to_jax(fn):
    """A function written with jtorch as a JAX function: tensors among its results come out as arrays.

    Arrays and tracers among the arguments, however nested, reach `fn` as tensors. `jax.jit` and `jax.vmap` take `fn` as it
    is; `jax.grad`, which wants an array from the function, takes `to_jax(fn)`.

    >>> import jax
    >>> jax.grad(torch.func.to_jax(lambda x: (x * x).sum()))(jax.numpy.ones(2))
    Array([2., 2.], dtype=float32)
    """

    @wraps(fn, updated=())
    def wrapper(*args, **kwargs):
        args, kwargs = map_tree(lambda a: tensor_from_jax(a) if isinstance(a, jax.Array) else a, (args, kwargs))
        with enable_grad():  # a `no_grad` around jax.grad is not the function's
            return map_tree(lambda t: jax_array_of(t) if isinstance(t, Tensor) else t, fn(*args, **kwargs))

    return wrapper


@public_in("jtorch.func")
def from_jax(fn):
    """Any JAX function of arrays as a differentiable operation on tensors.

    Tensors among the arguments, however nested, reach `fn` as arrays; all else is part of the program, and a new value
    compiles anew. The gradient is `jax.vjp` of `fn`.

    >>> import jax.numpy as jnp
    >>> softplus = torch.func.from_jax(lambda x: jnp.logaddexp(x, 0))
    >>> x = torch.zeros(2, requires_grad=True)
    >>> softplus(x).sum().backward()
    >>> x.grad
    tensor([0.5000, 0.5000])
    """
    calls = {}

    @wraps(fn, updated=())
    def wrapper(*args, **kwargs):
        leaves, shape = flatten_tree((args, kwargs))
        constants = tuple([_ARRAY if isinstance(a, Tensor) else a for a in leaves])
        key = (constants, tuple([type(c) for c in constants]), repr(shape))
        call = calls.get(key)
        if call is None:
            call = calls[key] = _FromJax(fn, shape, constants)
        tensors = tuple([a for a in leaves if isinstance(a, Tensor)])
        out = apply(call, tensors)
        tree = call.trees[tuple([t._type.aval for t in tensors])]
        return out if tree is None else unflatten_tree(out if isinstance(out, tuple) else (out,), tree)

    return wrapper
