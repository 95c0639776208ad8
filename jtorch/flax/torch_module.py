"""`jtorch.flax.Module`: a module of flax's in a PyTorch loop."""

from __future__ import annotations

import inspect

import flax.linen as linen
import jax
import jax.numpy as jnp
from flax import nnx, traverse_util

from jtorch import nn
from jtorch.core.facts import map_tree
from jtorch.core.grad import no_grad
from jtorch.core.methods import from_jax
from jtorch.core.tensor import jax_array_of, tensor_from_jax

# Arguments that give a linen module its mode -> whether True means training.
_MODES = {
    "train": True,
    "training": True,
    "is_training": True,
    "deterministic": False,
    "use_running_average": False,
}


class Module(nn.Module):
    """A module of flax's as an `nn.Module`: its arrays are parameters and buffers, its gradient is `jax.vjp`.

    Args:
        module: an NNX module, or a linen one together with its `variables`.
        variables: what linen's `init` gave: {"params": ..., "batch_stats": ...}.
        rngs: for linen, {"dropout": a key of jax.random, ...}: each call in training uses the next key of each stream.

    An `nnx.Param` is a parameter under its path, such as `layers.0.kernel`; every other variable is a buffer: statistics,
    and the keys and counts of NNX's random streams, so a `state_dict` also holds where dropout is. Linen's names begin with
    their collection (`params.Dense_0.kernel`); all but `params` are buffers, which a call in training may change. `train()`
    and `eval()` are NNX's own; a linen module gets the mode by its argument `train`, `training`, `is_training`,
    `deterministic` or `use_running_average`, where it has one and the call does not give it.

    Tensors reach the module as arrays, with JAX's types: int64 becomes int32 unless `jax_enable_x64` is on.

    Raises:
        TypeError: the module is neither, or `variables` are given to an NNX module or missing for a linen one.

    >>> import jax, jtorch.flax
    >>> from flax import nnx
    >>> net = jtorch.flax.Module(nnx.Linear(2, 1, use_bias=False, rngs=nnx.Rngs(0)))
    >>> net(torch.ones(3, 2)).sum().backward()
    >>> net.kernel.grad
    tensor([[3.],
            [3.]])
    """

    def __init__(self, module, variables=None, *, rngs=None):
        super().__init__()
        if isinstance(module, nnx.Module):
            if variables is not None or rngs is not None:
                raise TypeError("an NNX module has its variables and random streams itself")
            self._kind = _NNX(module)
        elif isinstance(module, linen.Module):
            if variables is None:
                raise TypeError("a linen module needs its variables: Module(module, module.init(key, x))")
            self._kind = _Linen(module, variables, rngs or {})
        else:
            raise TypeError(f"expected a module of flax.nnx or flax.linen, not {type(module).__name__}")
        self._places = {}  # path -> (the module that has it, name)
        for path, (array, is_parameter) in self._kind.start.items():
            *groups, name = map(str, path)
            home = self
            for group in groups:
                if group not in home._modules:
                    home.add_module(group, nn.Module())
                home = home._modules[group]
            tensor = tensor_from_jax(jnp.array(array))  # a copy: an update may donate it
            if is_parameter:
                home.register_parameter(name, nn.Parameter(tensor))
            else:
                home.register_buffer(name, tensor)
            self._places[path] = (home._parameters if is_parameter else home._buffers, name)
        self._calls = {}  # training -> the module as one differentiable operation
        self._x64 = jax.config.jax_enable_x64

    def forward(self, *args, **kwargs):
        """What the flax module returns for these arguments."""
        call = self._calls.get(self.training)
        if call is None:
            call = self._calls[self.training] = from_jax(self._pure(self.training))
        state = [table[name] for table, name in self._places.values()]
        # The backward pass needs the buffers from before the call, which changes them: it keeps copies.
        out, changed = call([t if t.requires_grad else t.clone() for t in state], args, kwargs)
        with no_grad():
            for i, new in changed.items():
                state[i].copy_(new)
        return out

    def _pure(self, training):
        """(arrays of the state, args, kwargs) -> (result, {position: new array of a buffer})."""
        paths, run = list(self._places), self._kind.pure(training)

        def called(state, args, kwargs):
            with jax.enable_x64(self._x64):  # dropout's bits are those of the user's JAX
                args, kwargs = map_tree(_of_canonical_dtype, (args, kwargs))
                out, after = run(dict(zip(paths, state, strict=True)), args, kwargs)
            return out, {i: after[path] for i, path in enumerate(paths) if path in after}

        called.__name__ = type(self._kind.module).__name__
        return called

    def to_flax(self):
        """The NNX module with the values that the tensors have now; for linen, its variables. Copies."""
        arrays = {path: jnp.array(jax_array_of(table[name])) for path, (table, name) in self._places.items()}
        return self._kind.rebuilt(arrays)

    def extra_repr(self):
        """The flax module's class."""
        return type(self._kind.module).__name__


def _of_canonical_dtype(a):
    return a.astype(jax.dtypes.canonicalize_dtype(a.dtype)) if isinstance(a, jax.Array) else a


class _NNX:
    """An NNX module: its arrays at the start, and its call as a pure function of them."""

    def __init__(self, module):
        self.module = nnx.clone(module)
        state = nnx.to_flat_state(nnx.state(self.module))
        self.variables = dict(state)
        self.start = {
            path: (_without_type_of_key(v.get_value()), isinstance(v, nnx.Param)) for path, v in self.variables.items()
        }

    def pure(self, training):
        if training:
            self.module.train()
        else:
            self.module.eval()
        graph = nnx.graphdef(self.module)

        def run(arrays, args, kwargs):
            module = nnx.merge(graph, self._state(arrays))
            out = module(*args, **kwargs)
            after = dict(nnx.to_flat_state(nnx.state(module)))
            return out, {path: _without_type_of_key(after[path].get_value()) for path in self._buffers()}

        return run

    def _buffers(self):
        return [path for path, (_, is_parameter) in self.start.items() if not is_parameter]

    def _state(self, arrays):
        flat = []
        for path, old in self.variables.items():
            array, was = arrays[path], old.get_value()
            if _is_key(was):
                array = jax.random.wrap_key_data(array, impl=jax.random.key_impl(was))
            flat.append((path, old.copy(array)))
        return nnx.from_flat_state(flat)

    def rebuilt(self, arrays):
        return nnx.merge(nnx.graphdef(self.module), self._state(arrays))


class _Linen:
    """A linen module with its variables and random streams."""

    def __init__(self, module, variables, rngs):
        self.module = module
        self.start = {path: (a, path[0] == "params") for path, a in traverse_util.flatten_dict(dict(variables)).items()}
        self.impls = {name: jax.random.key_impl(key) for name, key in rngs.items()}
        for name, key in rngs.items():
            self.start["rngs", name, "key"] = _without_type_of_key(key), False
            self.start["rngs", name, "count"] = jnp.zeros((), jnp.uint32), False
        self.collections = sorted({path[0] for path in self.start} - {"params", "rngs"})
        self.modes = {
            name: on for name, on in _MODES.items() if name in inspect.signature(type(module).__call__).parameters
        }

    def pure(self, training):
        def run(arrays, args, kwargs):
            kwargs = {name: training is on for name, on in self.modes.items()} | kwargs
            after = {}
            rngs = {}
            for name, impl in self.impls.items():
                count = arrays["rngs", name, "count"]
                key = jax.random.wrap_key_data(arrays["rngs", name, "key"], impl=impl)
                rngs[name] = jax.random.fold_in(key, count)
                if training:
                    after["rngs", name, "count"] = count + 1
            variables = self.rebuilt(arrays)
            mutable = self.collections if training else False
            out = self.module.apply(variables, *args, rngs=rngs, mutable=mutable, **kwargs)
            if mutable is not False:
                out, changed = out
                after |= {p: a for p, a in traverse_util.flatten_dict(dict(changed)).items() if p in arrays}
            return out, after

        return run

    def rebuilt(self, arrays):
        return traverse_util.unflatten_dict({path: a for path, a in arrays.items() if path[0] != "rngs"})


def _is_key(a):
    return jax.dtypes.issubdtype(a.dtype, jax.dtypes.prng_key)


def _without_type_of_key(a):
    """The numbers of a key; any other array as it is."""
    return jax.random.key_data(a) if _is_key(a) else jnp.asarray(a)
