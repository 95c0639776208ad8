"""Window functions, as `torch.signal.windows` has them and as the older functions of `torch` (`hann_window`) do."""

from __future__ import annotations

import math

from jtorch.core.facts import dtypes
from jtorch.core.op import function, public_in
from jtorch.core.ops.arithmetic.elementary import cos, exp, sin, sqrt
from jtorch.core.ops.arithmetic.elementwise import abs as absolute
from jtorch.core.ops.arithmetic.elementwise import pow as power
from jtorch.core.ops.arithmetic.special import i0
from jtorch.core.ops.make.create import arange, empty, linspace, ones
from jtorch.core.tensor import tensor as made_tensor

_HOME = "jtorch.signal.windows"


def _window_dtype(name, M, dtype, layout):
    dtype = dtypes.get_default_dtype() if dtype is None else dtype
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    if layout is not None and str(layout) != "torch.strided":
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    if dtype not in (dtypes.float32, dtypes.float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {dtype}")
    return dtype


def _points(start, step, M, options):
    """M numbers from `start`, `step` apart."""
    return linspace(start, start + (M - 1) * step, M, **options)


def _last(M, sym):
    """Where the window ends: a periodic window (sym=False) is a symmetric one of M + 1 points without the last."""
    return M if not sym and M > 1 else M - 1


@public_in(_HOME)
def exponential(M, *, center=None, tau=1.0, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """exp(-abs(n - center) / tau) for n = 0 ... M - 1.

    Args:
        center: the position of the peak, for a window with sym=False; the default is the middle.
        tau: how far from the peak the window falls to 1 / e.
        sym: symmetric, for the design of filters; False: periodic, for spectra.

    Raises:
        ValueError: a wrong length, dtype or parameter.

    >>> torch.signal.windows.exponential(3)
    tensor([0.3679, 1.0000, 0.3679])
    """
    options = dict(dtype=_window_dtype("exponential", M, dtype, layout), device=device, requires_grad=requires_grad)
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    if not M:
        return empty(0, **options)
    center = _last(M, sym) / 2 if center is None else center
    return exp(-absolute(_points(-center / tau, 1 / tau, M, options)))


@public_in(_HOME)
def cosine(M, *, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """sin(pi (n + 1/2) / M): half a period of the sine."""
    options = dict(dtype=_window_dtype("cosine", M, dtype, layout), device=device, requires_grad=requires_grad)
    if not M:
        return empty(0, **options)
    step = math.pi / (_last(M, sym) + 1)
    return sin(_points(step / 2, step, M, options))


@public_in(_HOME)
def gaussian(M, *, std=1.0, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """exp(-(n - middle)**2 / (2 std**2))."""
    options = dict(dtype=_window_dtype("gaussian", M, dtype, layout), device=device, requires_grad=requires_grad)
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    if not M:
        return empty(0, **options)
    step = 1 / (std * math.sqrt(2))
    return exp(-(_points(-_last(M, sym) / 2 * step, step, M, options) ** 2))


@public_in(_HOME)
def kaiser(M, *, beta=12.0, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """i0(beta sqrt(1 - x**2)) / i0(beta), for x from -1 to 1."""
    options = dict(dtype=_window_dtype("kaiser", M, dtype, layout), device=device, requires_grad=requires_grad)
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    if M < 2:
        return ones(M, **options)
    beta = float(made_tensor(float(beta), dtype=options["dtype"]))
    step = 2 * beta / _last(M, sym)
    x = linspace(-beta, min(beta, -beta + (M - 1) * step), M, **options)
    return i0(sqrt(beta * beta - power(x, 2))) / i0(made_tensor(beta, dtype=options["dtype"], device=device))


@public_in(_HOME)
def bartlett(M, *, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """The triangle from 0 to 1 to 0."""
    options = dict(dtype=_window_dtype("bartlett", M, dtype, layout), device=device, requires_grad=requires_grad)
    if M < 2:
        return ones(M, **options)
    return 1 - absolute(_points(-1, 2 / _last(M, sym), M, options))


@public_in(_HOME)
def general_cosine(M, *, a, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """The sum of (-1)**k a[k] cos(2 pi k n / (M - 1)).

    Args:
        a: the coefficients.

    Raises:
        ValueError: no coefficients, or a wrong length or dtype.
    """
    options = dict(dtype=_window_dtype("general_cosine", M, dtype, layout), device=device, requires_grad=requires_grad)
    if M < 2:
        return ones(M, **options)
    if not hasattr(a, "__iter__"):
        raise TypeError("Coefficients must be a list/tuple")
    if not a:
        raise ValueError("Coefficients cannot be empty")
    x = _points(0, 2 * math.pi / _last(M, sym), M, options)
    signed = made_tensor([(-1) ** k * weight for k, weight in enumerate(a)], **options)
    order = arange(len(signed), **options)
    return (signed.unsqueeze(-1) * cos(order.unsqueeze(-1) * x)).sum(0)


def _of_cosines(name, doc, *, alpha=None, a=None):
    """A window that is a sum of cosines with fixed coefficients, or with a[0] = alpha."""
    if alpha is None:

        def window(M, *, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
            _window_dtype(name if name == "blackman" else "general_cosine", M, dtype, layout)
            return general_cosine(
                M, a=a, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad
            )

    else:

        def window(M, *, alpha=alpha, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
            return general_cosine(
                M,
                a=[alpha, 1.0 - alpha],
                sym=sym,
                dtype=dtype,
                layout=layout,
                device=device,
                requires_grad=requires_grad,
            )

    window.__name__ = window.__qualname__ = name
    window.__doc__ = doc
    return public_in(_HOME)(window)


blackman = _of_cosines("blackman", "The Blackman window: a sum of three cosines.", a=[0.42, 0.5, 0.08])
hamming = _of_cosines("hamming", "The Hamming window: 0.54 - 0.46 cos(2 pi n / (M - 1)).", a=[0.54, 1.0 - 0.54])
hann = _of_cosines("hann", "The Hann window: a raised cosine.", a=[0.5, 0.5])
nuttall = _of_cosines(
    "nuttall", "Nuttall's window: a sum of four cosines.", a=[0.3635819, 0.4891775, 0.1365995, 0.0106411]
)
general_hamming = _of_cosines("general_hamming", "alpha - (1 - alpha) cos(2 pi n / (M - 1)).", alpha=0.54)


# ---- the older functions of torch, whose windows are periodic unless they are told otherwise


def _checked_options(name, length, dtype, layout, options):
    """(dtype, whether the window is too short for a formula)"""
    if layout is not None and str(layout) == "torch.sparse_coo":
        raise RuntimeError(f"{name} is not implemented for sparse types, got: {layout}")
    dtype = dtypes.get_default_dtype() if dtype is None else dtype
    if not (dtype.is_floating_point or dtype.is_complex):
        raise RuntimeError(
            f"{name} expects floating point dtypes, got: TensorOptions(dtype={dtype.cname}, device=cpu, layout=Strided"
            " (default), requires_grad=false (default), pinned_memory=false, memory_format=(nullopt))"
        )
    if length < 0:
        raise RuntimeError(f"{name} requires non-negative window_length, got window_length={length}")
    return dict(options, dtype=dtype)


def _points_of_period(length, periodic, options):
    """0 ... length - 1, and how many steps a period has."""
    return arange(length, **options), length if periodic else length - 1


def _creation(dtype, device, requires_grad):
    return dict(dtype=dtype, device=device, requires_grad=requires_grad)


@function
def hamming_window(
    window_length,
    periodic=True,
    alpha=0.54,
    beta=0.46,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """alpha - beta cos(2 pi n / N), with N = window_length, or one less if not periodic.

    >>> torch.hamming_window(4)
    tensor([0.0800, 0.5400, 1.0000, 0.5400])
    """
    options = _checked_options("hamming_window", window_length, dtype, layout, _creation(dtype, device, requires_grad))
    if window_length < 2:
        return ones(window_length, **options)
    n, period = _points_of_period(window_length, periodic, options)
    return cos(n * (math.pi * 2 / period)) * -beta + alpha


@function
def hann_window(
    window_length, periodic=True, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False
):
    """1/2 - 1/2 cos(2 pi n / N)."""
    options = _checked_options("hann_window", window_length, dtype, layout, _creation(dtype, device, requires_grad))
    if window_length < 2:
        return ones(window_length, **options)
    return hamming_window(window_length, periodic, 0.5, 0.5, **options)


@function
def bartlett_window(
    window_length, periodic=True, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False
):
    """The triangle from 0 to 1 to 0."""
    options = _checked_options("bartlett_window", window_length, dtype, layout, _creation(dtype, device, requires_grad))
    if window_length < 2:
        return ones(window_length, **options)
    n, period = _points_of_period(window_length, periodic, options)
    return 1 - absolute(n * (2.0 / period) - 1)


@function
def blackman_window(
    window_length, periodic=True, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False
):
    """0.42 - 0.5 cos(2 pi n / N) + 0.08 cos(4 pi n / N)."""
    options = _checked_options("blackman_window", window_length, dtype, layout, _creation(dtype, device, requires_grad))
    if window_length < 2:
        return ones(window_length, **options)
    n, period = _points_of_period(window_length, periodic, options)
    x = n * (math.pi / period)
    return cos(x * 4) * 0.08 - cos(x * 2) * 0.5 + 0.42


@function
def kaiser_window(
    window_length,
    periodic=True,
    beta=12.0,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """i0(beta sqrt(1 - x**2)) / i0(beta), for x from -1 to 1."""
    options = _checked_options("kaiser_window", window_length, dtype, layout, _creation(dtype, device, requires_grad))
    if window_length < 2:
        return ones(window_length, **options)
    n, period = _points_of_period(window_length, periodic, options)
    x = n * (2.0 / period) - 1
    return i0(beta * sqrt(1 - power(x, 2))) / float(i0(made_tensor(float(beta), dtype=dtypes.float64)))
