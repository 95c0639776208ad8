"""PreparedStep: the tensors that a step reads and replaces, and the calls that it records; kept from step to step."""

from __future__ import annotations

from operator import is_

from jtorch.core import engine
from jtorch.core.engine import Value, local, number
from jtorch.core.tensor import Tensor, apply, moves, write_all
from jtorch.optim._functional import update
from jtorch.optim._functional.shared_memory import sharing


class PreparedStep:
    """One step of an optimizer: its updates in order. To check that it still fits costs less than to prepare it again.

    One update is for all parameters that share no memory with others. Each of the others has an update of its own, since it
    must read what the one before it wrote.
    """

    def __init__(self, optimizer, updates):
        self.updates = updates
        self.state = optimizer.state
        names = optimizer.settings
        self.groups = [(g, [g[n] for n in names], list(g["params"])) for g in optimizer.param_groups]
        self.every = [p for g in optimizer.param_groups for p in g["params"]]
        self.idle = [p._grad is None for p in self.every]
        held = [item for update in updates for item in update.held]
        self.dicts, self.names, self.held = zip(*held, strict=True) if held else ((), (), ())
        self.moves = moves()
        self.shared = shared_by(optimizer)

    def fits(self, optimizer):
        """Whether the same parameters have gradients, with the same settings, the same states and the same memory in common."""
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
            and (self.moves == moves() or self._still_shared(optimizer))
        )

    def _still_shared(self, optimizer):
        """Whether the parameters that share memory are the same ones, although a tensor was given other memory."""
        self.moves = moves()
        return shared_by(optimizer) == self.shared


def with_gradients(optimizer):
    """The pairs (group, parameter) that a step updates, in order."""
    return [(group, p) for group in optimizer.param_groups for p in group["params"] if p._grad is not None]


def shared_by(optimizer) -> set[int]:
    """The numbers of those pairs whose parameter, or a state of it, shares memory with another's."""
    single = optimizer.scalars
    return sharing(
        [
            [
                p._memory,
                *[
                    t._memory
                    for name, t in optimizer.state.get(p, {}).items()
                    if name not in single and isinstance(t, Tensor)
                ],
            ]
            for _, p in with_gradients(optimizer)
        ]
    )


class PreparedUpdate:
    """The update of some buckets of parameters, all of which are read before one is written."""

    def __init__(self, optimizer, buckets):
        self.buckets = buckets
        self.params = [p._memory for bucket in buckets for p in bucket.params]
        self.held = [h for bucket in buckets for h in bucket.held]
        self.states = [t for bucket in buckets for t in bucket.moved]
        self.moved = [*self.params, *self.states]
        self.key = tuple([bucket.key for bucket in buckets])
        self.optimizer = type(optimizer)
        self.call = update.call_of(self.optimizer, self.key)

    def record(self, skip=None):
        """Record the call: learning rates, parameters, gradients, states -> parameters, states."""
        call, values = self.call, []
        if skip is not None:
            call, values = update.call_of(self.optimizer, self.key, True), [skip._value]
        values += [lr_value(bucket.group["lr"]) for bucket in self.buckets]
        values += [
            p._storage.value if p._view is None else p._value for p in self.params
        ]  # 0.1 µs less than `_value` alone
        values += [g if g.__class__ is Value else g._value for g in [p._grad for p in self.params]]
        values += [t._value for t in self.states]
        if local.grad:
            rates, grads = [bucket.group["lr"] for bucket in self.buckets], [p._gradient() for p in self.params]
            record_differentiable(call, values, rates, self.params, grads, self.states)
            return
        _, out = engine.record(call, values)
        write_all(self.moved, [out] if out.__class__ is Value else out)


def record_differentiable(call, values, rates, params, grads, states):
    """Record a call on tensors, so that the step itself can be differentiated: for `differentiable=True`."""
    tensors = [*[lr if isinstance(lr, Tensor) else None for lr in rates], *params, *grads, *states]
    first = len(values) - len(tensors)
    for t in params:
        t._writable()
    made = apply(
        call, (*values[:first], *[v if t is None else t for t, v in zip(tensors, values[first:], strict=True)])
    )
    for t, new in zip([*params, *states], [made] if isinstance(made, Tensor) else made, strict=True):
        t._assign(*new._read())


def lr_value(lr):
    """A learning rate as a value of the trace, so that a new rate needs no new program."""
    return lr._value if isinstance(lr, Tensor) else number(float(lr))
