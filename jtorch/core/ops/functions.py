"""The functions of `torch` by name: `from jtorch.core.ops.functions import cat`. The files below declare them."""

from __future__ import annotations

import jtorch.core.ops.arithmetic.elementary
import jtorch.core.ops.arithmetic.elementwise
import jtorch.core.ops.arithmetic.logic
import jtorch.core.ops.arithmetic.operators
import jtorch.core.ops.arithmetic.special
import jtorch.core.ops.functional
import jtorch.core.ops.gather.index
import jtorch.core.ops.gather.joining
import jtorch.core.ops.gather.masked
import jtorch.core.ops.gather.scatter
import jtorch.core.ops.layers.recurrent
import jtorch.core.ops.make.create
import jtorch.core.ops.make.fill
import jtorch.core.ops.make.generator
import jtorch.core.ops.make.random
import jtorch.core.ops.matrix.decompose
import jtorch.core.ops.matrix.distances
import jtorch.core.ops.matrix.einsum
import jtorch.core.ops.matrix.low_rank
import jtorch.core.ops.matrix.norms
import jtorch.core.ops.matrix.products
import jtorch.core.ops.reduce.finite_differences
import jtorch.core.ops.reduce.histogram
import jtorch.core.ops.reduce.reductions
import jtorch.core.ops.reduce.segment_reduce
import jtorch.core.ops.reduce.sort
import jtorch.core.ops.signal.stft
import jtorch.core.ops.signal.window_shapes
import jtorch.core.ops.views.copies
import jtorch.core.ops.views.diagonal
import jtorch.core.ops.views.reinterpret
import jtorch.core.ops.views.shape
import jtorch.core.ops.views.slices
import jtorch.core.ops.views.split
import jtorch.core.ops.views.view_copies
from jtorch.core.op import of_torch


def __getattr__(name: str):
    """The function that users get under this name."""
    found = of_torch(name)
    if found is None:
        raise AttributeError(f"no function of torch is declared as {name}")
    return found
