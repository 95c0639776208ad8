"""The short-time Fourier transform and its inverse."""

from __future__ import annotations

import jax.numpy as jnp

from jtorch.core.facts import once, warn_user
from jtorch.core.op import Array, op, public
from jtorch.core.ops.make.create import ones
from jtorch.core.ops.signal import fourier
from jtorch.core.ops.views.reinterpret import view_as_real
from jtorch.core.ops.windows.pad import pad


def _warn_once(text):
    if once.first_time(text):
        warn_user(text)


_NO_WINDOW = (
    "A window was not provided. A rectangular window will be applied,{}To suppress this warning and use a rectangular"
    " window, explicitly set `window=torch.ones(n_fft, device=<device>)`."
)
_NO_WINDOW_OF_STFT = _NO_WINDOW.format(
    "which is known to cause spectral leakage. Other windows such as torch.hann_window or torch.hamming_window are"
    " recommended to reduce spectral leakage."
)
_NO_WINDOW_OF_ISTFT = _NO_WINDOW.replace("applied,", "applied.").format(
    "Please provide the same window used by stft to make the inversion lossless."
)
_REAL_RESULT = (
    "stft with return_complex=False is deprecated. In a future pytorch release, stft will return complex tensors for all"
    " inputs, and return_complex=False will raise an error.\nNote: you can still call torch.view_as_real on the complex"
    " output to recover the old return format."
)


def _stft_number(value):
    return int(value) if isinstance(value, bool) else value


def _call_text(name, kind, input, window, **rest):
    """The call as PyTorch's errors write it."""
    sizes = ", ".join(map(str, input.shape))
    shown = "None" if window is None else f"{window.type()}{{[{', '.join(map(str, window.shape))}]}}"
    before = {k: v for k, v in rest.items() if k in ("n_fft", "hop_length", "win_length")}
    after = {k: v for k, v in rest.items() if k not in before}
    parts = [f"{k}={_stft_number(v)}" for k, v in before.items()] + [f"window={shown}"]
    return f"{name}({kind}[{sizes}], {', '.join(parts + [f'{k}={_stft_number(v)}' for k, v in after.items()])})"


def _padded_window(window, n_fft, win_length, like):
    """The window with zeros on both sides up to n_fft; ones where none is given."""
    if win_length == n_fft:
        return window
    left = (n_fft - win_length) // 2
    given = ones(win_length, dtype=like.dtype, device=like.device) if window is None else window
    return pad(given, (left, n_fft - win_length - left))


@public
def stft(
    input,
    n_fft,
    hop_length=None,
    win_length=None,
    window=None,
    center=True,
    pad_mode="reflect",
    normalized=False,
    onesided=None,
    return_complex=None,
    align_to_window=None,
):
    """The Fourier transforms of overlapping pieces of a signal.

    Args:
        n_fft: the length of a piece.
        hop_length: the step from one piece to the next; the default is a quarter of `n_fft`.
        win_length: the length of the window, which is centred in a piece; the default is `n_fft`.
        window: what each piece is multiplied by; the default is ones.
        center: pad the signal so that piece t is centred at t * hop_length.
        pad_mode: how it is padded then, see `torch.nn.functional.pad`.
        normalized: divide by the root of `n_fft`.
        onesided: leave out the frequencies that mirror others; the default, for real signals.
        return_complex: False gives real and imaginary parts in a last dimension.

    Shape:
        input (L) or (B, L) → (n_fft / 2 + 1, T) or (B, n_fft / 2 + 1, T)

    Raises:
        RuntimeError: sizes that do not fit, or a real signal without `return_complex`.

    >>> torch.stft(torch.ones(8), 4, window=torch.ones(4), return_complex=True).shape
    torch.Size([3, 9])
    """
    if center and align_to_window is not None:
        raise RuntimeError("stft align_to_window should only be set when center = false")
    if center:
        around = int(n_fft // 2)
        dims = input.dim()
        input = pad(input.view([1] * (3 - dims) + list(input.shape)), [around, around], pad_mode)
        input = input.view(input.shape[-dims:])
    hop_length = n_fft // 4 if hop_length is None else hop_length
    win_length = n_fft if win_length is None else win_length
    if window is None:
        _warn_once(_NO_WINDOW_OF_STFT)
    real = not (input.dtype.is_complex or (window is not None and window.dtype.is_complex))
    if return_complex is None and real:
        raise RuntimeError(
            "stft requires the return_complex parameter be given for real inputs, and will further require that"
            " return_complex=True in a future PyTorch release."
        )
    if return_complex is False:
        _warn_once(_REAL_RESULT)
    call = _call_text(
        "stft", input.type(), input, window, n_fft=n_fft, hop_length=hop_length, win_length=win_length,
        normalized=normalized, onesided=onesided, return_complex=return_complex, align_to_window=align_to_window,
    )  # fmt: skip
    _check_stft(call, input, n_fft, hop_length, win_length, window)
    rows = input if input.dim() == 2 else input.unsqueeze(0)
    found = _transformed(
        rows, n_fft, hop_length, _padded_window(window, n_fft, win_length, input), normalized, onesided
    )
    found = found if input.dim() == 2 else found.squeeze_(0)
    return found if return_complex is not False else view_as_real(found)


def _check_stft(call, input, n_fft, hop_length, win_length, window):
    if not (input.dtype.is_floating_point or input.dtype.is_complex):
        raise RuntimeError(f"{call} : expected a tensor of floating point or complex values")
    if input.dim() not in (1, 2):
        raise RuntimeError(f"{call} : expected a 1D or 2D tensor")
    length = input.shape[-1]
    if not 0 < n_fft <= length:
        raise RuntimeError(f"{call} : expected 0 < n_fft < {length}, but got n_fft={win_length}")
    if hop_length <= 0:
        raise RuntimeError(f"{call} : expected hop_length > 0, but got hop_length={hop_length}")
    if not 0 < win_length <= n_fft:
        raise RuntimeError(f"{call} : expected 0 < win_length <= n_fft, but got win_length={win_length}")
    if window is not None and tuple(window.shape) != (win_length,):
        raise RuntimeError(
            f"{call} : expected a 1D window tensor of size equal to win_length={win_length}, but got window with size"
            f" {list(window.shape)}"
        )


def _transformed(rows, n_fft, hop_length, window, normalized, onesided):
    pieces = rows.unfold(-1, n_fft, hop_length)
    pieces = pieces if window is None else pieces * window
    norm, last = "root" if normalized else None, (2,)
    if not pieces.dtype.is_complex:
        return fourier.r2c(pieces, last, norm, onesided is not False).transpose_(1, 2)
    if onesided:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    return fourier.c2c(pieces, last, norm, True).transpose_(1, 2)


@op(saves=(), name="unfold_backward", behind="istft")
def overlap_add(pieces: Array, length: int, hop: int) -> Array:
    """The sum of the pieces of each row, each `hop` further than the one before."""
    batch, count, size = pieces.shape
    at = (jnp.arange(count)[:, None] * hop + jnp.arange(size)).reshape(-1)
    return jnp.zeros((batch, length), pieces.dtype).at[:, at].add(pieces.reshape(batch, -1))


@public
def istft(
    input,
    n_fft,
    hop_length=None,
    win_length=None,
    window=None,
    center=True,
    normalized=False,
    onesided=None,
    length=None,
    return_complex=False,
):
    """The signal whose short-time Fourier transform is given: the inverse of `stft` with the same arguments.

    Args:
        length: how long the signal is: it is cut, or padded with zeros.
        return_complex: give a complex signal.

    Shape:
        input (F, T) or (B, F, T) → (L) or (B, L)

    Raises:
        RuntimeError: sizes that do not fit, or a window that leaves a part of the signal out.
    """
    hop_length = n_fft // 4 if hop_length is None else hop_length
    win_length = n_fft if win_length is None else win_length
    if window is None:
        _warn_once(_NO_WINDOW_OF_ISTFT)
    if not input.dtype.is_complex:
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with return_complex=True."
        )
    call = _call_text(
        "istft", f"CPU{input.dtype.scalar_name}Type", input, window, n_fft=n_fft, hop_length=hop_length,
        win_length=win_length, center=center, normalized=normalized, onesided=onesided, length=length,
        return_complex=return_complex,
    )  # fmt: skip
    onesided = _check_istft(call, input, n_fft, hop_length, win_length, window, onesided, return_complex)
    spectra = input if input.dim() == 3 else input.unsqueeze(0)
    norm = "root" if normalized else "n"
    spectra = spectra.transpose(1, 2)
    if return_complex:
        pieces = fourier.c2c(spectra, (2,), norm, False)
    else:
        pieces = fourier.c2r(spectra if onesided else spectra[..., : n_fft // 2 + 1], (2,), norm, n_fft)
    whole = _padded_window(window, n_fft, win_length, pieces if window is None else window)
    whole = ones(n_fft, dtype=pieces.dtype, device=input.device) if whole is None else whole
    found = _overlapped(call, pieces, whole, hop_length, center, length)
    return found if input.dim() == 3 else found.squeeze(0)


def _overlapped(call, pieces, window, hop_length, center, length):
    """The pieces, added up and divided by the sum of the squares of the windows."""
    n_fft, count = pieces.shape[-1], pieces.shape[1]
    total = n_fft + hop_length * (count - 1)
    signal = overlap_add(pieces * window, total, hop_length)
    weights = overlap_add((window * window).expand(1, count, n_fft), total, hop_length)
    start = n_fft // 2 if center else 0
    end = start + length if length is not None else total - n_fft // 2 if center else total
    signal, weights = signal[:, start:end], weights[:, start:end]
    if bool(weights.abs().min() < 1e-11):
        raise RuntimeError(f"{call} window overlap add min: 1\n[ CPUBoolType{{}} ]")
    signal = signal / weights
    if end > total:
        _warn_once(
            "The length of signal is shorter than the length parameter. Result is being padded with zeros in the tail."
            " Please check your center and hop_length settings."
        )
        signal = pad(signal, (0, end - total))
    return signal


def _check_istft(call, input, n_fft, hop_length, win_length, window, onesided, return_complex):
    """Raise PyTorch's errors. Returns whether the spectra have one side only."""
    if not input.numel():
        raise RuntimeError(f"{call} : input tensor cannot be empty.")
    if input.dim() not in (2, 3):
        if input.dim() < 2:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-input.dim() - 1}, {input.dim()}], but got -3)"
            )
        raise RuntimeError(f"{call} : expected a tensor with 3 or 4 dimensions, but got {input.dim() + 1}")
    frequencies = input.shape[-2]
    onesided = frequencies != n_fft if onesided is None else onesided
    want = n_fft // 2 + 1 if onesided else n_fft
    if frequencies != want:
        sides = ("n_fft / 2 + 1", "True") if onesided else ("n_fft", "False")
        raise RuntimeError(
            f"{call} : expected the frequency dimension (3rd to the last) of the input tensor to match {sides[0]} when"
            f" onesided={sides[1]}, but got {frequencies}"
        )
    if not 0 < hop_length <= win_length:
        raise RuntimeError(f"{call} : expected 0 < hop_length <= win_length")
    if not 0 < win_length <= n_fft:
        raise RuntimeError(f"{call} : expected 0 < win_length <= n_fft")
    if window is not None and tuple(window.shape) != (win_length,):
        raise RuntimeError(f"{call} : Invalid window shape. window has to be 1D and length of `win_length`")
    if window is not None and window.dtype.is_complex and not return_complex:
        raise RuntimeError("Complex windows are incompatible with return_complex=False")
    if return_complex and onesided:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    return onesided
