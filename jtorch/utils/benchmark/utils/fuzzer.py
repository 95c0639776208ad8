"""`Fuzzer`: tensors of random shapes and strides, the same for a seed as PyTorch's."""

from __future__ import annotations

import math

import numpy as np

from jtorch.core.facts import dtypes
from jtorch.core.ops.make.generator import manual_seed
from jtorch.core.ops.make.random import rand, randint

__all__ = ["FuzzedParameter", "FuzzedTensor", "Fuzzer", "ParameterAlias"]


class FuzzedParameter:
    """A random number or choice by which a Fuzzer makes shapes.

    Args:
        name: by which shapes refer to it.
        minval, maxval: the range, both ends included; whole numbers unless one is a float.
        distribution: "uniform", "loguniform", or {choice: probability}.
        strict: drawn once, and not again where a constraint fails.

    Raises:
        AssertionError: an unknown distribution, or one that is not normalized.

    Differs from torch: PyTorch 2.13 takes only probabilities whose sum is not one.
    """

    def __init__(self, name, minval=None, maxval=None, distribution=None, strict=False):
        if not isinstance(distribution, dict):
            if distribution not in ("loguniform", "uniform"):
                raise AssertionError(f"Unknown distribution: {distribution}")
        elif min(distribution.values()) < 0:
            raise AssertionError("Probabilities cannot be negative")
        elif abs(sum(distribution.values()) - 1) > 1e-5:
            raise AssertionError("Distribution is not normalized")
        elif minval is not None or maxval is not None:
            which = "minval" if minval is not None else "maxval"
            raise AssertionError(f"When passing a custom distribution, '{which}' must be None")
        self.name, self.strict = name, strict
        self._least, self._most, self._distribution = minval, maxval, distribution

    def sample(self, state):
        """Draw it from a `numpy.random.RandomState`."""
        least, most = self._least, self._most
        if isinstance(self._distribution, dict):
            chances = tuple(self._distribution.values())
            return list(self._distribution)[state.choice(np.arange(len(chances)), p=chances)]
        if self._distribution == "loguniform":
            drawn = int(2 ** state.uniform(low=np.log2(least), high=np.log2(most)))
            return min(max(drawn, least), most)
        if isinstance(least, int) and isinstance(most, int):
            return int(state.randint(low=least, high=most + 1))
        return state.uniform(low=least, high=most)


class ParameterAlias:
    """The value of another parameter, as a choice in a distribution."""

    def __init__(self, alias_to):
        self.alias_to = alias_to

    def __repr__(self):
        return f"ParameterAlias[alias_to: {self.alias_to}]"


class FuzzedTensor:
    """A tensor whose shape, steps and order in memory a Fuzzer draws.

    Args:
        name: its key in what the Fuzzer gives.
        size, steps: numbers, or names of parameters; with steps a larger tensor is made and sliced.
        probability_contiguous: how often it lies in memory in the order of its dimensions.
        min_elements, max_elements, max_allocation_bytes: else the parameters are drawn anew.
        dim_parameter: the parameter that says how many of the sizes count.
        dtype, cuda: of the tensor.
        tensor_constructor: called as f(size=..., dtype=..., **parameters) in place of `torch.rand` or `torch.randint`.
    """

    def __init__(
        self, name, size, steps=None, probability_contiguous=0.5, min_elements=None, max_elements=None,
        max_allocation_bytes=None, dim_parameter=None, roll_parameter=None, dtype=dtypes.float32, cuda=False,
        tensor_constructor=None,
    ):  # fmt: skip
        self.name, self._size, self._steps = name, size, steps or ()
        self._contiguous, self._dim = probability_contiguous, dim_parameter
        self._least, self._most, self._bytes = min_elements or 0, max_elements, max_allocation_bytes
        self._dtype, self._cuda, self._make = dtype, cuda, tensor_constructor or self.default_tensor_constructor

    @staticmethod
    def default_tensor_constructor(size, dtype, **kwargs):
        """Numbers between 0 and 1, or from 1 to 126."""
        if dtype.is_floating_point or dtype.is_complex:
            return rand(size, dtype=dtype, device="cpu")
        return randint(1, 127, size=size, dtype=dtype, device="cpu")

    def _sizes(self, params):
        """(size, steps) for drawn parameters."""
        dim = len(self._size) if self._dim is None else params[self._dim]
        known = [tuple(params.get(part, part) for part in parts)[:dim] for parts in (self._size, self._steps)]
        return [part + (1,) * (dim - len(part)) for part in known]

    def satisfies_constraints(self, params) -> bool:
        """Whether the tensor has neither too few elements nor too many."""
        size, steps = self._sizes(params)
        elements = math.prod(map(int, size))
        allocated = self._dtype.itemsize * elements * math.prod(map(int, steps))
        most = math.inf if self._most is None else self._most
        return self._least <= elements <= most and (self._bytes is None or allocated <= self._bytes)

    def draw(self, params, state):
        """(tensor, what is known of it)."""
        size, steps = self._sizes(params)
        tensor = self._make(size=tuple(a * b for a, b in zip(size, steps, strict=True)), dtype=self._dtype, **params)
        tensor = tensor.cuda() if self._cuda else tensor
        order = np.arange(len(size))
        if state.rand() > self._contiguous:
            while len(size) > 1 and np.all(order == np.arange(len(size))):
                order = state.permutation(tensor.dim())
            tensor = tensor.permute(order.tolist()).contiguous().permute(np.argsort(order).tolist())
        tensor = tensor[tuple(slice(0, n * step, step) for n, step in zip(size, steps, strict=True))]
        return tensor, {
            "numel": tensor.numel(),
            "order": order,
            "steps": steps,
            "is_contiguous": tensor.is_contiguous(),
            "dtype": repr(self._dtype),
        }


class Fuzzer:
    """Draws parameters, and tensors by them.

    Args:
        parameters, tensors: lists, whose elements may be lists.
        constraints: functions of the parameters; where one is false, they are drawn anew.
        seed: of the parameters and of the tensors' elements.

    Raises:
        ValueError: a parameter and a tensor have one name; no drawn parameters fit; an alias of itself.

    >>> from jtorch.utils.benchmark import FuzzedParameter, FuzzedTensor, Fuzzer
    >>> fuzzer = Fuzzer([FuzzedParameter("n", 2, 9, "uniform")], [FuzzedTensor("x", ("n", 3))], seed=0)
    >>> [(tuple(tensors["x"].shape), params["n"]) for tensors, _, params in fuzzer.take(2)]
    [((7, 3), 7), ((6, 3), 6)]
    """

    def __init__(self, parameters, tensors, constraints=None, seed=None):
        self._seed = int(np.random.RandomState().randint(0, 2**32 - 1, dtype=np.int64)) if seed is None else seed
        flat = lambda found: [
            part for parts in found for part in (parts if isinstance(parts, list | tuple) else [parts])
        ]
        self._parameters, self._tensors = flat(parameters), flat(tensors)
        self._constraints = constraints or ()
        both = {p.name for p in self._parameters} & {t.name for t in self._tensors}
        if both:
            raise ValueError(f"Duplicate names in parameters and tensors: {both}")
        self._tried = self._rejected = 0

    @property
    def rejection_rate(self):
        """Which part of the drawn parameters did not fit."""
        return self._rejected / self._tried if self._tried else 0.0

    def take(self, n):
        """Gives n times (tensors by name, what is known of each, parameters by name)."""
        state = np.random.RandomState(self._seed)
        manual_seed(int(state.randint(low=0, high=2**63, dtype=np.int64)))
        for _ in range(n):
            params = self._drawn(state)
            made = {t.name: t.draw(params, state) for t in self._tensors}
            yield {k: t for k, (t, _) in made.items()}, {k: known for k, (_, known) in made.items()}, params

    def _drawn(self, state):
        strict = {}
        for _ in range(1000):
            drawn = {}
            for p in self._parameters:
                drawn[p.name] = strict[p.name] if p.name in strict else p.sample(state)
                if p.strict:
                    strict[p.name] = drawn[p.name]
            params = _without_aliases(drawn)
            self._tried += 1
            if all(f(params) for f in self._constraints) and all(
                t.satisfies_constraints(params) for t in self._tensors
            ):
                return params
            self._rejected += 1
        raise ValueError("Failed to generate a set of valid parameters.")


def _without_aliases(params):
    found = dict(params)
    for name in found:
        seen = set()
        while isinstance(found[name], ParameterAlias):
            if found[name].alias_to in seen:
                raise ValueError(f"ParameterAlias cycle detected\n{params}")
            seen.add(found[name].alias_to)
            found[name] = params[found[name].alias_to]
    return found
