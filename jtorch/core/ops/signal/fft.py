"""torch.fft: discrete Fourier transforms, their frequencies, and shifts of the zero frequency to the middle.

Each checks its arguments as PyTorch does, trims or pads the dimensions, and uses one or two of the transforms in
`jtorch.core.ops.signal.fourier`.
"""

from __future__ import annotations

from jtorch.core.facts import dtypes
from jtorch.core.op import cast_first, public_in, store
from jtorch.core.ops.gather.joining import cat, roll
from jtorch.core.ops.make.create import arange
from jtorch.core.ops.signal import fourier
from jtorch.core.ops.windows.pad import pad
from jtorch.core.tensor import Tensor, wrap_dim


def _check_fft_input(name, input):
    if not isinstance(input, Tensor):
        raise TypeError(f"fft_{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    (input,) = cast_first(input, autocast={"cpu": "float32"})
    if input.dtype.category == dtypes.FLOAT and input.dtype.name not in ("float32", "float64"):
        raise RuntimeError(f"Unsupported dtype {input.dtype.scalar_name}")
    return input


def _dim(input, dim):
    if not input.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return wrap_dim(dim, input.ndim)


def _to_floating(input):
    return input if input.dtype.category >= dtypes.FLOAT else input.to(dtypes.get_default_dtype())


def _to_complex(input):
    if input.dtype.is_complex:
        return input
    input = _to_floating(input)
    return input.to(dtypes.complex128 if input.dtype is dtypes.float64 else dtypes.complex64)


def _check_real(name, input, text="{} expects a real input tensor, but got {}"):
    if input.dtype.is_complex:
        raise RuntimeError(text.format(name, input.dtype.scalar_name))
    return _to_floating(input)


def _scale(norm, forward):
    """What a transform is divided by: "n", its "root" or None."""
    if norm not in (None, "backward", "ortho", "forward"):
        raise RuntimeError(f'Invalid normalization mode: "{norm}"')
    if norm == "ortho":
        return "root"
    return "n" if (norm == "forward") == forward else None


def _trim_or_pad(input, sizes):
    """The input with each dimension of `sizes`, {dim: size}, trimmed to that size or padded with zeros."""
    for n in sizes.values():
        if n < 1:
            raise RuntimeError(f"Invalid number of data points ({n}) specified")
    edges = [0] * (2 * input.ndim)
    for dim, n in sizes.items():
        if n < input.shape[dim]:
            input = input.narrow(dim, 0, n)
        edges[2 * (input.ndim - 1 - dim) + 1] = n - input.shape[dim]
    return pad(input, edges) if any(edges) else input


def _dims_and_sizes(input, s, dim):
    """(dims, sizes) of a transform over several dimensions; a size is None where none was given."""
    if isinstance(s, int):
        s = (s,)
    if dim is None:
        if s is not None and len(s) > input.ndim:
            raise RuntimeError(f"Got shape with {len(s)} values but input tensor only has {input.ndim} dimensions.")
        dims = range(input.ndim) if s is None else range(input.ndim - len(s), input.ndim)
        return list(dims), [None] * input.ndim if s is None else [None if n == -1 else n for n in s]
    dims = [wrap_dim(d, input.ndim) for d in ((dim,) if isinstance(dim, int) else dim)]
    if len(set(dims)) < len(dims):
        raise RuntimeError("FFT dims must be unique")
    if s is None:
        return dims, [None] * len(dims)
    if len(s) != len(dims):
        raise RuntimeError("When given, dim and shape arguments must have the same length")
    return dims, [None if n == -1 else n for n in s]


def _full_sizes(dims, sizes, input):
    if dims and not input.ndim:
        raise IndexError(f"Dimension specified as {dims[0]} but tensor has no dimensions")
    return {d: input.shape[d] if n is None else n for d, n in zip(dims, sizes, strict=True)}


def _store_out(name, made, out):
    if out is None:
        return made
    if out.dtype.is_complex != made.dtype.is_complex or out.dtype.category < dtypes.FLOAT:
        kind, said = "complex" if made.dtype.is_complex else "floating point", "fftn" if name == "ifftn" else name
        raise RuntimeError(f"{said} expects a {kind} output tensor, but got {out.dtype.scalar_name}")
    return store(out, made, f"fft_{name}")


# ---- one dimension


@public_in("jtorch.fft")
def fft(input, n=None, dim=-1, norm=None, *, out=None):
    """X[k] = Σ x[m] exp(-2πi·k·m/n): what each frequency contributes.

    Args:
        n: how many elements to transform: a longer input is trimmed, a shorter one padded with zeros.
        norm: "backward" (None) scales nothing, "ortho" by 1/√n, "forward" by 1/n.

    >>> torch.fft.fft(torch.tensor([1., 0., 0., 0.]))
    tensor([1.+0.j, 1.+0.j, 1.+0.j, 1.+0.j])
    """
    return _store_out("fft", _transform_1d("fft", input, n, dim, norm, True), out)


@public_in("jtorch.fft")
def ifft(input, n=None, dim=-1, norm=None, *, out=None):
    """The inverse of `fft`: x[m] = 1/n Σ X[k] exp(2πi·k·m/n)."""
    return _store_out("ifft", _transform_1d("ifft", input, n, dim, norm, False), out)


def _transform_1d(name, input, n, dim, norm, forward):
    input = _check_fft_input(name, input)
    dim = _dim(input, dim)
    x, scale = _to_floating(input), _scale(norm, forward)
    x = _trim_or_pad(x, _full_sizes([dim], [n], x))
    if x.dtype.is_complex:
        return fourier.c2c(x, (dim,), scale, forward)
    made = fourier.r2c(x, (dim,), scale, False)
    return made if forward else made.conj()


@public_in("jtorch.fft")
def rfft(input, n=None, dim=-1, norm=None, *, out=None):
    """`fft` of real numbers, without the half that mirrors the other: n // 2 + 1 frequencies."""
    return _store_out("rfft", _half_spectrum_1d("rfft", input, n, dim, norm, True), out)


@public_in("jtorch.fft")
def ihfft(input, n=None, dim=-1, norm=None, *, out=None):
    """The inverse of `hfft`: the half spectrum of real numbers, conjugated and scaled as `ifft`."""
    return _store_out("ihfft", _half_spectrum_1d("ihfft", input, n, dim, norm, False), out)


def _half_spectrum_1d(name, input, n, dim, norm, forward):
    input = _check_fft_input(name, input)
    dim = _dim(input, dim)
    x, scale = _check_real(name, input), _scale(norm, forward)
    made = fourier.r2c(_trim_or_pad(x, _full_sizes([dim], [n], x)), (dim,), scale, True)
    return made if forward else made.conj()


@public_in("jtorch.fft")
def irfft(input, n=None, dim=-1, norm=None, *, out=None):
    """The inverse of `rfft`: n real numbers (2·(size - 1) if left out) from half of a mirrored spectrum."""
    return _store_out("irfft", _transformed_back("irfft", input, n, dim, norm, False), out)


@public_in("jtorch.fft")
def hfft(input, n=None, dim=-1, norm=None, *, out=None):
    """`fft` of a signal whose second half mirrors the first, conjugated, and is left out: n real numbers."""
    return _store_out("hfft", _transformed_back("hfft", input, n, dim, norm, True), out)


def _transformed_back(name, input, n, dim, norm, forward):
    input = _check_fft_input(name, input)
    dim = _dim(input, dim)
    x, scale = _to_complex(input), _scale(norm, forward)
    n = 2 * (x.shape[dim] - 1) if n is None else n
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    x = _trim_or_pad(x, {dim: n // 2 + 1})
    return fourier.c2r(x.conj() if forward else x, (dim,), scale, n)


# ---- several dimensions


@public_in("jtorch.fft")
def fftn(input, s=None, dim=None, norm=None, *, out=None):
    """`fft` over several dimensions: all, the last len(s), or `dim`."""
    return _store_out("fftn", _transform_nd("fftn", input, s, dim, norm, True), out)


@public_in("jtorch.fft")
def ifftn(input, s=None, dim=None, norm=None, *, out=None):
    """The inverse of `fftn`."""
    return _store_out("ifftn", _transform_nd("ifftn", input, s, dim, norm, False), out)


def _transform_nd(name, input, s, dim, norm, forward):
    x = _to_complex(_check_fft_input(name, input))
    dims, sizes = _dims_and_sizes(x, s, dim)
    x = _trim_or_pad(x, _full_sizes(dims, sizes, x))
    scale = _scale(norm, forward)
    return fourier.c2c(x, tuple(dims), scale, forward)


@public_in("jtorch.fft")
def rfftn(input, s=None, dim=None, norm=None, *, out=None):
    """`rfft` over the last of several dimensions, `fft` over the others."""
    input = _check_fft_input("rfftn", input)
    x = _check_real("rfftn", input, "{} expects a real-valued input tensor, but got {}")
    dims, sizes = _dims_and_sizes(x, s, dim)
    if not dims:
        raise RuntimeError("rfftn must transform at least one axis")
    x = _trim_or_pad(x, _full_sizes(dims, sizes, x))
    return _store_out("rfftn", fourier.r2c(x, tuple(dims), _scale(norm, True), True), out)


@public_in("jtorch.fft")
def irfftn(input, s=None, dim=None, norm=None, *, out=None):
    """The inverse of `rfftn`."""
    x, dims, n = _half_spectrum_nd("irfftn", input, s, dim)
    return _store_out("irfftn", fourier.c2r(x, tuple(dims), _scale(norm, False), n), out)


def _half_spectrum_nd(name, input, s, dim):
    """(half spectrum, dims, size of the last dim of the result) of a transform to real numbers."""
    x = _to_complex(_check_fft_input(name, input))
    dims, sizes = _dims_and_sizes(x, s, dim)
    if not dims:
        raise RuntimeError(f"{name} must transform at least one axis")
    if not x.ndim:
        raise IndexError(f"Dimension specified as {dims[0]} but tensor has no dimensions")
    n = 2 * (x.shape[dims[-1]] - 1) if sizes[-1] is None else sizes[-1]
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    return _trim_or_pad(x, _full_sizes(dims, [*sizes[:-1], n // 2 + 1], x)), dims, n


@public_in("jtorch.fft")
def hfftn(input, s=None, dim=None, norm=None, *, out=None):
    """`hfft` over the last of several dimensions, `fft` over the others."""
    x, dims, n = _half_spectrum_nd("hfftn", input, s, dim)
    scale = _scale(norm, True)
    x = fourier.c2c(x, tuple(dims[:-1]), scale, True) if dims[:-1] else x
    return _store_out("hfftn", fourier.c2r(x.conj(), (dims[-1],), scale, n), out)


@public_in("jtorch.fft")
def ihfftn(input, s=None, dim=None, norm=None, *, out=None):
    """The inverse of `hfftn`."""
    x = _check_real("ihfftn", _check_fft_input("ihfftn", input), "Only supports floating-point dtypes, but found: {1}")
    dims, sizes = _dims_and_sizes(x, s, dim)
    if not dims:
        raise RuntimeError("ihfftn must transform at least one axis")
    scale = _scale(norm, False)
    made = fourier.r2c(_trim_or_pad(x, _full_sizes(dims, sizes, x)), (dims[-1],), scale, True)
    if not dims[:-1]:
        return _store_out("ihfftn", made.conj(), out)
    return _store_out("ihfftn", fourier.c2c(made.conj_physical(), tuple(dims[:-1]), scale, False), out)


def _over_two_dims(function):
    def two(input, s=None, dim=(-2, -1), norm=None, *, out=None):
        return function(input, s, dim, norm, out=out)

    two.__name__ = two.__qualname__ = function.__qualname__[:-1] + "2"
    two.__doc__ = f"`{function.__qualname__}` over the last two dimensions, or the two of `dim`."
    return public_in("jtorch.fft")(two)


fft2, ifft2, rfft2, irfft2, hfft2, ihfft2 = map(_over_two_dims, (fftn, ifftn, rfftn, irfftn, hfftn, ihfftn))


# ---- frequencies and shifts


def _frequencies(name, n, d, counts, out, dtype, options):
    if not isinstance(n, int):
        raise TypeError(f"fft_{name}(): argument 'n' (position 1) must be int, not {type(n).__name__}")
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    dtype = dtype or dtypes.get_default_dtype()
    if dtype.category < dtypes.FLOAT:
        raise RuntimeError(f"{name} requires a floating point or complex dtype")
    requires_grad = options.pop("requires_grad")
    made = counts(dtype) * (1.0 / (n * d) if n * d else float("inf"))
    return made.requires_grad_() if requires_grad else _store_out(name, made, out)


@public_in("jtorch.fft")
def fftfreq(n, d=1.0, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """The frequency of each element of an `fft` of n samples that lie d apart: positive ones first.

    >>> torch.fft.fftfreq(4)
    tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """

    def counts(dtype):
        options = {"dtype": dtype, "device": device}
        return cat([arange(0, (n + 1) // 2, **options), arange(-(n // 2), 0, **options)])

    return _frequencies("fftfreq", n, d, counts, out, dtype, {"requires_grad": requires_grad})


@public_in("jtorch.fft")
def rfftfreq(n, d=1.0, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """The frequency of each element of an `rfft` of n samples that lie d apart."""

    def counts(dtype):
        return arange(0, n // 2 + 1, dtype=dtype, device=device)

    return _frequencies("rfftfreq", n, d, counts, out, dtype, {"requires_grad": requires_grad})


@public_in("jtorch.fft")
def fftshift(input, dim=None):
    """Bring the zero frequency from the start to the middle, of all dimensions or of `dim`."""
    dims = _shifted_dims(input, dim)
    return roll(input, [input.shape[d] // 2 for d in dims], dims)


@public_in("jtorch.fft")
def ifftshift(input, dim=None):
    """Undo `fftshift`."""
    dims = _shifted_dims(input, dim)
    return roll(input, [(input.shape[d] + 1) // 2 for d in dims], dims)


def _shifted_dims(input, dim):
    dims = range(input.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    return [wrap_dim(d, input.ndim) for d in dims]
