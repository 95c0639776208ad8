"""Bucket: the parameters of one group that share their settings and their step count.

The small parameters of a bucket share one flat storage for each state: `exp_avg` of each is a view of it. Each array
that enters or leaves a program costs about a microsecond; so an 8-layer MLP with Adam passes 21 arrays a step, not 51.
"""

from __future__ import annotations

import numpy as np

from jtorch.core.facts import float64, get_default_dtype
from jtorch.core.ops.gather.joining import cat
from jtorch.core.ops.make.create import filled
from jtorch.core.tensor import known
from jtorch.optim._functional import update

_SMALL = 1 << 14  # in elements; to concatenate larger parameters costs a copy and gains nothing


class Bucket:
    """Parameters that are updated together: the small ones first, with their states concatenated.

    `held` lists the states of the parameters as (state dict, name, tensor). `moved` lists the tensors whose values
    the recorded call reads and replaces: the shared scalars, then for each name the flat state of the small
    parameters and the states of the large ones.
    """

    def __init__(self, optimizer, group, settings, first, params):
        self.group = group
        self.first = first
        kind = params[0]._memory._type
        small = [p for p in params if optimizer.elementwise and _is_small(p._memory, kind)]
        small = small if len(small) > 1 else []
        small_ids = {id(p) for p in small}
        large = [p for p in params if id(p) not in small_ids]
        self.params = small + large
        self.settings = (*settings, ("first", True)) if first else settings
        self.key = (self.settings, len(small), len(params))
        self.held, self.moved = [], []
        layouts = [update.state_layout(type(optimizer), settings, p._memory._type) for p in self.params]
        for name in update.in_order(optimizer, layouts[0]):
            if name in optimizer.scalars:
                self._share_scalar(optimizer, name, layouts[0][name].first)
            else:
                self._share_state(optimizer, name, small, layouts)
                for p, layout in zip(large, layouts[len(small) :], strict=True):
                    state = optimizer.state[p]
                    if name not in state:
                        state[name] = p._around(_filled_state(p._memory._type, *layout[name]))
                    self.held.append((state, name, state[name]))
                    self.moved.append(state[name]._memory)

    def _share_scalar(self, optimizer, name, first):
        """Hold a number that is the same for all parameters in one flat tensor, of which each parameter has a view.

        Each has an element of its own, not the same one: PyTorch reads numbers that share memory in a file as one
        number, and would count it up once for each parameter.
        """
        states = [optimizer.state[p] for p in self.params]
        bases = {id(s[name]._base) for s in states if name in s}
        base = states[0][name]._base if name in states[0] else None
        if base is None or len(bases) > 1 or base.numel() != len(states):
            base = _scalars([s.get(name) for s in states], first, self.params[0]._memory._type.place)
            for i, state in enumerate(states):
                state[name] = base.select(0, i)
        self.held += [(s, name, s[name]) for s in states]
        self.moved.append(base)

    def _share_state(self, optimizer, name, small, layouts):
        """Hold this state of all small parameters in one flat tensor, of which each parameter has a view."""
        if not small:
            return
        states = [optimizer.state[p] for p in small]
        sizes = [p._memory.numel() for p in small]
        bases = {id(s[name]._memory._base) for s in states if name in s}
        base = states[0][name]._memory._base if name in states[0] else None
        if base is None or len(bases) > 1 or base.numel() != sum(sizes):
            kind = small[0]._memory._type
            first, total = layouts[0][name].first, sum(sizes)
            if any(name in s for s in states):  # loaded from a file, or made by the user
                base = _concatenated([s[name]._memory.detach() for s in states], kind.place)
            else:
                base = filled((total,), _both_parts(first, kind.dtype), kind.dtype, kind.place)
            start = 0
            for p, s, size in zip(small, states, sizes, strict=True):
                s[name] = p._around(base.narrow(0, start, size).view(p._memory.shape))
                start += size
        self.held += [(s, name, s[name]) for s in states]
        self.moved.append(base)


def _is_small(p, kind):
    """Whether a parameter, given the tensor with its elements, is updated together with others of this type."""
    t = p._type
    return t.shape.numel() <= _SMALL and t.dtype is kind.dtype and t.place is kind.place and t.contiguous


def _concatenated(tensors, place):
    """The tensors as one flat tensor.

    Loaded tensors are concatenated on the host and record nothing. So a resumed run has the same program from its
    first step on, and continues bit for bit.
    """
    if all(not t._value.is_promised for t in tensors):
        return known(np.concatenate([t._value.read().reshape(-1) for t in tensors]), place)
    return cat([t.reshape(-1) for t in tensors])


def _scalars(held, first, place):
    """One flat tensor of scalar states; those that do not exist yet begin with `first`.

    It is on the parameters' device, because a count on the host would have to be sent at every step.
    """
    d = np.float64 if get_default_dtype() is float64 else np.float32
    if any(t is not None and t._base is not None for t in held):
        return cat([t.detach().reshape(1).to(place.device) for t in held])
    return known(np.array([first if t is None else t.item() for t in held], d), place)


def _filled_state(kind, shape, first):
    if shape is None:
        return filled(tuple(kind.shape), _both_parts(first, kind.dtype), kind.dtype, kind.place, kind.strides)
    return filled(shape, first, kind.dtype, kind.place)


def _both_parts(first, d):
    """A first value for the real and the imaginary part."""
    return complex(first, first) if first and d.is_complex else first
