"""PyTorch's path to the switches of `jtorch.core.grad.mode`."""

from jtorch.core.grad import enable_grad, inference_mode, no_grad, set_grad_enabled

__all__ = ["enable_grad", "inference_mode", "no_grad", "set_grad_enabled"]
