"""Parameters as one vector, and back."""

from __future__ import annotations

import itertools

from jtorch.core.ops.gather.joining import cat
from jtorch.core.tensor import Tensor
from jtorch.nn.modules.module_text import typename


def _check_one_device(parameters):
    parameters = list(parameters)
    if len({p.device for p in parameters}) > 1:
        raise TypeError("Found two parameters on different devices, this is currently not supported.")
    return parameters


def parameters_to_vector(parameters):
    """All parameters flattened and concatenated.

    >>> torch.nn.utils.parameters_to_vector([torch.ones(2), torch.zeros(1, 2)])
    tensor([1., 1., 0., 0.])
    """
    return cat([p.view(-1) for p in _check_one_device(parameters)])


def vector_to_parameters(vec, parameters):
    """Make each parameter a view of its part of `vec`, in the order of `parameters_to_vector`.

    >>> w = torch.nn.Parameter(torch.zeros(1, 2))
    >>> torch.nn.utils.vector_to_parameters(torch.tensor([1., 2.]), [w]); w.tolist()
    [[1.0, 2.0]]
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {typename(vec)}")
    parameters = _check_one_device(parameters)
    ends = list(itertools.accumulate(p.numel() for p in parameters))
    for p, start, end in zip(parameters, [0, *ends], ends, strict=False):
        p.data = vec[start:end].view_as(p).data
