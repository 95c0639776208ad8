"""The step of an optax chain as one call of the engine: which arrays go in, what comes out.

Inputs: whether the step is to be skipped (only where somebody asks), a rate per cluster, then all parameters, all
gradients, and per cluster its states by name (the step count and other scalars as one flat array of equal numbers,
the joined state of its small parameters as one flat array, then one array for each large one). Outputs: parameters
and states. The chain sees the small parameters as one flat parameter, and a complex one as real numbers in pairs, as
PyTorch's optimizers do.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jtorch.core.engine import Call, all_on_host, opaque, shapes_of


class State(NamedTuple):
    """How a state begins: its shape (None: the parameter's) and the number it is filled with."""

    shape: tuple | None
    first: float


def ordered(cls, held):
    """The names of the states that are held, scalars first."""
    return [n for n in dict.fromkeys([*cls.scalars, *cls.names.values(), *held]) if n in held]


_layouts: dict = {}


def layout(cls, settings, type) -> dict[str, State]:
    """PyTorch's names of the states of a parameter of this type -> how each begins."""
    shape = (1,) if cls.elementwise else tuple(type.shape)
    key = (cls, settings, type.dtype, shape)
    found = _layouts.get(key)
    if found is None:
        named = dict(settings)
        with jax.enable_x64(True):
            state = shapes_of(cls.chain(**named).init, [jax.ShapeDtypeStruct(shape, type.dtype.np)])
        leaves = [(_name(cls, path), leaf.shape) for path, leaf in jax.tree_util.tree_flatten_with_path(state)[0]]
        found = _layouts[key] = {
            name: State(None if size == shape else size, cls.first_value(name, named)) for name, size in leaves
        }
    return found


def _name(cls, path):
    field = next(k.name for k in path if isinstance(k, jax.tree_util.GetAttrKey))
    return cls.names.get(field, "step" if field == "count" else field)


_calls: dict = {}


def call_of(cls, clusters, skipping=False, is_packed=False) -> Call:
    """The interned call that updates these clusters: (settings, small parameters, all parameters) of each."""
    key = (cls, clusters, skipping, is_packed)
    found = _calls.get(key)
    if found is None:
        found = _calls[key] = Update(*key)
    return found


class Update(Call):
    """The update of all parameters of one optimizer; with `skipping`, the first input says whether to leave it out.

    With `is_packed`, the small parameters of each cluster are one flat array, which comes before all other inputs and results.
    """

    __slots__ = ("clusters", "is_packed", "optimizer", "skipping")

    def __init__(self, optimizer, clusters, skipping=False, is_packed=False):
        # what it reads is overwritten with what it makes, which a differentiable step must not mind
        super().__init__(None, None, optimizer.__name__ + ".step", saves=(0,))
        self.optimizer = optimizer
        self.clusters = clusters
        self.skipping = skipping
        self.is_packed = is_packed

    def _infer(self, types):
        flats, _, _, params, _, states = self._split(types)
        return False, (*flats, *params, *states)

    def _split(self, given):
        """The inputs by kind: flat parameters, whether to skip, rates, parameters, gradients, states."""
        total = sum(size for *_, size in self.clusters)
        joined = [small for _, small, _ in self.clusters if small] if self.is_packed else []
        sizes = [len(joined), int(self.skipping), len(self.clusters), total - sum(joined), total]
        ends = [*accumulate(sizes, initial=0), len(given)]
        return [given[start:end] for start, end in pairwise(ends)]

    def packed(self):
        first, at, groups = len(self.clusters) + self.skipping, 0, []
        for _, small, size in self.clusters:
            if small:
                groups.append((range(first + at, first + at + small), range(at, at + small)))
            at += size
        if self.is_packed or not groups:
            return None
        return call_of(self.optimizer, self.clusters, self.skipping, True), groups

    def bind(self, types):
        ordered = all_on_host(types)

        def step(*arrays):
            flats, skip, rates, params, grads, states = self._split(arrays)
            flats, params, grads, left = iter(flats), iter(params), iter(grads), iter(states)
            new_flats, new_params, new_states = [], [], []
            for rate, (settings, small, size) in zip(rates, self.clusters, strict=True):
                joined = int(self.is_packed and small > 0)
                own = [next(params) for _ in range(size - small * joined)]
                own_grads = [next(grads) for _ in range(size)]
                if ordered:
                    own = _after_their_use(own, own_grads, small)
                own = [next(flats), *own] if joined else own
                made, state = self._cluster(rate.reshape(()), settings, small, own, joined, own_grads, left, ordered)
                made = _unless(skip, own, made)
                new_flats += made[:joined]
                new_params += made[joined:]
                new_states += state
            return (*new_flats, *new_params, *_unless(skip, states, new_states))

        return step

    def _cluster(self, rate, settings, small, params, is_joined, grads, states, on_host):
        """One cluster: (new parameters, new states in the order they came). `is_joined`: the small parameters are one flat one."""
        cls = self.optimizer
        tx = cls.chain(**dict(settings))
        joined, alone = params if is_joined else _joined(params, small), _joined(grads, small)
        blank, tree = jax.tree_util.tree_flatten_with_path(shapes_of(tx.init, joined))
        names = [_name(cls, path) for path, _ in blank]
        order = ordered(cls, names)
        given = {n: [next(states) for _ in range(1 if n in cls.scalars else names.count(n))] for n in order}
        taken = {n: iter(map(_real, a)) for n, a in given.items()}
        leaves = [
            given[n][0][0].astype(leaf.dtype) if n in cls.scalars else next(taken[n])
            for n, (_, leaf) in zip(names, blank, strict=True)
        ]
        state = jax.tree_util.tree_unflatten(tree, leaves)
        seen = [_real(p) for p in joined]
        if cls.rated:
            updates, state = tx.update([_real(g) for g in alone], state, seen, rate=rate)
            rate = 1
        else:
            updates, state = tx.update([_real(g) for g in alone], state, seen)
        parts = updates if is_joined else _parted(updates, params, small, on_host)
        made = [_like(p, _descended(_real(p), rate, u)) for p, u in zip(params, parts, strict=True)]
        out = {n: [] for n in order}
        for n, leaf in zip(names, jax.tree_util.tree_leaves(state), strict=True):
            if n in cls.scalars:
                out[n] = [jnp.full_like(given[n][0], leaf)]
            else:
                out[n].append(_like(given[n][len(out[n])], leaf))
        return made, [a for n in order for a in out[n]]


def _unless(skip, old, new):
    """The new arrays, or the old ones where `skip`, of one array or none, is not zero."""
    return [jnp.where(skip[0] != 0, a, b) for a, b in zip(old, new, strict=True)] if skip else new


def _after_their_use(params, grads, small):
    """The parameters, each large one to be overwritten after the gradient of the one before it, which the backward pass
    works out of the large one."""
    before = [grads[0] if small else None, *grads[small:]]
    first = len(params) - len(grads) + small  # the small ones are not among them if they are packed
    large = [
        p if g is None or not g.size else opaque.after(g.ravel()[0].real, p)
        for p, g in zip(params[first:], before, strict=False)
    ]
    return [*params[:first], *large]


def _real(a):
    """A complex array as real numbers in pairs."""
    return jnp.stack([a.real, a.imag], axis=-1) if jnp.iscomplexobj(a) else a


def _like(a, made):
    """Undo `_real`, in the dtype of a."""
    return (jax.lax.complex(made[..., 0], made[..., 1]) if jnp.iscomplexobj(a) else made).astype(a.dtype)


def _joined(arrays, small):
    """The first arrays as one flat one, then the others.

    The barrier keeps XLA from fusing the joining into the update, and so from joining once for each part.
    """
    if not small:
        return list(arrays)
    flat = jax.lax.optimization_barrier(jnp.concatenate([a.reshape(-1) for a in arrays[:small]]))
    return [flat, *arrays[small:]]


def _parted(updates, params, small, on_host):
    """Undo `_joined` for the updates: each small parameter its own part of the flat one."""
    if not small:
        return updates
    flat, *alone = updates
    sizes = [p.size for p in params[:small]]
    starts = [sum(sizes[:i]) for i in range(small)]
    if on_host and flat.size:
        starts = opaque.integers(starts, flat.ravel()[0])
    parts = [opaque.cut(flat, n, size) for n, size in zip(starts, sizes, strict=True)]
    return [part.reshape(_real(p).shape) for part, p in zip(parts, params[:small], strict=True)] + alone


def _descended(p, rate, update):
    return p - jnp.asarray(rate, update.dtype) * update
