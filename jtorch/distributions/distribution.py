"""`Distribution`: the base of all distributions: shapes, checks of parameters and samples, `expand`, the printed text.

A subclass names its parameters in `arg_constraints` and the set of its samples in `support`, and defines `sample` (or
`rsample`) and `log_prob`. This file does not know any particular distribution.
"""

from __future__ import annotations

import numpy as np

from jtorch.core.engine import META, TRACED, Lifted
from jtorch.core.facts import Size
from jtorch.core.grad import no_grad
from jtorch.core.op import data_check
from jtorch.core.tensor import Tensor
from jtorch.distributions import constraints


class Distribution:
    """A distribution of samples of shape `batch_shape + event_shape`.

    Args:
        batch_shape: the shape of the parameters: how many independent distributions there are.
        event_shape: the shape of one sample of one of them.
        validate_args: check parameters and the values given to `log_prob` and `cdf`.

    A check reads the value, which runs the recorded lines. `validate_args=False` leaves the
    distribution in the program of the training step.

    >>> class Coin(torch.distributions.Distribution):
    ...     arg_constraints = {}
    ...     def sample(self, sample_shape=()):
    ...         return torch.ones(self._extended_shape(sample_shape))
    >>> Coin(batch_shape=(3,)).sample((2,)).shape
    torch.Size([2, 3])
    """

    has_rsample = False
    has_enumerate_support = False
    arg_constraints: dict = {}
    _validate_args = __debug__

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Turn the checks of arguments on or off from now on."""
        if value not in (True, False):
            raise ValueError
        Distribution._validate_args = value

    def __init__(self, batch_shape=(), event_shape=(), validate_args=None):
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            for name, constraint in self.arg_constraints.items():
                if name in vars(self) and not constraints.is_dependent(constraint):
                    self._require_parameter(name, constraint)

    def _require_parameter(self, name, constraint):
        value = getattr(self, name)
        require(
            value,
            constraint,
            lambda: (
                f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) of distribution {self!r} to satisfy "
                f"the constraint {constraint!r}, but found invalid values:\n{value}"
            ),
        )

    @property
    def batch_shape(self):
        """The shape of the parameters: how many independent distributions there are."""
        return self._batch_shape

    @property
    def event_shape(self):
        """The shape of one sample of one of them."""
        return self._event_shape

    @property
    def support(self):
        """The set that samples lie in."""
        raise NotImplementedError

    @property
    def mean(self):
        """The mean."""
        raise NotImplementedError

    @property
    def mode(self):
        """The value where the density is largest."""
        raise NotImplementedError(f"{self.__class__} does not implement mode")

    @property
    def variance(self):
        """The variance."""
        raise NotImplementedError

    @property
    def stddev(self):
        """The standard deviation."""
        return self.variance.sqrt()

    def sample(self, sample_shape=()):
        """Samples of shape `sample_shape + batch_shape + event_shape`, without a gradient."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape=()):
        """Samples through which gradients flow to the parameters."""
        raise NotImplementedError

    def sample_n(self, n):
        """n samples."""
        return self.sample(Size((n,)))

    def log_prob(self, value):
        """The log of the density at `value`."""
        raise NotImplementedError

    def cdf(self, value):
        """The probability of a sample up to `value`."""
        raise NotImplementedError

    def icdf(self, value):
        """The inverse of `cdf`."""
        raise NotImplementedError

    def entropy(self):
        """The entropy."""
        raise NotImplementedError

    def perplexity(self):
        """exp(entropy)."""
        return self.entropy().exp()

    def enumerate_support(self, expand=True):
        """All values of a discrete distribution, along a new first dimension."""
        raise NotImplementedError

    def expand(self, batch_shape, _instance=None):
        """The distribution with its parameters expanded to another batch shape."""
        made = type(self).__new__(type(self))
        batch_shape, own = Size(batch_shape), len(self._batch_shape)
        for name, value in vars(self).items():
            value = value.expand(batch_shape + value.shape[own:]) if isinstance(value, Tensor) else value
            vars(made)[name] = value.expand(batch_shape) if isinstance(value, Distribution) else value
        made._batch_shape = batch_shape
        return made

    def _extended_shape(self, sample_shape=()):
        return Size(tuple(sample_shape) + self._batch_shape + self._event_shape)

    def _validate_sample(self, value):
        """Raise ValueError for a value of the wrong shape or outside the support."""
        if not isinstance(value, Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        start = value.ndim - len(self._event_shape)
        if value.shape[start:] != self._event_shape:
            raise ValueError(
                f"The right-most size of value must match event_shape: {value.size()} vs {self._event_shape}."
            )
        expected = self._batch_shape + self._event_shape
        for a, b in zip(reversed(value.shape), reversed(expected), strict=False):
            if a != 1 and b != 1 and a != b:
                raise ValueError(
                    f"Value is not broadcastable with batch_shape+event_shape: {value.size()} vs {expected}."
                )
        support = self.support
        require(
            value,
            support,
            lambda: (
                f"Expected value argument ({type(value).__name__} of shape {tuple(value.shape)}) to be within the support ({support!r}) "
                f"of the distribution {self!r}, but found invalid values:\n{value}"
            ),
        )

    def __repr__(self):
        held = {name: vars(self)[name] for name in self.arg_constraints if name in vars(self)}
        shown = ", ".join(f"{name}: {value if value.numel() == 1 else value.size()}" for name, value in held.items())
        return f"{type(self).__name__}({shown})"


def require(value, constraint, message):
    """Raise ValueError(message()) unless the value lies in the set. Reads the value."""
    array = _host_array(value)
    bounds = {name: _host_array(bound) for name, bound in vars(constraint).items()}
    if array is not None and all(bound is not None for bound in bounds.values()):
        on_host = object.__new__(type(constraint))
        vars(on_host).update(bounds)
        try:
            if not np.all(on_host.holds(array)):
                raise ValueError(message())
            return
        except constraints.NeedsTensorError:
            pass
    with no_grad():
        inside = constraint.check(value)
        held = inside._value
        if held.__class__ is Lifted or held.type.place in (META, TRACED):
            data_check(inside, _any_false, lambda array: ValueError(message()))
        elif not held.read().all():
            raise ValueError(message())


def _host_array(x):
    """The NumPy array of a tensor whose value is on the host; None for other tensors; anything else unchanged."""
    if not isinstance(x, Tensor):
        return x
    array = x._value.array
    return array if array.__class__ is np.ndarray else None


def _any_false(inside):
    return ~inside.all()
