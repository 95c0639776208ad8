"""`torch.autograd`: gradients, and tools for them."""

from jtorch.autograd import anomaly_mode, forward_ad, function, functional, grad_mode, graph, profiler, variable
from jtorch.autograd.anomaly_mode import detect_anomaly, set_detect_anomaly
from jtorch.autograd.function import Function
from jtorch.autograd.gradcheck import gradcheck, gradgradcheck
from jtorch.autograd.variable import Variable
from jtorch.core.grad import enable_grad, inference_mode, no_grad, set_grad_enabled
from jtorch.core.methods import backward, grad

__all__ = [
    "Function",
    "Variable",
    "anomaly_mode",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "forward_ad",
    "function",
    "functional",
    "grad",
    "grad_mode",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "no_grad",
    "profiler",
    "set_detect_anomaly",
    "set_grad_enabled",
    "variable",
]
