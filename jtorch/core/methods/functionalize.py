"""Modules as pure functions of JAX arrays: `functionalize`."""

from __future__ import annotations

from functools import wraps

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jtorch.core.facts import map_tree
from jtorch.core.grad import enable_grad
from jtorch.core.methods.functional_call import replaced_state
from jtorch.core.op import public_in
from jtorch.core.ops.make.random import draws_from
from jtorch.core.tensor import Tensor, jax_array_of, tensor_from_jax


@public_in("jtorch.func")
def functionalize(func, remove="mutations", *, buffers=False):
    """A module as a pure function of its parameters, for `jax.jit`, `jax.grad`, `jax.vmap` and `jax.export`.

    Args:
        func: an `nn.Module`. Its mode (`train` or `eval`) and all that is not a tensor are read when the function is called.
        buffers: the function also takes the buffers, and returns the new ones: for batch normalization in training.
        remove: PyTorch's argument for functions, see below.

    Returns:
        `(pure, parameters)`. `pure(parameters, *args, rng=None, **kwargs)` takes a dictionary {name: jax.Array}, and arrays where
        the module takes tensors, and returns arrays. `rng` is a key of `jax.random` that dropout and other draws use.
        With `buffers=True`: `(pure, parameters, buffers)`, and `pure(parameters, buffers, *args, rng=None, **kwargs)`
        returns `(result, buffers)`. The module itself never changes; `module.load_state_dict` takes the arrays back, as tensors.

    Raises:
        RuntimeError: from `pure`, where the module draws random numbers and no `rng` was given, or writes to its buffers and
            `buffers` is False.

    Differs from torch: PyTorch takes functions only, and gives a function of tensors without in-place writes for its own
    tracers. For a function that is not a module this is `func`: JAX sees no in-place writes in any case.

    >>> import jax
    >>> pure, parameters = torch.func.functionalize(torch.nn.Linear(2, 1, bias=False))
    >>> jax.grad(lambda p, x: pure(p, x).sum())(parameters, jax.numpy.ones((3, 2)))
    {'weight': Array([[3., 3.]], dtype=float32)}
    """
    if remove not in ("mutations", "mutations_and_views"):
        raise RuntimeError(
            "functionalize(f, remove='mutations'): received invalid argument for 'remove'. Valid options are: "
            f"'mutations', 'mutations_and_views'. Got: remove={remove}"
        )
    if not hasattr(func, "named_parameters"):
        return wraps(func)(lambda *args, **kwargs: func(*args, **kwargs))
    parameters = {name: jax_array_of(p) for name, p in func.named_parameters()}
    kept = {name: _canonical(jax_array_of(b)) for name, b in func.named_buffers()}

    def pure_with_buffers(parameters, buffers, *args, rng=None, **kwargs):
        return _result_and_buffers(func, parameters, buffers, args, kwargs, rng)

    def pure(parameters, *args, rng=None, **kwargs):
        result, new = _result_and_buffers(func, parameters, kept, args, kwargs, rng)
        written = [name for name in kept if new[name] is not kept[name]]
        if written:
            raise RuntimeError(
                f"the module writes to its buffers {written}: use functionalize(module, buffers=True), whose function also "
                "returns the new ones, or call eval() on the module first"
            )
        return result

    return (pure_with_buffers, parameters, kept) if buffers else (pure, parameters)


def _canonical(array):
    """An array of the dtype that JAX gives it inside a function: 64 bits become 32 unless `jax_enable_x64` is on."""
    return array.astype(jax.dtypes.canonicalize_dtype(array.dtype))


def _result_and_buffers(module, parameters, buffers, args, kwargs, rng):
    """(what the module returns, its new buffers), as arrays; a buffer that was not written is the same object."""
    args, kwargs = map_tree(_as_tensor, (args, kwargs))
    given = {name: _in_place_of(p, parameters[name]) for name, p in module.named_parameters()}
    given |= {name: _in_place_of(b, buffers[name]) for name, b in module.named_buffers()}
    with replaced_state(module, given, strict=True), draws_from(rng), enable_grad():
        result = map_tree(lambda t: jax_array_of(t) if isinstance(t, Tensor) else t, module(*args, **kwargs))
        after = dict(module.named_buffers())
    new = {}
    for name, before in buffers.items():
        t = after.get(name)
        same = t is given[name] and t._version == 0
        new[name] = before if same else lax.convert_element_type(jax_array_of(t), before.dtype)
    return result, new


def _as_tensor(a):
    if isinstance(a, np.ndarray | np.generic):
        a = jnp.asarray(a)
    return tensor_from_jax(a) if isinstance(a, jax.Array) else a


def _in_place_of(old, array):
    """A tensor of an array, of the old tensor's dtype: see `_canonical`."""
    made = tensor_from_jax(array)
    if made.dtype is not old.dtype:
        made = made.to(old.dtype)
    return made.requires_grad_() if old.requires_grad else made
