"""The parts of a result that are compared, and the comparison."""

import numpy as np

# dtype -> the tolerance, relative to a value's own size and to that of the largest
NEAR = {
    "float32": 2e-4, "complex64": 2e-4, "float64": 1e-6, "complex128": 1e-6, "bfloat16": 2e-2, "float16": 2e-3,
    "complex32": 5e-3,
}  # fmt: skip


def leaves(T, value):
    """The tensors, numbers and other leaves of a result, in order."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple) and not isinstance(value, T.Size):
        return [leaf for v in value for leaf in leaves(T, v)]
    return [value]


def array(T, tensor):
    """The values of a tensor, in a dtype that NumPy has."""
    tensor = tensor.detach()
    if tensor.dtype in (T.bfloat16, T.float16):
        tensor = tensor.float()
    if tensor.dtype is getattr(T, "complex32", None):
        tensor = tensor.to(T.complex64)
    return np.array(tensor.numpy(force=True))


def dtype_and_shape(T, tensor):
    """dtype and shape."""
    return str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape)


def layout(T, tensor, inputs):
    """The strides of dimensions with more than one entry, and the input whose memory the tensor shows, with the offset."""
    shares = None
    if tensor.numel():
        place = tensor.untyped_storage().data_ptr()
        shares = next((i for i, x in enumerate(inputs) if x.numel() and x.untyped_storage().data_ptr() == place), None)
    strides = [s for s, n in zip(tensor.stride(), tensor.shape, strict=True) if n > 1] if tensor.numel() else []
    return strides, None if shares is None else (shares, tensor.storage_offset())


def array_difference(mine, theirs, dtype):
    """How two arrays of one shape differ, as text; empty where they do not."""
    if mine.shape != theirs.shape or mine.dtype != theirs.dtype:
        return f"{mine.dtype}{list(mine.shape)} instead of {theirs.dtype}{list(theirs.shape)}"
    near = NEAR.get(dtype, 0)
    if theirs.dtype.kind not in "fc":
        same = mine == theirs
    else:
        finite = np.abs(theirs[np.isfinite(theirs)])
        with np.errstate(all="ignore"):
            same = np.isclose(
                mine, theirs, rtol=near, atol=near * max(0.1, finite.max(initial=0) * 0.1), equal_nan=True
            )
    if same.all():
        return ""
    at = tuple(np.argwhere(~same)[0])
    return f"{mine[at]} instead of {theirs[at]} at {[int(i) for i in at]}, {int((~same).sum())} of {same.size}"


def as_near(mine, theirs, exact, dtype):
    """Whether `mine` is no more than twice as far from the exact numbers as `theirs`: both are roundings. Where theirs has no
    number, `mine` may be near the exact one."""
    if dtype not in NEAR or not mine.shape == theirs.shape == exact.shape or exact.dtype.kind not in "fc":
        return False
    near, finite = NEAR[dtype], np.isfinite(exact)
    if not (mine[~finite] == theirs[~finite]).all() and not (np.isnan(mine) == np.isnan(exact))[~finite].all():
        return False
    mine, theirs, exact = mine[finite], theirs[finite], exact[finite]
    known = np.isfinite(theirs)
    largest = np.abs(exact).max(initial=0)
    overflow = np.isclose(mine[~known], exact[~known], rtol=near, atol=near * 0.1 * largest).all()
    far, theirs_far = (np.abs(x[known] - exact[known]).max(initial=0) for x in (mine, theirs))
    return bool(overflow and far <= 2 * theirs_far)
