"""`torch.autograd`: gradients, and what may be done with them."""

from jtorch.autograd import forward_ad, function, functional, graph, profiler
from jtorch.autograd.anomaly import detect_anomaly, set_detect_anomaly
from jtorch.autograd.function import Function
from jtorch.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck
from jtorch.autograd.gradients import Variable, backward, grad
from jtorch.core.grad import enable_grad, inference_mode, no_grad, set_grad_enabled

__all__ = ["Function", "GradcheckError", "Variable", "backward", "detect_anomaly", "enable_grad", "forward_ad", "function",
           "functional", "grad", "gradcheck", "gradgradcheck", "graph", "inference_mode", "no_grad", "profiler",
           "set_detect_anomaly", "set_grad_enabled"]  # fmt: skip
