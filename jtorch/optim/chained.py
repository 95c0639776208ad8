"""Optimizers whose arithmetic is an optax chain, and whose whole step is one recorded line.

A subclass is a table row: PyTorch's defaults, a chain for a group's settings, and PyTorch's names for the fields of
the chain's state. Parameters that share settings and step count are updated together in one call of the chain. The
learning rate and the step count are values, so a schedule never recompiles; everything else a group says is a
constant of the line.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jtorch import engine
from jtorch.convert import known
from jtorch.engine import Call, Value, local, number
from jtorch.optim.optimizer import Optimizer, closure_loss
from jtorch.ops.create import filled
from jtorch.tensor import Tensor


class ChainedOptimizer(Optimizer):
    """An optimizer over optax.

    A subclass gives:
        names: PyTorch's name of each field of the chain's state, {"mu": "exp_avg", ...}; "step" is the count.
        chain(**settings): the optax transformation whose updates are multiplied by -lr.
    """

    names: dict[str, str] = {}
    first_differs = False  # whether the first step of a parameter needs a chain of its own: chain(first=True)
    volatile = ("lr", "params", "initial_lr", "param_names", "foreach", "fused", "capturable", "differentiable")

    @staticmethod
    def chain(**settings):
        raise NotImplementedError

    def step(self, closure=None):
        """Update the parameters from their gradients. Returns the closure's loss, or None."""
        loss = closure_loss(closure)
        grad, local.grad = local.grad, False
        try:
            self._update()
        finally:
            local.grad = grad
        return loss

    def _update(self):
        rates, clusters, params, states = [], [], [], []
        for group in self.param_groups:
            settings = tuple([(k, v) for k, v in group.items() if k not in self.volatile])
            by_step = {}
            for p in group["params"]:
                if p._grad is None:
                    continue
                state = self.state.get(p)
                fresh = not state
                if fresh:
                    state = self._start(p, settings, by_step)
                by_step.setdefault((id(state.get("step")), fresh and self.first_differs), []).append((p, state))
            for (_, first), members in by_step.items():
                rates.append(_rate(group["lr"]))
                clusters.append(((*settings, ("first", True)) if first else settings, len(members)))
                params += [p for p, _ in members]
                states.append([state for _, state in members])
        if params:
            self._record(rates, clusters, params, states)

    def _start(self, p, settings, by_step):
        """A new parameter's state: the chain's own first values. Parameters that start together share the count."""
        layout = _layout(type(self), settings, p._type)
        if not layout:
            return {}
        state = self.state[p]
        shared = next((s["step"] for members in by_step.values() for _, s in members if _fresh(s)), None)
        for name, leaf in layout.items():
            if name == "step":
                state["step"] = shared if shared is not None else known(np.zeros((), np.float32))
            else:
                state[name] = filled(tuple(leaf.shape), leaf.fill, p.dtype, p._type.place, p._type.strides)
        return state

    def _record(self, rates, clusters, params, states):
        held = []  # the tensors this step moves on, in the order of the line's outputs
        for cluster in states:
            for name in _ordered(self, cluster[0]):
                held += [cluster[0]["step"]] if name == "step" else [s[name] for s in cluster]
        call = _step_call(type(self), tuple(clusters))
        values = [p._storage.value if p._view is None else p._read()[0] for p in params]
        grads = [p._grad._value for p in params]
        moved = [t._value for t in held]
        _, out = engine.record(call, (*rates, *values, *grads, *moved))
        out = [out] if out.__class__ is Value else out
        for t, v in zip([*params, *held], out, strict=True):
            if t._view is None:
                t._storage.write(v, t._counter or t._storage)
            else:
                t._assign(v, t._edge)


def _ordered(cls, held):
    """The state's names that are held, the step count first."""
    return [n for n in ["step", *[n for n in cls.names.values() if n != "step"]] if n in held]


def _fresh(state):
    array = state["step"]._storage.value.array if "step" in state else None
    return array is not None and float(array) == 0


def _rate(lr):
    return lr._value if isinstance(lr, Tensor) else number(float(lr))


class _Leaf:
    """Shape, type and first value of one field of a parameter's state."""

    def __init__(self, shape, dtype, fill):
        self.shape = shape
        self.dtype = dtype
        self.fill = fill


_layouts: dict = {}


def _layout(cls, settings, type):
    """PyTorch's state names for a parameter of this type, with the first values optax gives them."""
    key = (cls, settings, type)
    found = _layouts.get(key)
    if found is None:
        with jax.enable_x64(True):
            state = cls.chain(**dict(settings)).init([np.zeros(type.shape, type.dtype.np)])
        found = _layouts[key] = {}
        for path, leaf in jax.tree_util.tree_flatten_with_path(state)[0]:
            name = _name(cls, path)
            if name == "step":
                found[name] = _Leaf((), np.float32, 0)
            else:
                array = np.asarray(leaf)
                found[name] = _Leaf(array.shape, array.dtype, array.flat[0] if array.size else 0)
    return found


def _name(cls, path):
    field = next(k.name for k in path if isinstance(k, jax.tree_util.GetAttrKey))
    return "step" if field == "count" else cls.names[field]


_calls: dict = {}


def _step_call(cls, clusters) -> Call:
    found = _calls.get((cls, clusters))
    if found is None:
        found = _calls[cls, clusters] = _Step(cls, clusters)
    return found


class _Step(Call):
    """The update of all parameters as one call.

    Inputs: a rate per cluster, then all parameters, all gradients, and per cluster its step count and its state by
    name. Outputs: the same without rates and gradients.
    """

    __slots__ = ("clusters", "optimizer")

    def __init__(self, optimizer, clusters):
        super().__init__(None, None, optimizer.__name__ + ".step")
        self.optimizer = optimizer
        self.clusters = clusters

    def _infer(self, types):
        n = sum(size for _, size in self.clusters)
        rates = len(self.clusters)
        return False, (*types[rates : rates + n], *types[rates + 2 * n :])

    def bind(self, types):
        n = sum(size for _, size in self.clusters)

        def step(*arrays):
            rates = arrays[: len(self.clusters)]
            rest = arrays[len(rates) :]
            params, grads, moved = rest[:n], rest[n : 2 * n], iter(rest[2 * n :])
            new_params, new_state, at = [], [], 0
            for rate, (settings, size) in zip(rates, self.clusters, strict=True):
                p, g = list(params[at : at + size]), list(grads[at : at + size])
                at += size
                made, state = self._update(rate, dict(settings), p, g, moved)
                new_params += made
                new_state += state
            return [*new_params, *new_state]

        return step

    def _update(self, rate, settings, params, grads, moved):
        """One cluster: (new parameters, new state in the order it came)."""
        cls = self.optimizer
        tx = cls.chain(**settings)
        blank, tree = jax.tree_util.tree_flatten_with_path(jax.eval_shape(tx.init, params))
        names = [_name(cls, path) for path, _ in blank]
        ordered = _ordered(cls, names)
        given = {n: [next(moved) for _ in range(1 if n == "step" else len(params))] for n in ordered}
        taken = {n: iter(a) for n, a in given.items()}
        leaves = [
            given["step"][0].astype(leaf.dtype) if n == "step" else next(taken[n])
            for n, (_, leaf) in zip(names, blank, strict=True)
        ]
        updates, state = tx.update(grads, jax.tree_util.tree_unflatten(tree, leaves), params)
        made = [_descend(p, rate, u) for p, u in zip(params, updates, strict=True)]
        out = {n: [] for n in ordered}
        for n, leaf in zip(names, jax.tree_util.tree_leaves(state), strict=True):
            if n == "step":
                out[n] = [leaf.astype(jnp.float32)]
            else:
                like = given[n][len(out[n])]
                out[n].append(leaf.astype(like.dtype))
        return made, [a for n in ordered for a in out[n]]


def _descend(p, rate, update):
    real = jnp.finfo(p.dtype).dtype if jnp.issubdtype(p.dtype, jnp.inexact) else p.dtype
    return (p - jnp.asarray(rate, real) * update).astype(p.dtype)


def preconditioned(maximize, weight_decay):
    """The start of every chain: the gradient's sign and L2 weight decay."""
    start = [optax.scale(-1.0)] if maximize else []
    return [*start, optax.add_decayed_weights(weight_decay)] if weight_decay else start


def check_rate(lr):
    """Raise PyTorch's errors for a bad learning rate."""
    if isinstance(lr, Tensor):
        if lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        return
    if not 0.0 <= lr:
        raise ValueError(f"Invalid learning rate: {lr}")

