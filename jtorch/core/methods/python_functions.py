"""Methods that put the elements of a tensor through a Python function, one by one: `apply_`, `map_`, `map2_`."""

from __future__ import annotations

import numbers

import numpy as np

from jtorch.core.tensor import known


def _apply_(self, callable):
    """Put each element through a Python function. Returns self."""
    array = np.array(self._to_numpy())
    flat = array.reshape(-1)
    made = [callable(x) for x in flat.tolist()]
    if not all(isinstance(n, numbers.Number) for n in made):
        wrong = next(type(n).__name__ for n in made if not isinstance(n, numbers.Number))
        raise TypeError(f"must be real number, not {wrong}")
    flat[:] = made
    return self.copy_(known(flat.reshape(array.shape)))


def _through_python(self, others, callable):
    arrays = [self._to_numpy(), *[t.detach().expand(self.shape)._to_numpy() for t in others]]
    made = [callable(*elements) for elements in zip(*[a.reshape(-1).tolist() for a in arrays], strict=True)]
    return self.copy_(known(np.array(made, self.dtype.np).reshape(self.shape)))


def _map_(self, tensor, callable):
    """Put each pair of elements through a Python function. Returns self."""
    return _through_python(self, [tensor], callable)


def _map2_(self, x, y, callable):
    """Put each triple of elements through a Python function. Returns self."""
    return _through_python(self, [x, y], callable)


ELEMENTWISE = {"apply_": _apply_, "map_": _map_, "map2_": _map2_}
