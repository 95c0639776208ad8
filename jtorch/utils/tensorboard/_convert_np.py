"""Tensors and numbers as NumPy arrays."""

from __future__ import annotations

import numpy as np

from jtorch.core.facts import bfloat16, float16
from jtorch.core.tensor import Tensor

__all__ = ["make_np"]


def make_np(x) -> np.ndarray:
    """A tensor, an array or a number as an array; a number has one dimension.

    Raises:
        NotImplementedError: anything else.

    >>> make_np(2.0)
    array([2.])
    """
    if isinstance(x, np.ndarray):
        return x
    if np.isscalar(x):
        return np.array([x])
    if isinstance(x, Tensor):
        return (x.to(float16) if x.dtype == bfloat16 else x).detach().cpu().numpy()
    raise NotImplementedError(f"Got {type(x)}, but numpy array or torch tensor are expected.")
