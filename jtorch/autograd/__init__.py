"""`torch.autograd`: gradients, and what may be done with them."""

from jtorch.autograd.gradients import Variable, backward, grad
from jtorch.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled

__all__ = ["Variable", "backward", "enable_grad", "grad", "inference_mode", "no_grad", "set_grad_enabled"]
