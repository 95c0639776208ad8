"""`torch._assert` and `torch._check`: conditions that must hold, and the errors if they do not."""

from __future__ import annotations

from jtorch.core.facts import bool_
from jtorch.core.tensor import Tensor, hand_over, wanted

_UNEXPLAINED = (
    "Expected cond to be True, but got False. (Could this error message be improved? "
    "If so, please report an enhancement request to PyTorch.)"
)


def _assert(condition, message) -> None:
    """Python's `assert` as a function. Reads the value of a tensor."""
    if condition.__class__ is not Tensor and wanted((condition,)):
        return hand_over(_assert, (condition,), (condition, message), None)
    assert condition, message
    return None


def _assert_async(input, assert_msg=None) -> None:
    """Raise RuntimeError if a tensor of one element is zero. Reads it at once, where PyTorch's GPUs tell later.

    >>> torch._assert_async(torch.tensor([1.0]))
    """
    if not input:
        raise RuntimeError(assert_msg or "Expected Tensor with single nonzero value, but got zero")


def _check_with(error_type, cond, message=None) -> None:
    """Raise an error of a type of the caller's, with the text that `message()` makes, where a bool is False."""
    _check_as(error_type)(cond, message)


def _check_tensor_all_with(error_type, cond, message=None) -> None:
    """Raise an error of a type of the caller's where not all elements of a bool tensor are True. Reads the tensor.

    Raises:
        TypeError: `cond` is not a tensor, or not of dtype bool.
    """
    if not isinstance(cond, Tensor):
        raise TypeError(f"cond must be a tensor, but got {type(cond)}")
    if cond.dtype != bool_:
        raise TypeError(f"cond tensor must have dtype torch.bool, but got {cond.dtype}")
    _check_with(error_type, bool(cond.all()), message)


def _check_tensor_all(cond, message=None) -> None:
    """Raise RuntimeError where not all elements of a bool tensor are True. Reads the tensor.

    >>> torch._check_tensor_all(torch.ones(2) > 0)
    """
    _check_tensor_all_with(RuntimeError, cond, message)


def _check_as(kind):
    def check(cond, message=None) -> None:
        if cond.__class__ is not bool:
            given = (
                "a Tensor. For tensor conditions, use torch._check_tensor_all() to assert that all elements are true."
                if isinstance(cond, Tensor)
                else cond.__class__
            )
            raise TypeError(f"cond must be a bool, but got {given}")
        if cond:
            return
        if message is not None and not callable(message):
            raise TypeError("message must be a callable")
        raise kind(_UNEXPLAINED if message is None else str(message()))

    check.__doc__ = f"Raise {kind.__name__}, with the text that `message()` makes, where a bool is False."
    return check


_check = _check_as(RuntimeError)
_check_index = _check_as(IndexError)
_check_type = _check_as(TypeError)
_check_value = _check_as(ValueError)
_check_not_implemented = _check_as(NotImplementedError)
