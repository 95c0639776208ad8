"""The step of an optax chain as one call of the engine: which arrays go in, what comes out.

Inputs: a rate per cluster, then all parameters, all gradients, and per cluster its states by name (the step count
once, the joined state of its small parameters as one flat array, then one array for each large one). Outputs: the
same without rates and gradients. The chain sees the small parameters as one flat parameter.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jtorch.engine import Call


def ordered(cls, held):
    """The names of the states that are held, the step count first."""
    return [n for n in ["step", *[n for n in cls.names.values() if n != "step"]] if n in held]


_layouts: dict = {}


def layout(cls, settings, type) -> dict:
    """PyTorch's names of the states of a parameter of this type -> the number each is filled with at first."""
    key = (cls, settings, type.dtype)
    found = _layouts.get(key)
    if found is None:
        named = dict(settings)
        with jax.enable_x64(True):
            state = jax.eval_shape(cls.chain(**named).init, [jax.ShapeDtypeStruct((1,), type.dtype.np)])
        names = [_name(cls, path) for path, _ in jax.tree_util.tree_flatten_with_path(state)[0]]
        found = _layouts[key] = {name: cls.first_value(name, named) for name in names}
    return found


def _name(cls, path):
    field = next(k.name for k in path if isinstance(k, jax.tree_util.GetAttrKey))
    return "step" if field == "count" else cls.names[field]


_calls: dict = {}


def call_of(cls, clusters) -> Call:
    """The interned call that updates these clusters: (settings, small parameters, all parameters) of each."""
    found = _calls.get((cls, clusters))
    if found is None:
        found = _calls[cls, clusters] = Update(cls, clusters)
    return found


class Update(Call):
    """The update of all parameters of one optimizer."""

    __slots__ = ("clusters", "optimizer")

    def __init__(self, optimizer, clusters):
        super().__init__(None, None, optimizer.__name__ + ".step")
        self.optimizer = optimizer
        self.clusters = clusters

    def _infer(self, types):
        n = sum(size for *_, size in self.clusters)
        rates = len(self.clusters)
        return False, (*types[rates : rates + n], *types[rates + 2 * n :])

    def bind(self, types):
        n = sum(size for *_, size in self.clusters)

        def step(*arrays):
            rates = arrays[: len(self.clusters)]
            rest = arrays[len(rates) :]
            params, grads, states = rest[:n], rest[n : 2 * n], iter(rest[2 * n :])
            new_params, new_states, at = [], [], 0
            for rate, (settings, small, size) in zip(rates, self.clusters, strict=True):
                mine = slice(at, at + size)
                at += size
                made, state = self._cluster(rate, settings, small, params[mine], grads[mine], states)
                new_params += made
                new_states += state
            return [*new_params, *new_states]

        return step

    def _cluster(self, rate, settings, small, params, grads, states):
        """One cluster: (new parameters, new states in the order they came)."""
        cls = self.optimizer
        tx = cls.chain(**dict(settings))
        joined, alone = _joined(params, small), _joined(grads, small)
        blank, tree = jax.tree_util.tree_flatten_with_path(jax.eval_shape(tx.init, joined))
        names = [_name(cls, path) for path, _ in blank]
        order = ordered(cls, names)
        given = {n: [next(states) for _ in range(1 if n == "step" else len(joined))] for n in order}
        taken = {n: iter(a) for n, a in given.items()}
        leaves = [
            given["step"][0].astype(leaf.dtype) if n == "step" else next(taken[n])
            for n, (_, leaf) in zip(names, blank, strict=True)
        ]
        updates, state = tx.update(alone, jax.tree_util.tree_unflatten(tree, leaves), joined)
        made = [_descended(p, rate, u) for p, u in zip(joined, updates, strict=True)]
        out = {n: [] for n in order}
        for n, leaf in zip(names, jax.tree_util.tree_leaves(state), strict=True):
            if n == "step":
                out[n] = [leaf.astype(jnp.float32)]
            else:
                out[n].append(leaf.astype(given[n][len(out[n])].dtype))
        return _parted(made, params, small), [a for n in order for a in out[n]]


def _joined(arrays, small):
    """The first arrays as one flat one, then the others."""
    if not small:
        return list(arrays)
    return [jnp.concatenate([a.reshape(-1) for a in arrays[:small]]), *arrays[small:]]


def _parted(made, params, small):
    """Undo `_joined`: each small parameter its own part of the flat one."""
    if not small:
        return made
    flat, parts, at = made[0], [], 0
    for p in params[:small]:
        parts.append(flat[at : at + p.size].reshape(p.shape))
        at += p.size
    return [*parts, *made[1:]]


def _descended(p, rate, update):
    real = jnp.finfo(p.dtype).dtype if jnp.issubdtype(p.dtype, jnp.inexact) else p.dtype
    return (p - jnp.asarray(rate, real) * update).astype(p.dtype)
