"""The text of a tensor, letter for letter as PyTorch prints it, and the options that shape it.

Does not know Tensor, devices or JAX: it works on a NumPy array and plain facts (dtype, the
name of the grad_fn, the text of the device), which `jtorch.core.tensor.repr` finds. Of a large array it reads only the
entries that are printed.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import compress

import numpy as np

from jtorch.core.facts import bool_, complex64, complex128, dtype, float64, get_default_dtype, int64


@dataclass(frozen=True, slots=True)
class PrintOptions:
    precision: int = 4  # digits after the point
    threshold: float = 1000  # a tensor of more entries than this is printed without its middle
    edgeitems: int = 3  # entries that remain at each end of a dimension then
    linewidth: int = 80  # characters
    sci_mode: bool | None = None  # 1.0000e+00 always, never, or (None) where the values call for it


_PROFILES = {
    "default": PrintOptions(),
    "short": PrintOptions(precision=2, edgeitems=2),
    "full": PrintOptions(threshold=math.inf),
}
_options = _PROFILES["default"]


def set_printoptions(
    precision=None, threshold=None, edgeitems=None, linewidth=None, profile=None, sci_mode=None
) -> None:
    """Set how tensors are printed from now on; what is None stays as it is.

    Args:
        precision: digits after the point.
        threshold: a tensor of more entries than this is printed without its middle.
        edgeitems: entries that remain at each end of every dimension then.
        linewidth: characters a line may hold.
        profile: "default", "short" (2 digits, 2 edge items) or "full" (no threshold), in any case;
            taken before the other arguments.
        sci_mode: scientific notation always (True) or never (False). PyTorch forgets this one at
            every call: leaving it out returns to choosing by the values.

    >>> jtorch.set_printoptions(precision=2)
    >>> jtorch.tensor([3.14159])
    tensor([3.14])
    >>> jtorch.set_printoptions(profile="default")
    """
    global _options
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    base = _options
    if profile is not None:
        base = _PROFILES.get(str(profile).lower(), base)
    _options = replace(base, **{k: v for k, v in given.items() if v is not None}, sci_mode=sci_mode)


def get_printoptions() -> dict[str, object]:
    """The options in force, by name."""
    return asdict(_options)


@contextmanager
def printoptions(**options):
    """`set_printoptions(**options)` for the length of a `with` block."""
    global _options
    before = _options
    set_printoptions(**options)
    try:
        yield
    finally:
        _options = before


def corner(size: tuple[int, ...]) -> tuple[np.ndarray, ...] | None:
    """The index that picks the entries which are printed of a tensor of this size; None if all of them are.

    A tensor on an accelerator applies it there and fetches only the corner: see `tensor_text`.
    """
    edge = _options.edgeitems
    if not size or math.prod(size) <= _options.threshold:
        return None
    return np.ix_(*[[*range(edge), *range(n - edge, n)] if n > 2 * edge else range(n) for n in size])


def tensor_text(
    array: np.ndarray | None,
    dtype: dtype,
    *,
    size: tuple[int, ...] | None = None,
    name: str = "tensor",
    device: str | None = None,
    layout: str | None = None,
    grad_fn: str | None = None,
    requires_grad: bool = False,
    tangent: str | None = None,
    body: str | None = None,
) -> str:
    """The text that `repr` gives for a tensor with these values and these facts.

    Args:
        array: the values, or only `values[corner(size)]`; None for a tensor without data (meta).
        dtype: the tensor's type; of the array only its values matter.
        size: the tensor's size; that of the array if None.
        name: "tensor", or the class's own name for a subclass other than Parameter.
        device: the device's text, "cuda:0"; None: the text does not name it.
        layout: the layout's text, or None for strided.
        grad_fn: the name of the gradient's node; says more than requires_grad and replaces it.
        tangent: the text of the forward gradient: `format(tangent)`.
        body: what stands for the values, where it is not to be their own text.

    >>> from jtorch.core.tensor.printing import tensor_text
    >>> print(tensor_text(np.eye(2), jtorch.float64, requires_grad=True))
    tensor([[1., 0.],
            [0., 1.]], dtype=torch.float64, requires_grad=True)
    """
    size = array.shape if size is None else tuple(size)
    indent = len(name) + 1
    empty = 0 in size
    suffixes = [f"device='{device}'"] if device else []
    if array is None or (len(size) != 1 if empty else _options.edgeitems == 0):
        suffixes.append(f"size={size}")
    if dtype not in _silent_types(empty or array is None):
        suffixes.append(f"dtype={dtype!r}")
    if layout:
        suffixes.append(f"layout={layout}")
    if grad_fn is not None:
        suffixes.append(f"grad_fn=<{grad_fn}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")
    if tangent is not None:
        suffixes.append(f"tangent={tangent}")
    if body is None:
        body = "..." if array is None else "[]" if empty else body_text(array, size, indent)
    return with_suffixes(f"{name}({body}", suffixes, indent) + ")"


def sparse_text(parts, size, count, layout, grad_fn, requires_grad) -> str:
    """What a sparse tensor prints: its parts (name, array, dtype) under each other, then how much there is."""
    shown = []
    for name, array, _ in parts:
        body = body_text(array, array.shape, len("tensor(") + len(name) + len("=tensor(")) if array.size else "[]"
        shown.append(f"{name}=tensor({body}" + (")" if array.size else f", size={tuple(array.shape)})"))
    text = "tensor(" + (",\n" + " " * 7).join(shown)
    suffixes = [f"size={tuple(size)}", f"nnz={count}"]
    if parts[-1][2] not in _silent_types(False):
        suffixes.append(f"dtype={parts[-1][2]!r}")
    suffixes.append(f"layout={layout}")
    if grad_fn:
        suffixes.append(f"grad_fn=<{grad_fn}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")
    return with_suffixes(text, suffixes, 7, apart=True) + ")"


def formatted(tensor, spec: str, plain: bool) -> str:
    """`format(tensor, spec)`: a scalar formats as the Python number it holds, any other tensor as its text.

    Args:
        plain: a Tensor itself (no Parameter, no other subclass) whose values exist (not meta).

    Raises:
        TypeError: a format for what is not a scalar.
    """
    if plain and tensor.dim() == 0:
        return format(tensor.item(), spec)
    return object.__format__(tensor, spec)


def _silent_types(bare: bool) -> tuple[dtype, ...]:
    """The dtypes that the text does not name. If it shows no values, that is only the default dtype."""
    default = get_default_dtype()
    if bare:
        return (default,)
    # Not `default.to_complex()`: with float16 as the default PyTorch is silent about complex64 all the same.
    return (default, complex128 if default is float64 else complex64, int64, bool_)


def with_suffixes(text: str, suffixes: list[str], indent: int, apart: bool = False) -> str:
    """The text with suffixes, each on a line of its own where there is no room. With `apart` the first always begins a line."""
    # Two more than the last line's true length: PyTorch's count, and so where its lines break.
    column = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        column += len(suffix) + 2
        if apart or column > _options.linewidth:
            apart = False
            text += ",\n" + " " * indent + suffix
            column = indent + len(suffix)
        else:
            text += ", " + suffix
    return text


def body_text(array: np.ndarray, size: tuple[int, ...], indent: int) -> str:
    """The brackets and what is in them, built from the innermost dimension outwards."""
    edge = _options.edgeitems
    summarized = math.prod(size) > _options.threshold
    if summarized and size:
        if edge == 0:
            return "[...]"
        if array.shape == size:
            array = array[corner(size)]
    items, width = _texts(array)
    for dim in reversed(range(len(size))):
        count = array.shape[dim]
        join = _joiner(len(size) - 1 - dim, indent + dim, width)
        groups = [items[i : i + count] for i in range(0, len(items), count)]
        if summarized and size[dim] > 2 * edge:
            dots = " ..." if dim == len(size) - 1 else "..."
            groups = [group[:edge] + [dots] + group[edge:] for group in groups]
        items = [f"[{join(group)}]" for group in groups]
    return items[0]


def _joiner(height: int, indent: int, width: int):
    """What joins the entries of a dimension `height` above the innermost, whose bracket opens at `indent`."""
    margin = " " * (indent + 1)
    if height:
        return ("," + "\n" * height + margin).join
    per_line = max(1, (_options.linewidth - indent) // (width + 2))

    def wrap(items: list[str]) -> str:
        lines = [", ".join(items[i : i + per_line]) for i in range(0, len(items), per_line)]
        return f",\n{margin}".join(lines)

    return wrap


def _texts(array: np.ndarray) -> tuple[list[str], int]:
    """Every entry's text, in C order, and the width that lines are filled by."""
    if array.dtype.kind in "biu":
        texts = [str(v) for v in array.ravel().tolist()]
        return _right_aligned(texts, max(map(len, texts)))
    if array.dtype.kind != "c":
        return _right_aligned(*_float_texts(array))
    real, real_width = _right_aligned(*_float_texts(array.real))
    imag, imag_width = _float_texts(array.imag)
    # `imag` is not padded, so columns of complex numbers need not line up; the width counts it all the same.
    return [
        f"{re}{im}j" if im.startswith("-") else f"{re}+{im}j" for re, im in zip(real, imag, strict=True)
    ], real_width + imag_width + 1


def _right_aligned(texts: list[str], width: int) -> tuple[list[str], int]:
    return [text.rjust(width) for text in texts], width


def _float_texts(array: np.ndarray) -> tuple[list[str], int]:
    """Texts of one style for all, and the width of the widest: finite values other than 0 decide both.

    So 0, inf and nan may stand out of a narrow column ("[0., -inf]"), as they do in PyTorch.
    """
    values = array.astype(np.float64).ravel().tolist()
    telling = [v != 0 and math.isfinite(v) for v in values]
    sizes = [abs(v) for v in compress(values, telling)]
    whole = all(v.is_integer() for v in sizes)
    precision = _options.precision
    if sizes and _scientific(min(sizes), max(sizes)):
        texts = [f"{v:.{precision}e}" for v in values]
    elif whole:
        texts = [f"{v:.0f}." if math.isfinite(v) else str(v) for v in values]
    else:
        texts = [f"{v:.{precision}f}" for v in values]
    return texts, max(map(len, compress(texts, telling)), default=1)


def _scientific(smallest: float, largest: float) -> bool:
    if _options.sci_mode is not None:
        return _options.sci_mode
    return largest / smallest > 1000 or largest > 1e8 or smallest < 1e-4
