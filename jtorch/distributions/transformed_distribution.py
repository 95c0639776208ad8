"""`TransformedDistribution`."""

from __future__ import annotations

from jtorch.core.grad import no_grad
from jtorch.distributions import constraints
from jtorch.distributions.distribution import Distribution
from jtorch.distributions.independent import Independent
from jtorch.distributions.transforms import ComposeTransform, Transform
from jtorch.distributions.utils import sum_rightmost


class TransformedDistribution(Distribution):
    """The distribution of t(x) for an x of another distribution.

    Args:
        base_distribution: the distribution of x.
        transforms: t, or a list of transforms to apply in order.
        validate_args: check the parameters and the values given to `log_prob` and `cdf`; None: the default, on.

    >>> base, exp = torch.distributions.Normal(0., 1.), torch.distributions.ExpTransform()
    >>> torch.distributions.TransformedDistribution(base, exp).log_prob(torch.tensor(1.))
    tensor(-0.9189)
    """

    arg_constraints: dict = {}

    def __init__(self, base_distribution, transforms, validate_args=None):
        if isinstance(transforms, Transform):
            self.transforms = [transforms]
        elif isinstance(transforms, list):
            if not all(isinstance(t, Transform) for t in transforms):
                raise ValueError("transforms must be a Transform or a list of Transforms")
            self.transforms = transforms
        else:
            raise ValueError(f"transforms must be a Transform or list, but was {transforms}")
        shape = base_distribution.batch_shape + base_distribution.event_shape
        dims = len(base_distribution.event_shape)
        whole = ComposeTransform(self.transforms)
        if len(shape) < whole.domain.event_dim:
            raise ValueError(
                f"base_distribution needs to have shape with size at least {whole.domain.event_dim}, but got {shape}."
            )
        forward = whole.forward_shape(shape)
        expanded = whole.inverse_shape(forward)
        if shape != expanded:
            cut = len(expanded) - dims
            base_distribution = base_distribution.expand(expanded[:cut])
        more = whole.domain.event_dim - dims
        if more > 0:
            base_distribution = Independent(base_distribution, more)
        self.base_dist = base_distribution
        event_dim = max(whole.codomain.event_dim + max(dims - whole.domain.event_dim, 0), 0)
        cut = len(forward) - event_dim
        super().__init__(forward[:cut], forward[cut:], validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        made = type(self).__new__(type(self))
        vars(made).update(vars(self))
        whole = ComposeTransform(self.transforms)
        shape = whole.inverse_shape(tuple(batch_shape) + self._event_shape)
        cut = len(shape) - len(self.base_dist.event_shape)
        base = self.base_dist.expand(shape[:cut])
        TransformedDistribution.__init__(made, base, self.transforms, validate_args=False)
        made._validate_args = self._validate_args
        return made

    @property
    def has_rsample(self):
        return self.base_dist.has_rsample

    @constraints.dependent_property(is_discrete=False)
    def support(self):
        if not self.transforms:
            return self.base_dist.support
        found, dims = self.transforms[-1].codomain, len(self._event_shape)
        return constraints.independent(found, dims - found.event_dim) if dims > found.event_dim else found

    def _moved(self, x):
        for transform in self.transforms:
            x = transform(x)
        return x

    def sample(self, sample_shape=()):
        with no_grad():
            return self._moved(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape=()):
        return self._moved(self.base_dist.rsample(sample_shape))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        total, dims, y = 0.0, len(self._event_shape), value
        for transform in reversed(self.transforms):
            x = transform.inv(y)
            dims += transform.domain.event_dim - transform.codomain.event_dim
            total = total - sum_rightmost(transform.log_abs_det_jacobian(x, y), dims - transform.domain.event_dim)
            y = x
        return total + sum_rightmost(self.base_dist.log_prob(y), dims - len(self.base_dist.event_shape))

    def _monotone(self, value):
        """A probability as that of the base distribution: from the other side where the transforms fall."""
        sign = 1
        for transform in self.transforms:
            sign = sign * transform.sign
        return value if isinstance(sign, int) and sign == 1 else sign * (value - 0.5) + 0.5

    def cdf(self, value):
        for transform in self.transforms[::-1]:
            value = transform.inv(value)
        if self._validate_args:
            self.base_dist._validate_sample(value)
        return self._monotone(self.base_dist.cdf(value))

    def icdf(self, value):
        return self._moved(self.base_dist.icdf(self._monotone(value)))
