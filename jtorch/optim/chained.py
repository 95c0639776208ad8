"""Optimizers whose arithmetic is an optax chain, and whose whole step is one recorded line.

A subclass is a table row: PyTorch's defaults, a chain for a group's settings, and PyTorch's names for the fields of
the chain's state. The learning rate is a value, so a schedule never recompiles; everything else a group says is a
constant of the line. The line itself is in `jtorch.optim.update`; here is which tensors go into it.

Parameters that share settings and step count form a cluster. The small ones of a cluster share one flat storage for
each state (`exp_avg` of each is a view of it), because a program pays about a microsecond for every array that goes
in or out: an 8-layer MLP with Adam passes 21 arrays a step instead of 51.
"""

from __future__ import annotations

import inspect
from operator import is_

import numpy as np
import optax

from jtorch.core import engine
from jtorch.core.engine import Value, local, number
from jtorch.core.facts import float64, get_default_dtype
from jtorch.core.ops.gather.join import cat
from jtorch.core.ops.make.create import filled
from jtorch.core.tensor import Tensor, apply, known, write_all
from jtorch.optim import update
from jtorch.optim.optimizer import Optimizer, closure_loss


class ChainedOptimizer(Optimizer):
    """An optimizer over optax.

    A subclass gives:
        names: PyTorch's name of each field of the chain's state where it differs, {"mu": "exp_avg", ...}; the
            count is "step".
        chain(**settings): the optax transformation whose updates are multiplied by -lr.
    """

    names: dict[str, str] = {}
    scalars: tuple[str, ...] = ("step",)  # states that are one number for all parameters of a cluster
    rated = False  # whether the chain takes rate= and gives what is to be subtracted
    elementwise = True  # whether the chain treats each element alone, so that parameters may be joined
    first_differs = False  # whether the first step of a parameter needs a chain of its own: chain(first=True)
    settings: tuple[str, ...] = ()  # the names that the chain takes from a group

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        cls.settings = tuple([name for name in inspect.signature(cls.chain).parameters if name != "first"])

    @staticmethod
    def chain(**settings):
        raise NotImplementedError

    @staticmethod
    def first_value(name, settings):
        """What a state is filled with at first: zero, as optax does for nearly all."""
        return 0

    @property
    def skips(self):
        """Whether a step leaves everything as it is where `found_inf` is not zero: see `jtorch.amp.GradScaler`."""
        return not self.first_differs

    def step(self, closure=None):
        """Update the parameters from their gradients. Returns the closure's loss, or None."""
        loss = closure_loss(closure)
        grad, local.grad = local.grad, bool(self.defaults.get("differentiable"))
        try:
            self._update(self.__dict__.get("found_inf"))
        finally:
            local.grad = grad
        return loss

    def _update(self, skip=None):
        """Record the update; `skip` is a tensor that is not zero where it is to change nothing."""
        round = self.__dict__.get("_round")
        if round is None or not round.fits(self):
            round = self._plan()
            self._round = None if any(cluster.first for cluster in round.clusters) else round
        if round.params:
            round.record(skip)

    def _plan(self):
        """Which parameters move together in this step. States are made for those that have none."""
        clusters = []
        for group in self.param_groups:
            settings = _settings(self, group)
            together = {}
            for p in group["params"]:
                if p._grad is None:
                    continue
                self._check_parameter(p)
                names = tuple(update.layout(type(self), settings, p._type))
                state = self.state[p] if names else None  # made in the order of the parameters, as PyTorch does
                scalars = tuple([_identity(state.get(n)) for n in self.scalars]) if state else None
                together.setdefault((scalars, not state, names), []).append(p)
            clusters += [
                _Cluster(self, group, settings, fresh and self.first_differs, params)
                for (_, fresh, _), params in together.items()
            ]
        return _Round(self, clusters)

    def make_states(self):
        """Make the states of all parameters now: for an optimizer whose state exists before the first step."""
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]  # in this order
            _Cluster(self, group, _settings(self, group), False, group["params"])

    def _check_parameter(self, p):
        """Raise where this optimizer cannot move a parameter."""

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            for name, value in {**self.defaults, **_defaults(type(self))}.items():
                group.setdefault(name, value)  # a file of an older PyTorch lacks what came later
        for held in self.state.values():
            for name in self.scalars:
                if name in held and not isinstance(held[name], Tensor):
                    held[name] = known(np.array(held[name], np.float32))

    def __getstate__(self):
        return {k: v for k, v in super().__getstate__().items() if k != "_round"}


def _defaults(cls):
    parameters = inspect.signature(cls.__init__).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def _fixed(optimizer, group):
    """(names, values) of the settings that are constants of the line, and how many keys the group has."""
    names = [k for k in group if k not in optimizer.volatile]
    return names, [group[k] for k in names], len(group)


def _settings(optimizer, group):
    """What a group says to the chain: the constants of its line."""
    return tuple([(k, v if (v := group[k]).__class__ is not list else tuple(v)) for k in optimizer.settings])


def _identity(scalar):
    """What tells scalar states apart: the memory they share, or their number (read from a file)."""
    if scalar is None:
        return None
    return id(scalar._base) if scalar._base is not None else scalar.item()


_SMALL = 1 << 14  # elements: larger parameters gain nothing from being joined, and the joining is a copy


class _Cluster:
    """Parameters of one group that are at the same step: the small ones first, with their states joined.

    `held` are the state tensors of the parameters as (state, name, tensor), `moved` the tensors whose values the
    line takes and gives: the shared step count, and for each name the joined storage and then the large ones.
    """

    def __init__(self, optimizer, group, settings, first, params):
        self.group = group
        self.first = first
        kind = params[0]._type
        small = [
            p
            for p in params
            if optimizer.elementwise
            and p.numel() <= _SMALL
            and p.dtype is kind.dtype
            and p._type.place is kind.place
            and p.is_contiguous()
        ]
        small = small if len(small) > 1 else []
        joined = {id(p) for p in small}
        large = [p for p in params if id(p) not in joined]
        self.params = small + large
        self.settings = (*settings, ("first", True)) if first else settings
        self.key = (self.settings, len(small), len(params))
        self.held, self.moved = [], []
        layouts = [update.layout(type(optimizer), settings, p._type) for p in self.params]
        for name in update.ordered(optimizer, layouts[0]):
            if name in optimizer.scalars:
                self._share(optimizer, name, layouts[0][name].first)
            else:
                self._join(optimizer, name, small, layouts)
                for p, layout in zip(large, layouts[len(small) :], strict=True):
                    state = optimizer.state[p]
                    if name not in state:
                        state[name] = _filled(p._type, *layout[name])
                    self.held.append((state, name, state[name]))
                    self.moved.append(state[name])

    def _share(self, optimizer, name, first):
        """One flat tensor of a number that is the same for all parameters, and of no others; each has a view of it.

        A view, not the tensor itself: in a file, numbers of one memory are one, which PyTorch would count up once
        for each parameter.
        """
        states = [optimizer.state[p] for p in self.params]
        bases = {id(s[name]._base) for s in states if name in s}
        base = states[0][name]._base if name in states[0] else None
        if base is None or len(bases) > 1 or base.numel() != len(states):
            base = _scalars([s.get(name) for s in states], first, self.params[0]._type.place)
            for i, state in enumerate(states):
                state[name] = base.select(0, i)
        self.held += [(s, name, s[name]) for s in states]
        self.moved.append(base)

    def _join(self, optimizer, name, small, layouts):
        """One flat tensor that holds this state of all small parameters; each keeps a view of it."""
        if not small:
            return
        states = [optimizer.state[p] for p in small]
        bases = {id(s[name]._base) for s in states if name in s}
        base = states[0][name]._base if name in states[0] else None
        if base is None or len(bases) > 1 or base.numel() != sum(p.numel() for p in small):
            kind = small[0]._type
            first, total = layouts[0][name].first, sum(p.numel() for p in small)
            if any(name in s for s in states):  # loaded from a file, or made by the user
                base = _joined([s[name].detach() for s in states], kind.place)
            else:
                base = filled((total,), _both(first, kind.dtype), kind.dtype, kind.place)
            start = 0
            for p, s in zip(small, states, strict=True):
                s[name] = base.narrow(0, start, p.numel()).view(p.shape)
                start += p.numel()
        self.held += [(s, name, s[name]) for s in states]
        self.moved.append(base)


def _joined(tensors, place):
    """The tensors as one flat one: of loaded ones without a line, so that a resumed run is the same program at once
    and goes on bit for bit."""
    if all(not t._value.is_promised for t in tensors):
        return known(np.concatenate([t._value.read().reshape(-1) for t in tensors]), place)
    return cat([t.reshape(-1) for t in tensors])


def _scalars(held, first, place):
    """One flat tensor of scalar states, of which those that do not exist yet begin with `first`.

    It lies where the parameters do: a count on the host would have to be sent for every step.
    """
    d = np.float64 if get_default_dtype() is float64 else np.float32
    if any(t is not None and t._base is not None for t in held):
        return cat([t.detach().reshape(1).to(place.device) for t in held])
    return known(np.array([first if t is None else t.item() for t in held], d), place)


def _filled(kind, shape, first):
    if shape is None:
        return filled(tuple(kind.shape), _both(first, kind.dtype), kind.dtype, kind.place, kind.strides)
    return filled(shape, first, kind.dtype, kind.place)


def _both(first, d):
    """A first value for the real and the imaginary part."""
    return complex(first, first) if first and d.is_complex else first


class _Round:
    """What one step moves, kept for the next step: checking that nothing changed costs less than finding out."""

    def __init__(self, optimizer, clusters):
        self.clusters = clusters
        self.state = optimizer.state
        names = optimizer.settings
        self.groups = [(g, [g[n] for n in names], list(g["params"])) for g in optimizer.param_groups]
        self.every = [p for g in optimizer.param_groups for p in g["params"]]
        self.idle = [p._grad is None for p in self.every]
        self.params = [p for c in clusters for p in c.params]
        held = [h for c in clusters for h in c.held]
        self.dicts, self.names, self.held = zip(*held, strict=True) if held else ((), (), ())
        self.states = [t for c in clusters for t in c.moved]
        self.moved = [*self.params, *self.states]
        self.key = tuple([c.key for c in clusters])
        self.optimizer = type(optimizer)
        self.call = update.call_of(self.optimizer, self.key)

    def fits(self, optimizer):
        """Whether the same parameters have gradients, under the same settings, with the same state."""
        groups, names = optimizer.param_groups, optimizer.settings
        return (
            self.state is optimizer.state
            and len(groups) == len(self.groups)
            and all(
                g is mine
                and all(map(is_, map(g.get, names), settings))
                and len(params) == len(g["params"])
                and all(map(is_, params, g["params"]))
                for g, (mine, settings, params) in zip(groups, self.groups, strict=True)
            )
            and self.idle == [p._grad is None for p in self.every]
            and all(map(is_, map(dict.get, self.dicts, self.names), self.held))
        )

    def record(self, skip=None):
        """One line: rates, parameters, gradients, states -> parameters, states."""
        call, values = self.call, []
        if skip is not None:
            call, values = update.call_of(self.optimizer, self.key, True), [skip._value]
        values += [rate_of(c.group["lr"]) for c in self.clusters]
        values += [
            p._storage.value if p._view is None else p._value for p in self.params
        ]  # 0.1 us less than `_value` alone
        values += [g if g.__class__ is Value else g._value for g in [p._grad for p in self.params]]
        values += [t._value for t in self.states]
        if local.grad:
            self._record_differentiable(call, values)
            return
        _, out = engine.record(call, values)
        write_all(self.moved, [out] if out.__class__ is Value else out)

    def _record_differentiable(self, call, values):
        """The same line on tensors, so that the step itself can be differentiated: only for `differentiable=True`."""
        rates = [c.group["lr"] for c in self.clusters]
        grads = [p._gradient() for p in self.params]
        tensors = [*[lr if isinstance(lr, Tensor) else None for lr in rates], *self.params, *grads, *self.states]
        first = len(values) - len(tensors)
        for t in self.params:
            t._writable()
        made = apply(
            call, (*values[:first], *[v if t is None else t for t, v in zip(tensors, values[first:], strict=True)])
        )
        for t, new in zip(self.moved, [made] if isinstance(made, Tensor) else made, strict=True):
            t._assign(*new._read())


def rate_of(lr):
    """A learning rate as a value, so that it may change between steps without a new program."""
    return lr._value if isinstance(lr, Tensor) else number(float(lr))


def preconditioned(maximize, weight_decay):
    """The start of every chain: the gradient's sign and L2 weight decay."""
    start = [optax.scale(-1.0)] if maximize else []
    return [*start, optax.add_decayed_weights(weight_decay)] if weight_decay else start


def counting():
    """A part of a chain that only keeps the step count, which PyTorch's state has and optax's has not."""
    return optax.scale_by_schedule(lambda count: 1.0)


def check_rate(lr, message="Invalid learning rate: {}", least_is_valid=True):
    """Raise PyTorch's errors for a bad learning rate."""
    if isinstance(lr, Tensor):
        if lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        return
    if not (0.0 <= lr if least_is_valid else 0.0 < lr):
        raise ValueError(message.format(lr))


def check_settings(lr=0.0, betas=(), **nonnegative):
    """Raise PyTorch's errors for settings out of their ranges."""
    check_rate(lr)
    eps = nonnegative.pop("eps", 0.0)
    if not 0.0 <= eps:
        raise ValueError(f"Invalid epsilon value: {eps}")
    for i, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
    for name, value in nonnegative.items():
        if not 0.0 <= value:
            raise ValueError(f"Invalid {name} value: {value}")
