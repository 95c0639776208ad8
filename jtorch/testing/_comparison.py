"""`assert_allclose`: `assert_close` by its old name, with wider tolerances."""

from __future__ import annotations

import warnings

from jtorch.core.facts import bfloat16, float16, float32, float64
from jtorch.core.methods import assert_close
from jtorch.core.tensor import Tensor, tensor

_TOLERANCES = {float16: (1e-3, 1e-3), bfloat16: (1.6e-2, 1e-5), float32: (1e-4, 1e-5), float64: (1e-5, 1e-8)}


def assert_allclose(actual, expected, rtol=None, atol=None, equal_nan=True, msg=""):
    """Raise an AssertionError if two tensors are further apart than PyTorch's old tolerances. Use `assert_close`.

    Dtypes may differ, and NaN equals NaN.

    >>> import warnings
    >>> warnings.simplefilter("ignore", FutureWarning)
    >>> torch.testing.assert_allclose(torch.ones(2), [1.0, 1.0])
    """
    warnings.warn(
        "`torch.testing.assert_allclose()` is deprecated since 1.12 and will be removed in a future release. "
        "Please use `torch.testing.assert_close()` instead. You can find detailed upgrade instructions in "
        "https://github.com/pytorch/pytorch/issues/61844.",
        FutureWarning,
        stacklevel=2,
    )
    actual = actual if isinstance(actual, Tensor) else tensor(actual)
    expected = expected if isinstance(expected, Tensor) else tensor(expected, dtype=actual.dtype)
    if rtol is None and atol is None:
        both = [_TOLERANCES.get(t.dtype, (0.0, 0.0)) for t in (actual, expected)]
        rtol, atol = max(both[0][0], both[1][0]), max(both[0][1], both[1][1])
    assert_close(
        actual,
        expected,
        rtol=rtol,
        atol=atol,
        equal_nan=equal_nan,
        check_dtype=False,
        check_stride=False,
        msg=msg or None,
    )
