"""`jtorch.flax.NNXModule`: an `nn.Module` for `nnx.jit` and `nnx.Optimizer`."""

from __future__ import annotations

import contextlib

import jax.numpy as jnp
from flax import nnx

from jtorch.core.methods import functionalize
from jtorch.core.tensor import tensor_from_jax


class NNXModule(nnx.Module):
    """An `nn.Module` as an NNX module: parameters are `nnx.Param`, buffers `nnx.BatchStat`.

    Args:
        module: an `nn.Module`. It is the code that runs; its own tensors stay as they are.
        rngs: `nnx.Rngs` that dropout in training draws from, from the stream `dropout`.

    It is called with arrays and returns arrays. `train()` and `eval()` are NNX's; in training, each part of the module is in
    the mode that it had when this was made. Parameters that require no gradient are `nnx.Variable`, which
    `nnx.Optimizer(..., wrt=nnx.Param)` leaves alone.

    Raises:
        RuntimeError: when it is called, the module draws random numbers and no `rngs` were given.

    >>> import jax, jtorch.flax, optax
    >>> from flax import nnx
    >>> model = jtorch.flax.NNXModule(torch.nn.Linear(2, 1))
    >>> optimizer = nnx.Optimizer(model, optax.sgd(0.1), wrt=nnx.Param)
    >>> @nnx.jit
    ... def step(model, optimizer, x):
    ...     loss, grads = nnx.value_and_grad(lambda model: (model(x) ** 2).mean())(model)
    ...     optimizer.update(model, grads)
    ...     return loss
    >>> x = jax.numpy.ones((4, 2))
    >>> bool(step(model, optimizer, x) > step(model, optimizer, x))
    True
    """

    def __init__(self, module, rngs=None):
        pure, parameters, buffers = functionalize(module, buffers=True)
        wanted = {name: p.requires_grad for name, p in module.named_parameters()}
        self.parameters = nnx.Dict(
            {_key(n): (nnx.Param if wanted[n] else nnx.Variable)(jnp.array(a)) for n, a in parameters.items()}
        )
        self.buffers = nnx.Dict({_key(n): nnx.BatchStat(jnp.array(a)) for n, a in buffers.items()})
        self.rngs = rngs
        self.deterministic = False
        self._code = nnx.static(_Code(module, pure))

    def __call__(self, *args, **kwargs):
        code = self._code
        draws = self.rngs is not None and not self.deterministic
        with code.in_mode(self.deterministic):
            out, after = code.pure(
                _values_of(self.parameters, code.parameters),
                _values_of(self.buffers, code.buffers),
                *args,
                rng=self.rngs.dropout() if draws else None,
                **kwargs,
            )
        for name in code.buffers:
            self.buffers[_key(name)].set_value(after[name])
        return out

    def state_dict(self):
        """{PyTorch's name: tensor}, which the `nn.Module`'s `load_state_dict` takes."""
        arrays = _values_of(self.parameters, self._code.parameters) | _values_of(self.buffers, self._code.buffers)
        state = self._code.module.state_dict()
        kept = {
            name: tensor_from_jax(jnp.array(arrays[name])).to(t.dtype) for name, t in state.items() if name in arrays
        }
        return {name: kept.get(name, t) for name, t in state.items()}

    def load_state_dict(self, state_dict):
        """Take the values of a PyTorch `state_dict`.

        Raises:
            RuntimeError: names or shapes are not those of the module, with PyTorch's text.
        """
        module = self._code.module
        before = {name: t.clone() for name, t in module.state_dict().items()}
        try:
            module.load_state_dict(state_dict)
            _, parameters, buffers = functionalize(module, buffers=True)
            for table, arrays in ((self.parameters, parameters), (self.buffers, buffers)):
                for name, array in arrays.items():
                    table[_key(name)].set_value(jnp.array(array))
        finally:
            module.load_state_dict(before)


class _Code:
    """The `nn.Module` and its pure function: what of an NNXModule is not an array. Equal to itself only."""

    def __init__(self, module, pure):
        self.module, self.pure = module, pure
        self.parameters = [name for name, _ in module.named_parameters()]
        self.buffers = [name for name, _ in module.named_buffers()]
        self.modes = [(m, m.training) for m in module.modules()]

    @contextlib.contextmanager
    def in_mode(self, deterministic):
        before = [(m, m.training) for m, _ in self.modes]
        try:
            for m, training in self.modes:
                m.training = training and not deterministic
            yield
        finally:
            for m, training in before:
                m.training = training


def _key(name):
    return name.replace(".", "/")


def _values_of(table, names):
    return {name: table[_key(name)].get_value() for name in names}
