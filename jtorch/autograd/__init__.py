"""`torch.autograd`: gradients, and what may be done with them."""

from jtorch.autograd import function
from jtorch.autograd.function import Function
from jtorch.autograd.gradients import Variable, backward, grad
from jtorch.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled

__all__ = ["Function", "Variable", "backward", "enable_grad", "function", "grad", "inference_mode", "no_grad", "set_grad_enabled"]
