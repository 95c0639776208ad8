"""Images sampled at positions that another tensor gives (`grid_sample`), and the positions of an affine map."""

from __future__ import annotations

import itertools

import jax.numpy as jnp
import numpy as np
from jax import lax

from jtorch.core.facts import warn_user
from jtorch.core.op import Array, cast_first, function, functional, op
from jtorch.core.ops.windows.resize import cubic_kernel


def _unaligned():
    warn_user(
        "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. "
        "Please specify align_corners=True if the old behavior is desired. See the documentation of grid_sample for details.",
    )
    return False


@op(
    grad_fn=lambda types, consts: f"GridSampler{types[0].ndim - 2}DBackward0",
    autocast={"cpu": "float32", "cuda": "widest"},
)
def _grid_sample(input: Array, grid: Array, mode: str, padding_mode: str, align_corners: bool) -> Array:
    sizes = input.shape[2:]
    # The grid's last dimension goes x, y(, z): last spatial dimension first.
    places = [_unnormalized(grid[..., -1 - d], n, align_corners) for d, n in enumerate(sizes)]
    if mode == "bicubic":
        return _sample_cubic(input, places, padding_mode, align_corners)
    places = [_padded_coordinates(p, n, padding_mode, align_corners) for p, n in zip(places, sizes, strict=True)]
    if mode == "nearest":
        return _cells_at(input, [jnp.round(p) for p in places])
    low = [jnp.floor(p) for p in places]
    out = 0
    for corner in itertools.product((0, 1), repeat=len(sizes)):
        weight = 1
        for p, start, high in zip(places, low, corner, strict=True):
            weight = weight * (p - start if high else start + 1 - p)
        out = out + _cells_at(input, [s + c for s, c in zip(low, corner, strict=True)]) * weight[:, None]
    return out.astype(input.dtype)


def _unnormalized(x, n, align_corners):
    return (x + 1) / 2 * (n - 1) if align_corners else ((x + 1) * n - 1) / 2


def _padded_coordinates(x, n, padding_mode, align_corners):
    if padding_mode == "zeros":
        return x
    if padding_mode == "reflection":
        x = _reflected_coordinates(x, 0.0, n - 1.0) if align_corners else _reflected_coordinates(x, -0.5, n - 0.5)
    inside = (x > 0) & (x < n - 1)  # at the border itself PyTorch's gradient is 0
    return jnp.where(inside, x, lax.stop_gradient(jnp.clip(x, 0, n - 1)))


def _reflected_coordinates(x, low, high):
    span = high - low
    if span <= 0:
        return jnp.zeros_like(x)
    x = jnp.abs(x - low)
    flips = jnp.floor(x / span)
    rest = x - flips * span
    return jnp.where(flips % 2 == 0, rest + low, span - rest + low)


def _cells_at(input, cells):
    """(N, C, *out): the cells of the input at these coordinates, 0 outside."""
    sizes = input.shape[2:]
    inside, flat = True, 0
    for cell, n in zip(cells, sizes, strict=True):
        inside = inside & (cell >= 0) & (cell <= n - 1)
        # A coordinate that is NaN, or too large for an integer, is outside anyway.
        flat = flat * n + jnp.clip(jnp.nan_to_num(cell), 0, n - 1).astype(jnp.int32)
    rows = input.reshape(*input.shape[:2], -1)
    taken = jnp.take_along_axis(rows, flat.reshape(flat.shape[0], 1, -1), axis=2)
    taken = taken.reshape(*input.shape[:2], *flat.shape[1:])
    return jnp.where(inside[:, None], taken, jnp.zeros((), input.dtype))


def _sample_cubic(input, places, padding_mode, align_corners):
    low = [jnp.floor(p) for p in places]
    weights = [
        [cubic_kernel(p - s - k, -0.75, jnp.where) for k in range(-1, 3)] for p, s in zip(places, low, strict=True)
    ]
    out = 0
    for i, j in itertools.product(range(4), repeat=2):
        cells = [
            _padded_coordinates(s + k - 1, n, padding_mode, align_corners)
            for s, k, n in zip(low, (i, j), input.shape[2:], strict=True)
        ]
        out = out + _cells_at(input, cells) * (weights[0][i] * weights[1][j])[:, None]
    return out.astype(input.dtype)


@functional
def grid_sample(input, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    """The input sampled at the positions of a grid, interpolated between its cells.

    Args:
        grid: positions (x, y) or (x, y, z), from -1 (left, top) to 1 (right, bottom).
        mode: "bilinear", "nearest" or "bicubic" (4-D only).
        padding_mode: what positions outside the input give: "zeros", "border" or "reflection".
        align_corners: whether -1 and 1 are the centres of the corner cells, or their edges.

    Shape:
        input (N, C, H, W), grid (N, H', W', 2) → (N, C, H', W'); the same with one dimension more
    """
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            f"nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: '{padding_mode}'"
        )
    align_corners = _unaligned() if align_corners is None else align_corners
    input, grid = cast_first(input, grid, autocast={"cpu": "float32", "cuda": "widest"})
    _check_grid(input, grid, mode)
    return _grid_sample(input, grid, mode, padding_mode, bool(align_corners))


def _check_grid(input, grid, mode):
    shapes = f"but got input with sizes {list(input.shape)} and grid with sizes {list(grid.shape)}"
    if input.shape[0] != grid.shape[0]:
        raise RuntimeError(f"grid_sampler(): expected grid and input to have same batch size, {shapes}")
    if grid.shape[-1] != input.dim() - 2:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {input.dim() - 2} in last dimension, but got grid with sizes {list(grid.shape)}"
        )
    if input.dim() not in (4, 5) or input.dim() != grid.dim():
        wanted = f"{input.dim()}D" if input.dim() in (4, 5) else "4D or 5D"
        raise RuntimeError(f"grid_sampler(): expected {wanted} input and grid with same number of dimensions, {shapes}")
    if 0 in input.shape[2:]:
        raise RuntimeError(
            "grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes"
            f" {list(input.shape)} with dimension {2 + list(input.shape[2:]).index(0)} being empty"
        )
    if input.dtype is not grid.dtype:
        raise RuntimeError(f"expected scalar type {input.dtype.scalar_name} but found {grid.dtype.scalar_name}")
    if input.dim() == 5 and mode == "bicubic":
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")


@op(grad_fn="AffineGridGeneratorBackward0", autocast={"cpu": "low"})
def _affine_grid(theta: Array, sizes: tuple, align_corners: bool) -> Array:
    axes = []
    for n in sizes:
        along = np.linspace(-1, 1, n) if n > 1 else np.zeros(1)
        axes.append(along if align_corners else along * (n - 1) / n)
    places = np.stack([*reversed(np.meshgrid(*axes, indexing="ij")), np.ones(sizes)], -1)
    return jnp.einsum("...k,nik->n...i", jnp.asarray(places, theta.dtype), theta)


@functional
def affine_grid(theta, size, align_corners=None):
    """The grid of an affine map, for `grid_sample`.

    Shape:
        theta (N, 2, 3), size (N, C, H, W) → (N, H, W, 2); theta (N, 3, 4), size (N, C, D, H, W) → (N, D, H, W, 3)
    """
    if align_corners is None:
        align_corners = _unaligned()
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    if len(size) not in (4, 5):
        raise NotImplementedError(
            f"affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size {size}."
        )
    d = len(size) - 2
    if theta.dim() != 3 or theta.shape[-2] != d or theta.shape[-1] != d + 1:
        raise ValueError(
            f"Expected a batch of {d}D affine matrices of shape Nx{d}x{d + 1} for size {size}. Got {theta.shape}."
        )
    if align_corners and min(size[2:]) == 1:
        warn_user(
            "Since version 1.3.0, affine_grid behavior has changed for unit-size grids when align_corners=True. "
            "This is not an intended use case of affine_grid. See the documentation of affine_grid for details.",
        )
    elif min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    return _affine_grid(theta, tuple([int(n) for n in size[2:]]), bool(align_corners))


_MODES, _PADDINGS = ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")


def _sampler(name, dims):
    """Declare `grid_sample` with numbers for the modes, as PyTorch has it below `torch`."""

    def sampler(input, grid, interpolation_mode, padding_mode, align_corners):
        return grid_sample(input, grid, _MODES[interpolation_mode], _PADDINGS[padding_mode], align_corners)

    sampler.__name__ = sampler.__qualname__ = name
    sampler.__doc__ = f"`torch.nn.functional.grid_sample` of {dims}, with the numbers of the modes."
    return function(sampler)


for _name, _dims in {"grid_sampler": "any images", "grid_sampler_2d": "images", "grid_sampler_3d": "volumes"}.items():
    _sampler(_name, _dims)


@function
def affine_grid_generator(theta, size, align_corners):
    """`torch.nn.functional.affine_grid` without a default."""
    return affine_grid(theta, size, align_corners)
