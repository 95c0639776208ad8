"""`torch.gradient`: slopes of sampled functions."""

from __future__ import annotations

from jtorch.core.op import function
from jtorch.core.ops.gather.joining import cat
from jtorch.core.tensor import Tensor, wrap_dim


def _samples(x, dim, start, length):
    return x.narrow(dim, start, length)


def _even(x, dim, step, order):
    """Slopes along a dim of samples that are `step` apart."""
    n = x.shape[dim]
    at = lambda i: _samples(x, dim, i % n, 1)
    inner = (_samples(x, dim, 2, n - 2) - _samples(x, dim, 0, n - 2)) / (2 * step)
    if order == 1:
        first, last = (at(1) - at(0)) / step, (at(-1) - at(-2)) / step
    else:
        first = (-1.5 * at(0) + 2 * at(1) - 0.5 * at(2)) / step
        last = (1.5 * at(-1) - 2 * at(-2) + 0.5 * at(-3)) / step
    return cat((first, inner, last), dim)


def _uneven(x, dim, coordinates, order):
    """Slopes along a dim of samples at the coordinates."""
    n = x.shape[dim]
    at = lambda i: _samples(x, dim, i % n, 1)
    steps = coordinates[1:] - coordinates[:-1]
    shape = [-1 if d == dim else 1 for d in range(x.ndim)]
    left, right = steps[:-1].reshape(shape), steps[1:].reshape(shape)
    a, b, c = [_samples(x, dim, i, n - 2) for i in range(3)]
    inner = (
        c * (left / (right * (left + right)))
        + b * ((right - left) / (left * right))
        - a * (right / (left * (left + right)))
    )
    if order == 1:
        first, last = (at(1) - at(0)) / steps[0], (at(-1) - at(-2)) / steps[-1]
        return cat((first, inner, last), dim)
    near, far = steps[0], steps[1]
    first = (
        at(0) * (-(2 * near + far) / (near * (near + far)))
        + at(1) * ((near + far) / (near * far))
        - at(2) * (near / (far * (near + far)))
    )
    near, far = steps[-1], steps[-2]
    last = (
        at(-1) * ((2 * near + far) / (near * (near + far)))
        - at(-2) * ((near + far) / (near * far))
        + at(-3) * (near / (far * (near + far)))
    )
    return cat((first, inner, last), dim)


@function
def gradient(input, *, spacing=1, dim=None, edge_order=1):
    """The slopes of a sampled function along each dim, as a tuple: central differences, one-sided at the edges.

    Args:
        spacing: the distance between samples, one for each dim, or tensors with the coordinates of the samples.
        dim: the dims; the default is all.
        edge_order: 1 or 2, how exact the one-sided differences are.

    Raises:
        RuntimeError: sizes that do not fit.

    >>> torch.gradient(torch.tensor([1., 2., 4.]))
    (tensor([1.0000, 1.5000, 2.0000]),)
    """
    dims = list(range(input.ndim)) if dim is None else [dim] if isinstance(dim, int) else list(dim)
    listed = isinstance(spacing, list | tuple)
    steps = list(spacing) if listed else [1.0 if spacing is None else spacing] * len(dims)
    coordinates = listed and any(isinstance(s, Tensor) for s in steps)
    _check_gradient_call(input, steps, dims, edge_order, listed, coordinates, dim is None)
    found = []
    for d, step in zip(dims, steps, strict=True):
        d = wrap_dim(d, input.ndim)
        if isinstance(step, Tensor) and step.ndim:
            found.append(_uneven(input, d, step, edge_order))
        else:
            found.append(_even(input, d, step, edge_order))
    return tuple(found)


def _check_gradient_call(input, steps, dims, edge_order, listed, coordinates, whole):
    if listed and whole and len(steps) != len(dims):
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to 'self.dim() ="
            f" {input.ndim}', since dim argument was not given, but got a list of length {len(steps)}"
        )
    if listed and len(steps) != len(dims):
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar or it's spacing and dim arguments to have the same"
            f" length, but got a spacing argument of length {len(steps)} and a dim argument of length {len(dims)}."
        )
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    if input.dtype.name == "uint8":
        raise RuntimeError("torch.gradient does not support uint8 input.")
    places = {str(t.device): None for t in (*steps, input) if isinstance(t, Tensor)}
    if coordinates and len(places) > 1:
        raise RuntimeError(
            f"torch.gradient expected each tensor to be on the same device, but got devices {' and '.join(places)}!"
        )
    seen = set()
    for i, d in enumerate(dims):
        wrapped = wrap_dim(d, input.ndim)
        if wrapped in seen:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
        seen.add(wrapped)
        if coordinates:
            if steps[i].ndim != 1:
                raise RuntimeError(
                    f"torch.gradient expected each element of spacing to have one dimension, but got an"
                    f" element with {steps[i].ndim} dimensions!"
                )
            if steps[i].numel() != input.shape[wrapped]:
                raise RuntimeError(
                    f"torch.gradient expected each dimension of the input tensor to match the corresponding"
                    f" spacing tensor's size: expected {input.shape[wrapped]}"
                )
        if input.shape[wrapped] <= edge_order:
            raise RuntimeError("torch.gradient expected each dimension size to be at least edge_order+1")
