"""PyTorch's checks of a pooling's arguments, in its order and with its messages. Nothing here computes."""

from __future__ import annotations

from operator import index

from jtorch.core.ops.windows.pooling import Windows, windows_of

_COUNT = {2: "two", 3: "three"}
_POSITION = {"kernel_size": 2, "output_size": 2, "stride": 3, "padding": 4, "dilation": 5}


def is_default_stride(stride):
    """Whether the stride is left out: then it is the size of the window."""
    return stride is None or stride in ((), [])


def pool_windows(name, x, dims, kernel_size, stride, padding, dilation, ceil_mode) -> Windows:
    """The windows of a pooling over the last two or three dimensions of x."""
    either = "must be" if name == "avg_pool3d" else "must either be"
    kernel = _checked_sizes(name, dims, "kernel_size", kernel_size, f"{either} a single int")
    step = kernel
    if not is_default_stride(stride):
        step = _checked_sizes(name, dims, "stride", stride, f"{either} omitted, a single int")
    padding = _checked_sizes(name, dims, "padding", padding, f"{either} a single int")
    dilation = _checked_sizes(name, dims, "dilation", dilation, "must be either a single int")
    _check_dims(name, dims, x)
    spatial = x.shape[-dims:]
    for s, p, k, d in zip(step, padding, kernel, dilation, strict=True):
        _check_reach(k, s, p, d)
    _check_positive(kernel, step, dilation)
    _check_no_empty_dim(name, dims, x)
    found = windows_of(spatial, kernel, step, padding, dilation, ceil_mode)
    if name == "avg_pool3d":
        _check_smaller(spatial, kernel, padding)
    if any(n < 1 for n in found.out):
        sizes = _joined_by_x([x.shape[-dims - 1], *spatial])
        raise RuntimeError(
            f"Given input size: ({sizes}). Calculated output size: ({_joined_by_x([x.shape[-dims - 1], *found.out])}). "
            "Output size is too small"
        )
    return found


def _ints_of_argument(name, argument, value):
    try:
        return tuple(map(index, value)) if isinstance(value, tuple | list) else (index(value),)
    except TypeError:
        odd, position = type(value).__name__, _POSITION[argument]
        raise TypeError(
            f"{name}(): argument '{argument}' (position {position}) must be tuple of ints, not {odd}"
        ) from None


def _checked_sizes(name, dims, argument, value, rule):
    values = _ints_of_argument(name, argument, value)
    if len(values) not in (1, dims):
        raise RuntimeError(f"{name}: {argument} {rule}, or a tuple of {_COUNT[dims]} ints")
    return values * dims if len(values) == 1 else values


def _check_dims(name, dims, x):
    if x.ndim in (dims + 1, dims + 2):
        return
    if name != "avg_pool2d":
        raise RuntimeError(f"non-empty {dims + 1}D or {dims + 2}D (batch mode) tensor expected for input")
    if x.ndim < 3:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-x.ndim}, {x.ndim - 1}], but got -3)")
    _refuse_empty(x)


def _refuse_empty(x):
    raise RuntimeError(
        f"Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:{list(x.shape)}"
    )


def _check_no_empty_dim(name, dims, x):
    sizes = x.shape[-dims - 1 :]
    if all(sizes):
        return
    if dims == 2:
        _refuse_empty(x)
    kernel = "max_pool3d_with_indices_out_cpu_template" if name == "max_pool3d" else name
    raise RuntimeError(
        f"{kernel}(): Expected input's non-batch dimensions to have positive length, but input has a shape of"
        f" {list(x.shape)} and non-batch dimension {sizes.index(0) if dims < 3 else 0} has length zero!"
    )


def _check_reach(kernel, stride, padding, dilation):
    """Raise PyTorch's errors for the numbers of one dimension."""
    if stride == 0:
        raise RuntimeError("stride should not be zero")
    if padding < 0:
        raise RuntimeError(f"pad must be non-negative, but got pad: {padding}")
    if padding > max(0, (kernel - 1) * dilation + 1) // 2:
        raise RuntimeError(
            f"pad should be at most half of effective kernel size, but got pad={padding}, kernel_size={kernel} and dilation={dilation}"
        )


def _check_positive(kernel, stride, dilation):
    sides = ("T", "H", "W")[-len(kernel) :]
    marked = (("kernel size", "k", kernel), ("stride", "d", stride), ("dilation", "dilation", dilation))
    for what, letters, values in marked:
        if any(v <= 0 for v in values):
            shown = " ".join(f"{letters}{side}: {v}" for side, v in zip(sides, values, strict=True))
            raise RuntimeError(f"{what} should be greater than zero, but got {shown}")


def _check_smaller(spatial, kernel, padding):
    if all(k <= n + 2 * p for k, n, p in zip(kernel, spatial, padding, strict=True)):
        return
    image, shown = (
        " ".join(f"{mark}{side}: {n}" for side, n in zip(("T", "H", "W"), sizes, strict=True))
        for mark, sizes in (("", spatial), ("k", kernel))
    )
    raise RuntimeError(f"input image ({image}) smaller than kernel size ({shown})")


def max_pool1d_sizes(x, kernel_size, stride, padding, dilation, ceil_mode, return_indices):
    """(kernel, stride, padding, dilation) of a max_pool1d, whose checks have messages of their own."""
    listed = "must be an int, list of ints{} or tuple of ints of size 1"
    kernel = _one_of_max("kernel_size", kernel_size, listed.format(""))
    step = kernel
    if not is_default_stride(stride):
        step = _one_of_max("stride", stride, "must be None, an int, list of ints, or tuple of ints of size 1")
    padding = _one_of_max("padding", padding, listed.format(","))
    dilation = _one_of_max("dilation", dilation, listed.format(""))
    if x.ndim not in (2, 3) or not all(x.shape[-2:]):
        raise RuntimeError(
            f"max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but got:{list(x.shape)}"
        )
    for name, value in (("kernel_size", kernel), ("stride", step), ("dilation", dilation)):
        if value <= 0:
            raise RuntimeError(f"max_pool1d() {name} must be greater than zero, but got {value}")
    if return_indices:
        _check_reach(kernel, step, padding, dilation)
    if padding < 0:
        raise RuntimeError(f"max_pool1d() padding must be non-negative, but got {padding}")
    if padding > kernel // 2:
        raise RuntimeError(
            f"max_pool1d() padding should be at most half of kernel size, but got padding={padding} and kernel_size={kernel}"
        )
    count = windows_of(x.shape[-1:], (kernel,), (step,), (padding,), (dilation,), ceil_mode).out[0]
    if count < 1:
        raise RuntimeError(f"max_pool1d() Invalid computed output size: {count}")
    return kernel, step, padding, dilation


def _one_of_max(argument, value, rule):
    values = _ints_of_argument("max_pool1d", argument, value)
    if len(values) != 1:
        raise RuntimeError(f"max_pool1d() {argument} {rule} but got size {len(values)}")
    return values[0]


def one_number(name, argument, value):
    """The one number of an argument that may be a number or a list of one, for a pooling over signals."""
    values = _ints_of_argument(name, argument, value)
    if len(values) != 1:
        raise RuntimeError(f"{name}() argument '{argument}' should contain one int (got {len(values)})")
    return values[0]


def check_signal(name, x):
    """Raise unless x has two or three dimensions, as a pooling over signals requires."""
    if x.ndim not in (2, 3):
        raise RuntimeError(
            f"Expected 2 to 3 dimensions, but got {x.ndim}-dimensional tensor for argument #1 'self' (while checking arguments for {name})"
        )


def adaptive_sizes(name, x, dims, output_size):
    """The output sizes of an adaptive pooling: None keeps a size. Raises PyTorch's errors."""
    sizes = output_size if isinstance(output_size, tuple | list) else (output_size,) * dims
    if sizes is output_size and x.ndim <= len(sizes):
        raise ValueError(f"Input dimension should be at least {len(sizes) + 1}")
    if len(sizes) == dims and x.ndim >= dims:
        sizes = [n if size is None else size for n, size in zip(x.shape[-dims:], sizes, strict=True)]
    try:
        sizes = tuple(map(index, sizes))
    except TypeError:
        odd = next(i for i, size in enumerate(sizes) if not hasattr(size, "__index__"))
        raise TypeError(
            f"{name}(): argument 'output_size' (position 2) must be tuple of ints, but found element of type"
            f" {type(sizes[odd]).__name__} at pos {odd}"
        ) from None
    average = "avg" in name
    if len(sizes) != dims:
        says = ": output_size must be" if average else "(): internal error: output_size.size() must be"
        raise RuntimeError(f"{name}{says} {dims}")
    if average and min(sizes) < 0:
        shown = f"{sizes[0]}, " + ",".join(map(str, sizes[1:]))
        raise RuntimeError(
            f"{name}: elements of output_size must be greater than or equal to 0 but received {{{shown}}}"
        )
    _check_adaptive_input(name, x, dims, sizes, average)
    return sizes


def _check_adaptive_input(name, x, dims, sizes, average):
    if average and dims == 2 and set(sizes) == {1} and x.ndim >= 2:
        return  # then PyTorch takes the mean, of any tensor with at least two dimensions
    if x.ndim not in (dims + 1, dims + 2):
        colon = "" if average else ":"
        or_ = "4D or 5D" if dims == 3 else "3D or 4D"
        raise RuntimeError(f"{name}(): Expected {or_} tensor, but got{colon} {list(x.shape)}")
    empty = [i for i, n in enumerate(x.shape) if n == 0 and i >= x.ndim - dims - (dims == 3 and average)]
    empty = [i for i in empty if i]
    if empty:
        raise RuntimeError(
            f"{name}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes"
            f" {list(x.shape)} with dimension {empty[0]} being empty"
        )
    if min(sizes) < 0:
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {min(sizes)}: {list(x.shape[:-dims]) + list(sizes)}"
        )


def _joined_by_x(sizes):
    return "x".join(map(str, sizes))
