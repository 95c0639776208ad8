"""The methods that fill a tensor with random numbers in place: `uniform_`, `normal_`, `bernoulli_` and the rest.

`jtorch.core.ops.make.random` draws the numbers, from the generators of `jtorch.core.ops.make.generator`.
"""

from __future__ import annotations

from jtorch.core.engine import node_name
from jtorch.core.ops.make.generator import on_host
from jtorch.core.ops.make.random import check_float, check_std, draw, host_draw, standing_for
from jtorch.core.tensor import Tensor, wrap


def _fill(self, kind, generator, node=None, **args):
    self._writable(name=kind + "_")
    t = self._type
    strides = None if t.contiguous else t.strides
    drawn = wrap(draw(kind, t, generator, strides, **args))
    self._assign(*standing_for(drawn, node or node_name(kind), self)._read())
    return self


def _uniform_(self, *bounds, generator=None, **named):
    """Fill with uniform random numbers in [from, to)."""
    low, high = (*bounds, *[0, 1][len(bounds) :])
    low, high = named.get("from", low), named.get("to", high)
    check_float("rand", self.dtype)
    return _fill(self, "uniform", generator, low=float(low), high=float(high))


def _normal_(self, mean=0, std=1, *, generator=None):
    """Fill with normal random numbers."""
    check_std(std)
    check_float("randn", self.dtype)
    return _fill(self, "normal", generator, mean=float(mean), std=float(std))


def _random_(self, *bounds, generator=None, **named):
    """Fill with uniform random integers in [from, to), or over the whole range of the dtype."""
    low = named.get("from", bounds[0] if len(bounds) == 2 else 0)
    high = named.get("to", bounds[-1] if bounds else None)
    bare = not bounds and not named
    node = "RandomBackward2" if bare else "RandomBackward1" if len(bounds) == 1 else "RandomBackward0"
    if bare and on_host(self._type.place):
        return _fill(self, "random", generator, node)
    if high is None and not on_host(self._type.place):
        high = 2**31 - 1 if self.dtype.itemsize >= 4 else 2 ** (8 * self.dtype.itemsize - 1)
    return _fill(self, "random", generator, node, low=int(low), high=None if high is None else int(high))


def _bernoulli_(self, p=0.5, *, generator=None):
    """Fill with 1 at probability p (a number or a tensor of probabilities), else 0."""
    if isinstance(p, Tensor):
        self._writable(name="bernoulli_")
        t = self._type
        drawn = host_draw("bernoulli", t, generator, t.strides, {"p": p.detach().expand(t.shape)._to_numpy()})
        self._assign(*standing_for(wrap(drawn), "BernoulliBackward1", self, p)._read())
        return self
    if not 0 <= p <= 1:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
    return _fill(self, "bernoulli", generator, "BernoulliBackward2", p=float(p))


def _exponential_(self, lambd=1, *, generator=None):
    """Fill with exponential random numbers of rate lambd."""
    return _fill(self, "exponential", generator, lambd=float(lambd))


def _geometric_(self, p, *, generator=None):
    """Fill with the number of trials up to the first success of probability p."""
    return _fill(self, "geometric", generator, p=float(p))


def _cauchy_(self, median=0, sigma=1, *, generator=None):
    """Fill with Cauchy random numbers."""
    return _fill(self, "cauchy", generator, median=float(median), sigma=float(sigma))


def _log_normal_(self, mean=1, std=2, *, generator=None):
    """Fill with numbers whose logarithm is normal."""
    return _fill(self, "log_normal", generator, mean=float(mean), std=float(std))


DRAWS_IN_PLACE = []  # the names of these methods
for _method in (_uniform_, _normal_, _random_, _bernoulli_, _exponential_, _geometric_, _cauchy_, _log_normal_):
    _method.__name__ = _method.__name__[1:]
    setattr(Tensor, _method.__name__, _method)
    DRAWS_IN_PLACE.append(_method.__name__)
