"""`torch.nn.grad`: the gradients of convolutions as functions. They are those that autograd computes."""

from __future__ import annotations

from jtorch.core.grad import enable_grad, grad_enabled
from jtorch.core.methods import grad
from jtorch.core.ops.functional import conv1d, conv2d, conv3d
from jtorch.core.ops.functions import zeros

__all__ = [f"conv{n}d_{of}" for n in (1, 2, 3) for of in ("input", "weight")]


def _gradient_at_zero(size, like, grad_output, result_of):
    """The gradient of `result_of` with respect to its argument, which has this size and the dtype and device of `like`.

    A convolution is linear in it, so the gradient is the same at every value; it is taken at 0.
    """
    with enable_grad():
        x = zeros(tuple(size), dtype=like.dtype, device=like.device, requires_grad=True)
        y = result_of(x)
    return grad(y, x, grad_output, create_graph=grad_enabled())[0]


def _of_input(conv, dims):
    def made(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1):
        settings = stride, padding, dilation, groups
        return _gradient_at_zero(input_size, weight, grad_output, lambda x: conv(x, weight, None, *settings))

    made.__name__ = made.__qualname__ = f"conv{dims}d_input"
    made.__doc__ = f"""The gradient of `conv{dims}d` with respect to its input.

    Args:
        input_size: the shape of the input.
        weight, stride, padding, dilation, groups: as of `torch.nn.functional.conv{dims}d`.
        grad_output: the gradient of its result.
    """
    return made


def _of_weight(conv, dims):
    def made(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1):
        settings = stride, padding, dilation, groups
        return _gradient_at_zero(weight_size, input, grad_output, lambda w: conv(input, w, None, *settings))

    made.__name__ = made.__qualname__ = f"conv{dims}d_weight"
    made.__doc__ = f"""The gradient of `conv{dims}d` with respect to its weight.

    Args:
        weight_size: the shape of the weight.
        input, stride, padding, dilation, groups: as of `torch.nn.functional.conv{dims}d`.
        grad_output: the gradient of its result.
    """
    return made


conv1d_input, conv2d_input, conv3d_input = _of_input(conv1d, 1), _of_input(conv2d, 2), _of_input(conv3d, 3)
conv1d_weight, conv2d_weight, conv3d_weight = _of_weight(conv1d, 1), _of_weight(conv2d, 2), _of_weight(conv3d, 3)
