"""`torch.nn.grad`: the gradients of convolutions as functions. They are those that autograd computes."""

from __future__ import annotations

from jtorch.core.grad import enable_grad, grad_enabled
from jtorch.core.methods import grad
from jtorch.core.ops.functional import conv1d, conv2d, conv3d
from jtorch.core.ops.functions import zeros

__all__ = [f"conv{n}d_{of}" for n in (1, 2, 3) for of in ("input", "weight")]


def _of_input(conv, dims):
    def made(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1):
        with enable_grad():
            x = zeros(tuple(input_size), dtype=weight.dtype, device=weight.device, requires_grad=True)
            y = conv(x, weight, None, stride, padding, dilation, groups)
        return grad(y, x, grad_output, create_graph=grad_enabled())[0]

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
        with enable_grad():
            w = zeros(tuple(weight_size), dtype=input.dtype, device=input.device, requires_grad=True)
            y = conv(input, w, None, stride, padding, dilation, groups)
        return grad(y, w, grad_output, create_graph=grad_enabled())[0]

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
