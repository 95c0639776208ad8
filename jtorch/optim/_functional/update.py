"""Update: the step of an optimizer as one call of the engine.

Inputs, in order:
    whether to skip the step (only if the call is made with `skipping`);
    a learning rate for each bucket;
    all parameters, then all gradients;
    for each bucket its states by name: each scalar as one flat array of equal numbers, the state of the small
    parameters as one flat array, then one array for each large parameter.
Outputs: parameters and states, in the same order.

The optax transformation gets the small parameters as one flat parameter. It gets a complex parameter as pairs of real
numbers, as PyTorch's optimizers do.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jtorch.core.engine import Call, all_on_host, opaque, shapes_of


class StateLayout(NamedTuple):
    """The shape of a state (None: the parameter's shape) and the number it is filled with at first."""

    shape: tuple | None
    first: float


def in_order(cls, held):
    """The names of the states that are held, scalars first."""
    return [n for n in dict.fromkeys([*cls.scalars, *cls.state_names.values(), *held]) if n in held]


_layouts: dict = {}


def state_layout(cls, settings, type) -> dict[str, StateLayout]:
    """The states of a parameter of this type, by PyTorch's names."""
    shape = (1,) if cls.elementwise else tuple(type.shape)
    key = (cls, settings, type.dtype, shape)
    found = _layouts.get(key)
    if found is None:
        named = dict(settings)
        with jax.enable_x64(True):
            state = shapes_of(cls.transformation(**named).init, [jax.ShapeDtypeStruct(shape, type.dtype.np)])
        leaves = [(_state_name(cls, path), leaf.shape) for path, leaf in jax.tree_util.tree_flatten_with_path(state)[0]]
        found = _layouts[key] = {
            name: StateLayout(None if size == shape else size, cls.initial_value(name, named)) for name, size in leaves
        }
    return found


def _state_name(cls, path):
    field = next(k.name for k in path if isinstance(k, jax.tree_util.GetAttrKey))
    return cls.state_names.get(field, "step" if field == "count" else field)


_calls: dict = {}


def call_of(cls, buckets, skipping=False, is_packed=False) -> Call:
    """The interned call that updates these buckets, each given as (settings, number of small parameters, number of parameters)."""
    key = (cls, buckets, skipping, is_packed)
    found = _calls.get(key)
    if found is None:
        found = _calls[key] = Update(*key)
    return found


class Update(Call):
    """The update of all parameters of one optimizer. With `skipping`, the first input says whether to skip it.

    With `is_packed`, the small parameters of each bucket are one flat array, which comes before all other inputs and results.
    """

    __slots__ = ("buckets", "is_packed", "optimizer", "skipping")

    def __init__(self, optimizer, buckets, skipping=False, is_packed=False):
        # The results overwrite the inputs, which is not an error in a differentiable step.
        super().__init__(None, None, optimizer.__name__ + ".step", saves=(0,))
        self.optimizer = optimizer
        self.buckets = buckets
        self.skipping = skipping
        self.is_packed = is_packed

    def _infer(self, types):
        flats, _, _, params, _, states = self._split(types)
        return False, (*flats, *params, *states)

    def _split(self, given):
        """The inputs by kind: flat parameters, whether to skip, rates, parameters, gradients, states."""
        total = sum(size for *_, size in self.buckets)
        joined = [small for _, small, _ in self.buckets if small] if self.is_packed else []
        sizes = [len(joined), int(self.skipping), len(self.buckets), total - sum(joined), total]
        ends = [*accumulate(sizes, initial=0), len(given)]
        return [given[start:end] for start, end in pairwise(ends)]

    def packed(self):
        first, at, groups = len(self.buckets) + self.skipping, 0, []
        for _, small, size in self.buckets:
            if small:
                groups.append((range(first + at, first + at + small), range(at, at + small)))
            at += size
        if self.is_packed or not groups:
            return None
        return call_of(self.optimizer, self.buckets, self.skipping, True), groups

    def bind(self, types):
        ordered = all_on_host(types)

        def step(*arrays):
            flats, skip, rates, params, grads, states = self._split(arrays)
            flats, params, grads, left = iter(flats), iter(params), iter(grads), iter(states)
            new_flats, new_params, new_states = [], [], []
            for rate, (settings, small, size) in zip(rates, self.buckets, strict=True):
                joined = int(self.is_packed and small > 0)
                own = [next(params) for _ in range(size - small * joined)]
                own_grads = [next(grads) for _ in range(size)]
                if ordered:
                    own = _after_their_use(own, own_grads, small)
                own = [next(flats), *own] if joined else own
                made, state = self._bucket(rate.reshape(()), settings, small, own, joined, own_grads, left, ordered)
                made = _unless(skip, own, made)
                new_flats += made[:joined]
                new_params += made[joined:]
                new_states += state
            return (*new_flats, *new_params, *_unless(skip, states, new_states))

        return step

    def _bucket(self, rate, settings, small, params, is_joined, grads, states, on_host):
        """The new parameters and states of one bucket. `is_joined`: its small parameters come as one flat array."""
        cls = self.optimizer
        tx = cls.transformation(**dict(settings))
        joined, alone = params if is_joined else _concatenate_small(params, small), _concatenate_small(grads, small)
        blank, tree = jax.tree_util.tree_flatten_with_path(shapes_of(tx.init, joined))
        names = [_state_name(cls, path) for path, _ in blank]
        order = in_order(cls, names)
        given = {n: [next(states) for _ in range(1 if n in cls.scalars else names.count(n))] for n in order}
        taken = {n: iter(map(_as_real_pairs, a)) for n, a in given.items()}
        leaves = [
            given[n][0][0].astype(leaf.dtype) if n in cls.scalars else next(taken[n])
            for n, (_, leaf) in zip(names, blank, strict=True)
        ]
        state = jax.tree_util.tree_unflatten(tree, leaves)
        real = [_as_real_pairs(p) for p in joined]
        if cls.applies_lr:
            updates, state = tx.update([_as_real_pairs(g) for g in alone], state, real, rate=rate)
            rate = 1
        else:
            updates, state = tx.update([_as_real_pairs(g) for g in alone], state, real)
        parts = updates if is_joined else _split_small(updates, params, small, on_host)
        made = [_from_real_pairs(p, _descended(_as_real_pairs(p), rate, u)) for p, u in zip(params, parts, strict=True)]
        out = {n: [] for n in order}
        for n, leaf in zip(names, jax.tree_util.tree_leaves(state), strict=True):
            if n in cls.scalars:
                out[n] = [jnp.full_like(given[n][0], leaf)]
            else:
                out[n].append(_from_real_pairs(given[n][len(out[n])], leaf))
        return made, [a for n in order for a in out[n]]


def _unless(skip, old, new):
    """The new arrays; the old ones if `skip` (a list of one array or none) holds one that is not zero."""
    return [jnp.where(skip[0] != 0, a, b) for a, b in zip(old, new, strict=True)] if skip else new


def _after_their_use(params, grads, small):
    """The parameters, with an order for XLA: a large one is overwritten only after the gradient of the one before it.

    The backward pass computes that gradient from the large parameter.
    """
    before = [grads[0] if small else None, *grads[small:]]
    first = len(params) - len(grads) + small  # the small ones are not among them if they are packed
    large = [
        p if g is None or not g.size else opaque.after(g.ravel()[0].real, p)
        for p, g in zip(params[first:], before, strict=False)
    ]
    return [*params[:first], *large]


def _as_real_pairs(a):
    """A complex array as real numbers in pairs."""
    return jnp.stack([a.real, a.imag], axis=-1) if jnp.iscomplexobj(a) else a


def _from_real_pairs(a, made):
    """Undo `_as_real_pairs`, in the dtype of a."""
    return (jax.lax.complex(made[..., 0], made[..., 1]) if jnp.iscomplexobj(a) else made).astype(a.dtype)


def _concatenate_small(arrays, small):
    """The first `small` arrays as one flat array, then the others.

    Without the barrier XLA fuses the concatenation into the update, and concatenates once for each parameter.
    """
    if not small:
        return list(arrays)
    flat = jax.lax.optimization_barrier(jnp.concatenate([a.reshape(-1) for a in arrays[:small]]))
    return [flat, *arrays[small:]]


def _split_small(updates, params, small, on_host):
    """Undo `_concatenate_small` for the updates: cut the flat array into one part for each small parameter."""
    if not small:
        return updates
    flat, *alone = updates
    sizes = [p.size for p in params[:small]]
    starts = [sum(sizes[:i]) for i in range(small)]
    if on_host and flat.size:
        starts = opaque.integers(starts, flat.ravel()[0])
    parts = [opaque.cut(flat, n, size) for n, size in zip(starts, sizes, strict=True)]
    return [part.reshape(_as_real_pairs(p).shape) for part, p in zip(parts, params[:small], strict=True)] + alone


def _descended(p, rate, update):
    return p - jnp.asarray(rate, update.dtype) * update
