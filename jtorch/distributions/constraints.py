"""Sets that parameters and samples must lie in: `constraints.positive`, `constraints.interval(0, 1)`, ...

`holds` says elementwise whether values lie in the set. It uses only what NumPy arrays and tensors share: a value on the
host is checked at once, all others when a result is read. This file does not know distributions.
"""

from __future__ import annotations

from jtorch.core.facts import finfo
from jtorch.core.ops.gather.joining import cat as joined
from jtorch.core.ops.gather.joining import stack as stacked
from jtorch.core.ops.matrix import linalg
from jtorch.core.tensor import Tensor

__all__ = [
    "Constraint",
    "MixtureSameFamilyConstraint",
    "boolean",
    "cat",
    "corr_cholesky",
    "dependent",
    "dependent_property",
    "greater_than",
    "greater_than_eq",
    "half_open_interval",
    "independent",
    "integer_interval",
    "interval",
    "is_dependent",
    "less_than",
    "lower_cholesky",
    "lower_triangular",
    "multinomial",
    "nonnegative",
    "nonnegative_integer",
    "one_hot",
    "positive",
    "positive_definite",
    "positive_integer",
    "positive_semidefinite",
    "real",
    "real_vector",
    "simplex",
    "square",
    "stack",
    "symmetric",
    "unit_interval",
]


class Constraint:
    """A set. `check(value)` is a bool tensor that says where the value lies in it.

    Args:
        bounds, named: the numbers that a class lists in its `fields`, such as "lower_bound", in order or by name.

    >>> torch.distributions.constraints.positive.check(torch.tensor([1., -1.]))
    tensor([ True, False])
    """

    is_discrete = False
    event_dim = 0  # how many of the last dimensions make one member
    fields: tuple[str, ...] = ()

    def __init__(self, *bounds, **named):
        vars(self).update(zip(self.fields, bounds, strict=False), **named)
        if len(bounds) + len(named) != len(self.fields) or not vars(self).keys() >= {*self.fields}:
            raise TypeError(f"{type(self).__name__} takes {self.fields}, not {bounds} and {named}")

    def holds(self, x):
        raise NotImplementedError

    def check(self, value):
        """Where `value` lies in the set, without the dimensions that make one member."""
        return self.holds(value)

    def __repr__(self):
        bounds = ", ".join(f"{name}={getattr(self, name)}" for name in self.fields)
        return f"{type(self).__name__}({bounds})"


class Dependent(Constraint):
    """A set that depends on other parameters, so a value alone cannot be checked."""

    def __init__(self, *, is_discrete=False, event_dim=0):
        self.is_discrete, self.event_dim = is_discrete, event_dim

    def __call__(self, *, is_discrete=False, event_dim=0):
        return Dependent(is_discrete=is_discrete, event_dim=event_dim)

    def check(self, value):
        raise ValueError("Cannot determine validity of dependent constraint")


class dependent_property(property, Dependent):
    """A property of a distribution that returns a set: `support`, where it depends on parameters.

    Args:
        fn: the method; None: use it as a decorator with the settings.
        is_discrete: whether the set is discrete.
        event_dim: how many of the last dimensions make one member.

    >>> torch.distributions.Uniform(0., 2.).support  # a dependent_property
    Interval(lower_bound=0.0, upper_bound=2.0)
    """

    def __init__(self, fn=None, *, is_discrete=False, event_dim=0):
        super().__init__(fn)
        self.is_discrete, self.event_dim = is_discrete, event_dim

    def __call__(self, fn):
        return dependent_property(fn, is_discrete=self.is_discrete, event_dim=self.event_dim)


class IndependentConstraint(Constraint):
    """The last `reinterpreted_batch_ndims` dimensions of another set taken as one member.

    Args:
        bounds, named: base_constraint and reinterpreted_batch_ndims, in order or by name.

    >>> torch.distributions.constraints.independent(torch.distributions.constraints.real, 1).check(torch.zeros(2, 3))
    tensor([True, True])
    """

    fields = ("base_constraint", "reinterpreted_batch_ndims")

    @property
    def is_discrete(self):
        return self.base_constraint.is_discrete

    @property
    def event_dim(self):
        return self.base_constraint.event_dim + self.reinterpreted_batch_ndims

    def holds(self, x):
        inside = self.base_constraint.holds(x)
        for _ in range(self.reinterpreted_batch_ndims):
            inside = inside.all(-1)
        return inside

    def __repr__(self):
        return f"IndependentConstraint({self.base_constraint!r}, {self.reinterpreted_batch_ndims})"


class Boolean(Constraint):
    is_discrete = True

    def holds(self, x):
        return (x == 0) | (x == 1)


class OneHot(Constraint):
    is_discrete = True
    event_dim = 1

    def holds(self, x):
        return ((x == 0) | (x == 1)).all(-1) & (x.sum(-1) == 1)


class IntegerInterval(Constraint):
    """The whole numbers from lower_bound to upper_bound, both included.

    Args:
        bounds, named: lower_bound and upper_bound.

    >>> torch.distributions.constraints.integer_interval(0, 2).check(torch.tensor([0.5, 2.]))
    tensor([False,  True])
    """

    is_discrete = True
    fields = ("lower_bound", "upper_bound")

    def holds(self, x):
        return (x % 1 == 0) & (x >= self.lower_bound) & (x <= self.upper_bound)


class IntegerGreaterThan(Constraint):
    is_discrete = True
    fields = ("lower_bound",)

    def holds(self, x):
        return (x % 1 == 0) & (x >= self.lower_bound)


class Real(Constraint):
    def holds(self, x):
        return x == x  # false for nan


class GreaterThan(Constraint):
    """The numbers above lower_bound.

    Args:
        bounds, named: lower_bound.

    >>> torch.distributions.constraints.greater_than(0.0).check(torch.tensor([0., 1.]))
    tensor([False,  True])
    """

    fields = ("lower_bound",)

    def holds(self, x):
        return x > self.lower_bound


class GreaterThanEq(Constraint):
    """The numbers from lower_bound on.

    Args:
        bounds, named: lower_bound.

    >>> torch.distributions.constraints.greater_than_eq(0.0).check(torch.tensor([0., 1.]))
    tensor([True, True])
    """

    fields = ("lower_bound",)

    def holds(self, x):
        return x >= self.lower_bound


class LessThan(Constraint):
    """The numbers below upper_bound.

    Args:
        bounds, named: upper_bound.

    >>> torch.distributions.constraints.less_than(1.0).check(torch.tensor([0., 1.]))
    tensor([ True, False])
    """

    fields = ("upper_bound",)

    def holds(self, x):
        return x < self.upper_bound


class Interval(Constraint):
    """The numbers from lower_bound to upper_bound, both included.

    Args:
        bounds, named: lower_bound and upper_bound.

    >>> torch.distributions.constraints.interval(0.0, 1.0).check(torch.tensor([0., 2.]))
    tensor([ True, False])
    """

    fields = ("lower_bound", "upper_bound")

    def holds(self, x):
        return (x >= self.lower_bound) & (x <= self.upper_bound)


class HalfOpenInterval(Constraint):
    """The numbers from lower_bound on, below upper_bound.

    Args:
        bounds, named: lower_bound and upper_bound.

    >>> torch.distributions.constraints.half_open_interval(0.0, 1.0).check(torch.tensor([0., 1.]))
    tensor([ True, False])
    """

    fields = ("lower_bound", "upper_bound")

    def holds(self, x):
        return (x >= self.lower_bound) & (x < self.upper_bound)


class Simplex(Constraint):
    event_dim = 1

    def holds(self, x):
        return (x >= 0).all(-1) & (abs(x.sum(-1) - 1) < 1e-6)


class LowerTriangular(Constraint):
    event_dim = 2

    def holds(self, x):
        return _flat_matrix(x == _require_tensor(x).tril()).all(-1)


class LowerCholesky(Constraint):
    event_dim = 2

    def holds(self, x):
        x = _require_tensor(x)
        return _flat_matrix(x == x.tril()).all(-1) & (x.diagonal(dim1=-2, dim2=-1) > 0).all(-1)


class Square(Constraint):
    event_dim = 2

    def holds(self, x):
        x = _require_tensor(x)
        return (x[..., 0, 0] == x[..., 0, 0]) & (x.shape[-1] == x.shape[-2])


class Symmetric(Square):
    def holds(self, x):
        square = super().holds(x)
        return square & _flat_matrix(abs(x - x.mT) <= 1e-6).all(-1) if x.shape[-1] == x.shape[-2] else square


class PositiveSemidefinite(Symmetric):
    def holds(self, x):
        symmetric = super().holds(_require_tensor(x))
        return (
            symmetric & (linalg.eigvalsh(_require_tensor(x)) >= 0).all(-1) if x.shape[-1] == x.shape[-2] else symmetric
        )


class PositiveDefinite(Symmetric):
    def holds(self, x):
        symmetric = super().holds(_require_tensor(x))
        return (
            symmetric & (linalg.cholesky_ex(_require_tensor(x)).info == 0) if x.shape[-1] == x.shape[-2] else symmetric
        )


class CorrCholesky(Constraint):
    event_dim = 2

    def holds(self, x):
        x = _require_tensor(x)
        tolerance = finfo(x.dtype).eps * x.size(-1) * 10
        unit = ((x**2).sum(-1) ** 0.5 - 1).abs() < tolerance
        return LowerCholesky().holds(x) & unit.all(-1)


class CountsUpTo(Constraint):
    """Vectors of counts, not negative, with a sum of at most upper_bound.

    Args:
        upper_bound: the largest sum.

    >>> torch.distributions.constraints.multinomial(3).check(torch.tensor([1., 2.]))
    tensor(True)
    """

    is_discrete = True
    event_dim = 1

    def __init__(self, upper_bound):
        self.upper_bound = upper_bound

    def holds(self, x):
        return (x >= 0).all(-1) & (x.sum(-1) <= self.upper_bound)

    def __repr__(self):
        return "Multinomial()"


class Cat(Constraint):
    """Sets of parts of given lengths along a dim.

    Args:
        cseq: the sets.
        dim: the dimension along which the parts lie.
        lengths: the length of each part; None: 1 each.

    >>> real, positive = torch.distributions.constraints.real, torch.distributions.constraints.positive
    >>> torch.distributions.constraints.cat([real, positive]).check(torch.tensor([-1., -1.]))
    tensor([ True, False])
    """

    def __init__(self, cseq, dim=0, lengths=None):
        self.cseq, self.dim = list(cseq), dim
        self.lengths = [1] * len(self.cseq) if lengths is None else list(lengths)

    is_discrete = property(lambda self: any(c.is_discrete for c in self.cseq))
    event_dim = property(lambda self: max(c.event_dim for c in self.cseq))

    def holds(self, x):
        parts = _require_tensor(x).split(self.lengths, self.dim)
        return joined([c.check(part) for c, part in zip(self.cseq, parts, strict=True)], self.dim)

    def __repr__(self):
        return f"{type(self).__name__}()"


class Stack(Constraint):
    """A set for each entry of a dim.

    Args:
        cseq: the sets.
        dim: the dimension, of size len(cseq).

    >>> real, positive = torch.distributions.constraints.real, torch.distributions.constraints.positive
    >>> torch.distributions.constraints.stack([real, positive]).check(torch.tensor([-1., -1.]))
    tensor([ True, False])
    """

    def __init__(self, cseq, dim=0):
        self.cseq, self.dim = list(cseq), dim

    is_discrete = property(lambda self: any(c.is_discrete for c in self.cseq))

    @property
    def event_dim(self):
        dims = max(c.event_dim for c in self.cseq)
        return dims + 1 if self.dim + dims < 0 else dims

    def holds(self, x):
        parts = _require_tensor(x).unbind(self.dim)
        return stacked([c.check(part) for c, part in zip(self.cseq, parts, strict=True)], self.dim)

    def __repr__(self):
        return f"{type(self).__name__}()"


class MixtureSameFamilyConstraint(Constraint):
    """The set of the samples of a mixture whose components have samples in another set.

    Args:
        bounds, named: base_constraint, the set of the components.

    >>> torch.distributions.constraints.MixtureSameFamilyConstraint(torch.distributions.constraints.positive)
    MixtureSameFamilyConstraint(GreaterThan(lower_bound=0.0))
    """

    fields = ("base_constraint",)
    is_discrete = property(lambda self: self.base_constraint.is_discrete)
    event_dim = property(lambda self: self.base_constraint.event_dim)

    def holds(self, x):
        dims = self.event_dim
        of_components = self.base_constraint.check(_require_tensor(x).unsqueeze(-1 - dims))
        return of_components.flatten(of_components.dim() - 1 - dims if dims else -1).all(-1)

    def __repr__(self):
        return f"{type(self).__name__}({self.base_constraint!r})"


def _require_tensor(x):
    if isinstance(x, Tensor):
        return x
    raise NeedsTensorError


def _flat_matrix(x):
    return x.flatten(-2)


class NeedsTensorError(Exception):
    """A set of matrices was given an array; it can check tensors only."""


def is_dependent(constraint):
    """Whether a set depends on other parameters."""
    return isinstance(constraint, Dependent)


boolean, one_hot, real, simplex = Boolean(), OneHot(), Real(), Simplex()
nonnegative_integer, positive_integer = IntegerGreaterThan(0), IntegerGreaterThan(1)
positive, nonnegative, unit_interval = GreaterThan(0.0), GreaterThanEq(0.0), Interval(0.0, 1.0)
lower_triangular, lower_cholesky, square, symmetric = LowerTriangular(), LowerCholesky(), Square(), Symmetric()
positive_semidefinite, positive_definite, dependent = PositiveSemidefinite(), PositiveDefinite(), Dependent()
greater_than, greater_than_eq, less_than = GreaterThan, GreaterThanEq, LessThan
interval, half_open_interval, integer_interval, independent = (
    Interval,
    HalfOpenInterval,
    IntegerInterval,
    IndependentConstraint,
)
corr_cholesky, multinomial, cat, stack = CorrCholesky(), CountsUpTo, Cat, Stack
real_vector = independent(real, 1)
