"""`torch.ao.nn.quantized`: `FloatFunctional`, which runs in floating point, and the quantized layers by name."""

from __future__ import annotations

from jtorch.core.facts import absent
from jtorch.core.ops.functions import add, cat, matmul, mul, relu
from jtorch.nn.modules.linear import Identity
from jtorch.nn.modules.module import Module

_ABSENT = absent(
    "torch.ao.nn.quantized",
    "",
    "jtorch computes in floating point and has no quantized tensors",
    classes="""
    BatchNorm2d BatchNorm3d Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d DeQuantize Dropout ELU
    Embedding EmbeddingBag FXFloatFunctional GroupNorm Hardswish InstanceNorm1d InstanceNorm2d InstanceNorm3d LSTM LayerNorm
    LeakyReLU Linear MultiheadAttention PReLU QFunctional Quantize ReLU6 Sigmoid Softmax
    """,
)
vars().update(_ABSENT)

__all__ = ["FloatFunctional", *_ABSENT]


class FloatFunctional(Module):
    """Functions of two tensors as methods of a module, where an observer could see their results.

    >>> torch.ao.nn.quantized.FloatFunctional().add(torch.ones(2), torch.ones(2))
    tensor([2., 2.])
    """

    def __init__(self):
        super().__init__()
        self.activation_post_process = Identity()

    def forward(self, x):
        """Raises RuntimeError, as PyTorch's: the functions are called by name."""
        raise RuntimeError("FloatFunctional is not intended to use the 'forward'. Please use the underlying operation")

    def add(self, x, y):
        return self.activation_post_process(add(x, y))

    def add_scalar(self, x, y):
        return add(x, y)

    def mul(self, x, y):
        return self.activation_post_process(mul(x, y))

    def mul_scalar(self, x, y):
        return mul(x, y)

    def cat(self, x, dim=0):
        return self.activation_post_process(cat(x, dim=dim))

    def add_relu(self, x, y):
        return self.activation_post_process(relu(add(x, y)))

    def matmul(self, x, y):
        return self.activation_post_process(matmul(x, y))
