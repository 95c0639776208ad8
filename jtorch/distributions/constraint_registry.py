"""`biject_to` and `transform_to`: transforms from all real numbers to a set, for parameters of optimizers and samplers."""

from __future__ import annotations

from jtorch.distributions import constraints, transforms


class ConstraintRegistry:
    """Factories of transforms by the class of a set: `registry(constraint)` makes one, `register` adds a factory."""

    def __init__(self):
        self._factories = {}

    def register(self, constraint, factory=None):
        """Register a factory of transforms for a class of sets, or for the class of a given set; also a decorator.

        Raises:
            TypeError: `constraint` is not a set.
        """
        if factory is None:
            return lambda factory: self.register(constraint, factory)
        if isinstance(constraint, constraints.Constraint):
            constraint = type(constraint)
        if not isinstance(constraint, type) or not issubclass(constraint, constraints.Constraint):
            raise TypeError(f"Expected constraint to be either a Constraint subclass or instance, but got {constraint}")
        self._factories[constraint] = factory
        return factory

    def __call__(self, constraint):
        factory = self._factories.get(type(constraint))
        if factory is None:
            raise NotImplementedError(f"Cannot transform {type(constraint).__name__} constraints")
        return factory(constraint)


biject_to, transform_to = ConstraintRegistry(), ConstraintRegistry()


def _from_lower_bound(constraint):
    return transforms.ComposeTransform(
        [transforms.ExpTransform(), transforms.AffineTransform(constraint.lower_bound, 1)]
    )


def _from_upper_bound(constraint):
    return transforms.ComposeTransform(
        [transforms.ExpTransform(), transforms.AffineTransform(constraint.upper_bound, -1)]
    )


def _in_interval(constraint):
    low, high = constraint.lower_bound, constraint.upper_bound
    if isinstance(low, int | float) and isinstance(high, int | float) and (low, high) == (0, 1):
        return transforms.SigmoidTransform()
    return transforms.ComposeTransform([transforms.SigmoidTransform(), transforms.AffineTransform(low, high - low)])


def _register(registry):
    of_base = lambda c: transforms.IndependentTransform(registry(c.base_constraint), c.reinterpreted_batch_ndims)
    of_cat = lambda c: transforms.CatTransform([registry(s) for s in c.cseq], c.dim, c.lengths)
    of_stack = lambda c: transforms.StackTransform([registry(s) for s in c.cseq], c.dim)
    table = {
        constraints.Real: lambda c: transforms.identity_transform,
        constraints.IndependentConstraint: of_base,
        constraints.GreaterThan: _from_lower_bound,
        constraints.GreaterThanEq: _from_lower_bound,
        constraints.LessThan: _from_upper_bound,
        constraints.Interval: _in_interval,
        constraints.HalfOpenInterval: _in_interval,
        constraints.CorrCholesky: lambda c: transforms.CorrCholeskyTransform(),
        constraints.Cat: of_cat,
        constraints.Stack: of_stack,
    }
    for constraint, factory in table.items():
        registry.register(constraint, factory)


_register(biject_to)
_register(transform_to)
biject_to.register(constraints.Simplex, lambda c: transforms.StickBreakingTransform())
transform_to.register(constraints.Simplex, lambda c: transforms.SoftmaxTransform())
transform_to.register(constraints.LowerCholesky, lambda c: transforms.LowerCholeskyTransform())
for _matrices in (constraints.PositiveDefinite, constraints.PositiveSemidefinite):
    transform_to.register(_matrices, lambda c: transforms.PositiveDefiniteTransform())
