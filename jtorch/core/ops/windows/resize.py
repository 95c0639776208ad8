"""Resizing signals, images and volumes: nearest, linear, cubic, area, with and without antialiasing.

Every mode but the nearest multiplies each dimension by a small matrix of weights, known when the line is recorded. So the
gradient is a matrix product, too, which on a CPU is many times faster than scattering into cells.
"""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np

from jtorch.core.facts import dtypes, warn_user
from jtorch.core.op import Array, functional, op
from jtorch.core.ops.windows.pool import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from jtorch.core.ops.windows.pooling import strides_by_format

_DIMS = {"linear": 1, "bilinear": 2, "trilinear": 3, "bicubic": 2, "lanczos": 2}
_AREA = {1: adaptive_avg_pool1d, 2: adaptive_avg_pool2d, 3: adaptive_avg_pool3d}


def _resize_name(types, consts):
    mode = consts["mode"]
    stem = {"nearest": "Nearest", "nearest-exact": "NearestExact", "linear": "Linear", "bilinear": "Bilinear",
            "trilinear": "Trilinear", "bicubic": "Bicubic", "lanczos": "Lanczos"}[mode]  # fmt: skip
    return f"Upsample{stem}{types[0].ndim - 2}D{'Aa' if consts['antialias'] else ''}Backward0"


@op(saves=(), grad_fn=_resize_name, autocast={"cuda": "float32"}, strides=strides_by_format)
def _interpolate(input: Array, sizes: tuple, scales: tuple, mode: str, align_corners: bool, antialias: bool) -> Array:
    whole = not jnp.issubdtype(input.dtype, jnp.inexact)
    half = input.dtype in dtypes.HALF
    x = input.astype(jnp.float32) if half or (whole and "nearest" not in mode) else input
    for dim, (size, scale) in enumerate(zip(sizes, scales, strict=True), start=2):
        n = x.shape[dim]
        if mode.startswith("nearest"):
            x = _nearest(x, dim, n, size, scale, mode == "nearest-exact")
        elif n != size or align_corners or scale:
            weights = _aa_weights if antialias else _linear_weights if mode.endswith("linear") else _cubic_weights
            matrix = weights(n, size, scale, align_corners, mode, np.float64 if x.dtype == jnp.float64 else np.float32)
            x = jnp.moveaxis(jnp.moveaxis(x, dim, -1) @ jnp.asarray(matrix.T, x.dtype), -1, dim)
    if whole and x.dtype != input.dtype:
        x = jnp.clip(jnp.round(x), 0, 255)
    return x.astype(input.dtype)


def _nearest(x, dim, n, size, scale, exact):
    if n == size and not exact:
        return x
    if size % n == 0 and (not scale or scale == size / n):
        return jnp.repeat(x, size // n, axis=dim)
    step = np.float32(1 / scale if scale else n / size)
    at = (np.arange(size, dtype=np.float32) + np.float32(0.5 if exact else 0)) * step
    return jnp.take(x, np.minimum(np.floor(at), n - 1).astype(np.int32), axis=dim)


def _centres(n, size, scale, align_corners, real):
    """The coordinate in the input of each cell of the result, computed in the dtype that PyTorch uses."""
    if align_corners:
        return np.arange(size, dtype=real) * real((n - 1) / (size - 1) if size > 1 else 0)
    step = real(1 / scale if scale else n / size)
    return (np.arange(size, dtype=real) + real(0.5)) * step - real(0.5)


def _linear_weights(n, size, scale, align_corners, mode, real):
    at = np.maximum(_centres(n, size, scale, align_corners, real), 0).astype(np.float64)
    low = np.minimum(at.astype(np.int64), n - 1)
    share = at - low
    made = np.zeros((size, n))
    rows = np.arange(size)
    np.add.at(made, (rows, low), 1 - share)
    np.add.at(made, (rows, np.minimum(low + 1, n - 1)), share)
    return made


def cubic_kernel(x, a, where=np.where):
    """Keys' cubic convolution kernel at the distances x; `where` is NumPy's or JAX's, as x is."""
    x = abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return where(x <= 1, near, where(x < 2, far, 0.0))


def _cubic_weights(n, size, scale, align_corners, mode, real):
    at = _centres(n, size, scale, align_corners, real).astype(np.float64)
    low = np.floor(at)
    made = np.zeros((size, n))
    for k in range(-1, 3):
        cell = np.clip(low + k, 0, n - 1).astype(np.int64)
        np.add.at(made, (np.arange(size), cell), cubic_kernel(at - low - k, -0.75))
    return made


def _triangle_kernel(x):
    return np.maximum(0, 1 - np.abs(x))


def _lanczos(x):
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.0)


_FILTERS = {
    "bilinear": (_triangle_kernel, 1),
    "bicubic": (lambda x: cubic_kernel(x, -0.5), 2),
    "lanczos": (_lanczos, 3),
}


def _aa_weights(n, size, scale, align_corners, mode, real):
    """Weights of a filter as wide as the cells of the result."""
    kernel, reach = _FILTERS[mode]
    step = ((n - 1) / (size - 1) if size > 1 else 0.0) if align_corners else 1 / scale if scale else n / size
    wide = max(step, 1.0)
    made = np.zeros((size, n))
    for i in range(size):
        centre = step * (i + 0.5)
        first = max(int(centre - reach * wide + 0.5), 0)
        last = min(int(centre + reach * wide + 0.5), n)
        weights = kernel((np.arange(first, last) - centre + 0.5) / wide)
        made[i, first:last] = weights / (weights.sum() or 1)
    return made


@functional
def interpolate(
    input,
    size=None,
    scale_factor=None,
    mode="nearest",
    align_corners=None,
    recompute_scale_factor=None,
    antialias=False,
):
    """The input resized.

    Args:
        size: the new spatial size, one number or one for each dimension.
        scale_factor: instead of `size`: the factor that multiplies the spatial size.
        mode: "nearest", "nearest-exact", "linear" (3-D), "bilinear", "bicubic", "lanczos" (4-D), "trilinear" (5-D),
            "area".
        align_corners: align the centres of the corner cells, instead of their outer edges.
        recompute_scale_factor: compute with the ratio of the sizes instead of the given factor.
        antialias: widen the filter when making an image smaller.

    Shape:
        (N, C, L), (N, C, H, W) or (N, C, D, H, W) → the same with other sizes

    >>> torch.nn.functional.interpolate(torch.tensor([[[1., 2.]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear"
            )
    elif align_corners is None:
        align_corners = False
    dims = input.dim() - 2
    sizes, scales = _resized_sizes(input, dims, size, scale_factor, recompute_scale_factor)
    if antialias and not (mode in ("bilinear", "bicubic", "lanczos") and input.ndim == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input"
        )
    _check_resize_mode(input, mode, align_corners, antialias)
    if min(sizes) <= 0 or 0 in input.shape[1:]:
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input ({_sizes_text(input.shape[2:])})"
            f"{' and' * (dims == 1)} output ({_sizes_text(sizes)})"
        )
    _check_resized_dtype(input, mode, antialias)
    if mode == "area":
        return _AREA[dims](input, sizes)
    return _interpolate(input, tuple(sizes), tuple(scales), mode, bool(align_corners), antialias)


def _check_resized_dtype(input, mode, antialias):
    """Of whole numbers only uint8 can be resized, as pixels are; not by the linear modes of signals and volumes."""
    pixels = input.dtype is dtypes.uint8 and mode not in ("linear", "trilinear", "area")
    if input.dtype.is_floating_point or pixels:
        return
    stem = {"area": "adaptive_avg_pool", "bilinear": "upsample_bilinear"}.get(mode, "upsample_nearest")
    name = f"{stem}{input.dim() - 2}d{'_channels_last' * (mode != 'area')}"
    if antialias:
        name = "compute_index_ranges_weights"
    elif mode in ("linear", "trilinear", "bicubic"):
        name = f"compute_indices_weights_{'cubic' if mode == 'bicubic' else 'linear'}"
    elif mode.startswith("nearest") and input.dim() != 4:
        name = "compute_indices_weights_nearest"
    raise NotImplementedError(f"\"{name}\" not implemented for '{input.dtype.scalar_name}'")


def _sizes_text(sizes):
    return ", ".join(f"{'DHW'[i - len(sizes)] if len(sizes) > 1 else 'W'}: {n}" for i, n in enumerate(sizes))


def _check_resize_mode(input, mode, align_corners, antialias):
    if input.dim() not in (3, 4, 5):
        raise NotImplementedError(
            "Input Error: Only 3D, 4D and 5D input Tensors supported (got"
            f" {input.dim()}D) for the modes: nearest | linear | bilinear | bicubic | trilinear | lanczos | area |"
            f" nearest-exact (got {mode})"
        )
    needs = {"linear": 3, "bilinear": 4, "trilinear": 5}.get(mode)
    if needs and input.dim() != needs:
        raise NotImplementedError(f"Got {input.dim()}D input, but {mode} mode needs {needs}D input")
    known = mode in ("nearest", "nearest-exact", "area") or needs
    if mode == "lanczos" and input.dim() == 4:
        if align_corners:
            raise ValueError("Lanczos mode does not support align_corners=True")
        if not antialias:
            raise ValueError("Lanczos mode requires antialias=True")
    elif not known and not (mode == "bicubic" and input.dim() == 4):
        raise NotImplementedError(
            "Input Error: Only 3D, 4D and 5D input Tensors supported (got"
            f" {input.dim()}D) for the modes: nearest | linear | bilinear | bicubic | trilinear | lanczos | area |"
            f" nearest-exact (got {mode})"
        )


def _resized_sizes(input, dims, size, factor, recompute):
    """(sizes of the result, factors to compute with or None for each)."""
    if size is not None and factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    spatial = list(input.shape[2:])
    if size is not None:
        many = list(size) if isinstance(size, list | tuple) else None
        if many is not None and len(many) != dims:
            raise ValueError(
                "Input and output must have the same number of spatial dimensions, but got input with spatial dimensions"
                f" of {spatial} and output size of {size}. Please provide input tensor in (N, C, d1, d2, ...,dK) format"
                " and output size in (o1, o2, ...,oK) format."
            )
        if recompute:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        many = [size] * dims if many is None else many
        if not all(isinstance(n, int | np.integer) or hasattr(n, "item") for n in many):
            raise TypeError(
                "expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, int, int], but got size"
                f" with types {[type(n) for n in many]}"
            )
        return [int(n) for n in many], [None] * dims
    if factor is None:
        raise ValueError("either size or scale_factor should be defined")
    many = list(factor) if isinstance(factor, list | tuple) else None
    if many is not None and len(many) != dims:
        raise ValueError(
            "Input and scale_factor must have the same number of spatial dimensions, but got input with spatial"
            f" dimensions of {spatial} and scale_factor of shape {factor}. Please provide input tensor in (N, C, d1, d2,"
            " ...,dK) format and scale_factor in (s1, s2, ...,sK) format."
        )
    many = [float(f) for f in ([factor] * dims if many is None else many)]
    sizes = [math.floor(float(n) * f) for n, f in zip(spatial, many, strict=True)]
    return sizes, [None] * dims if recompute else many


@functional
def upsample(input, size=None, scale_factor=None, mode="nearest", align_corners=None):
    """`interpolate` by its old name."""
    _warn_old("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


@functional
def upsample_nearest(input, size=None, scale_factor=None):
    """`interpolate` with mode="nearest", by its old name."""
    _warn_old("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


@functional
def upsample_bilinear(input, size=None, scale_factor=None):
    """`interpolate` with mode="bilinear" and align_corners=True, by its old name."""
    _warn_old("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


def _warn_old(name):
    warn_user(f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.", UserWarning)
