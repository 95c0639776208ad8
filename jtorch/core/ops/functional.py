"""The functions of `torch.nn.functional` by name: `from jtorch.core.ops.functional import relu`.

The files below declare them. This file adds the softmaxes whose `dim` may be left out: no other namespace has them.
"""

from __future__ import annotations

import jtorch.core.ops.arithmetic.activations
import jtorch.core.ops.arithmetic.dropout
import jtorch.core.ops.arithmetic.elementary
import jtorch.core.ops.gather.scatter
import jtorch.core.ops.layers.attention
import jtorch.core.ops.layers.bag
import jtorch.core.ops.layers.linear
import jtorch.core.ops.layers.native
import jtorch.core.ops.layers.normalization
import jtorch.core.ops.losses.basic
import jtorch.core.ops.losses.fused
import jtorch.core.ops.losses.likelihood
import jtorch.core.ops.losses.margin
import jtorch.core.ops.losses.probabilities
import jtorch.core.ops.matrix.distances
import jtorch.core.ops.matrix.grouped
import jtorch.core.ops.windows.conv
import jtorch.core.ops.windows.fold
import jtorch.core.ops.windows.grid
import jtorch.core.ops.windows.pad
import jtorch.core.ops.windows.pool
import jtorch.core.ops.windows.resize
import jtorch.core.ops.windows.unpool
from jtorch.core.op import functional, of_functional
from jtorch.core.ops.arithmetic import activations
from jtorch.core.tensor import Tensor


@functional
def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype=None) -> Tensor:
    """exp(x) / sum(exp(x)) along dim.

    >>> torch.nn.functional.softmax(torch.tensor([0., 0.]), dim=0)
    tensor([0.5000, 0.5000])
    """
    if dim is not None:
        return activations.softmax_along(input, dim, dtype)
    return activations.implicit_softmax("softmax", activations.softmax, input, dim, dtype)


@functional
def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype=None) -> Tensor:
    """log(softmax(x)) along dim, computed without overflow."""
    if dim is not None:
        return activations.log_softmax_along(input, dim, dtype)
    return activations.implicit_softmax("log_softmax", activations.log_softmax, input, dim, dtype)


@functional
def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype=None) -> Tensor:
    """softmax(-x) along dim."""
    return activations.implicit_softmax("softmin", activations.softmax, -input, dim, dtype)


def __getattr__(name: str):
    """The function that users get under this name."""
    found = of_functional(name)
    if found is None:
        raise AttributeError(f"no function of torch.nn.functional is declared as {name}")
    return found
