"""Linear, LazyLinear, Bilinear and Identity."""

from __future__ import annotations

import math

from jtorch.core.grad import no_grad
from jtorch.core.ops.layers import linear as layers
from jtorch.core.ops.make.create import empty
from jtorch.nn import init
from jtorch.nn.modules.lazy import LazyModuleMixin
from jtorch.nn.modules.module import Module
from jtorch.nn.parameter import Parameter, UninitializedParameter

__all__ = ["Bilinear", "Identity", "LazyLinear", "Linear"]


class Identity(Module):
    """The input itself.

    Args:
        args, kwargs: accepted and ignored, so that it can replace a layer in a model.

    Shape:
        any → the same

    >>> torch.nn.Identity(3, bias=False)(torch.ones(2))
    tensor([1., 1.])
    """

    def __init__(self, *args, **kwargs):
        super().__init__()

    def forward(self, input):
        return input


class Linear(Module):
    """x @ Wᵀ + b

    Args:
        in_features: size of the last dimension of x.
        out_features: size of the last dimension of the result.
        bias: whether there is a b.
        device, dtype: of the parameters; None: the defaults.

    Shape:
        (*, in_features) → (*, out_features)

    Attributes:
        weight: (out_features, in_features), uniform in ±1/sqrt(in_features) at first.
        bias: (out_features), drawn from the same range; None with bias=False.

    Raises:
        RuntimeError: the last dimension of x is not in_features, or its dtype is not the weight's.

    >>> layer = torch.nn.Linear(3, 2)
    >>> layer
    Linear(in_features=3, out_features=2, bias=True)
    >>> layer(torch.zeros(5, 3)).shape
    torch.Size([5, 2])
    """

    __constants__ = ["in_features", "out_features"]

    def __init__(self, in_features, out_features, bias=True, device=None, dtype=None):
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(empty((out_features, in_features), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_features, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self):
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input):
        own = self._parameters  # the two look-ups through `Module.__getattr__` would take a quarter of the layer's time
        if "weight" in own and "bias" in own:
            return layers.linear(input, own["weight"], own["bias"])
        return layers.linear(input, self.weight, self.bias)

    def extra_repr(self):
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class NonDynamicallyQuantizableLinear(Linear):
    """The Linear inside MultiheadAttention, which PyTorch names so."""


class Bilinear(Module):
    """x1ᵀ W x2 + b, with a matrix W for each output feature.

    Args:
        in1_features, in2_features: sizes of the last dimensions of x1 and x2.
        out_features: size of the last dimension of the result.
        bias: whether there is a b.
        device, dtype: of the parameters; None: the defaults.

    Shape:
        (*, in1_features), (*, in2_features) → (*, out_features)

    Attributes:
        weight: (out_features, in1_features, in2_features), uniform in ±1/sqrt(in1_features) at first.
        bias: (out_features), drawn from the same range; None with bias=False.

    Raises:
        ValueError: in1_features is not positive.

    >>> torch.nn.Bilinear(2, 3, 4)(torch.ones(5, 2), torch.ones(5, 3)).shape
    torch.Size([5, 4])
    """

    __constants__ = ["in1_features", "in2_features", "out_features"]

    def __init__(self, in1_features, in2_features, out_features, bias=True, device=None, dtype=None):
        super().__init__()
        if in1_features <= 0:
            raise ValueError(f"in1_features must be > 0, but got (in1_features={in1_features})")
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        self.weight = Parameter(empty((out_features, in1_features, in2_features), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_features, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self):
        bound = 1 / math.sqrt(self.weight.size(1))
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1, input2):
        return layers.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self):
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features},"
            f" bias={self.bias is not None}"
        )


class LazyLinear(LazyModuleMixin, Linear):
    """A `Linear` that takes in_features from its first input.

    Args:
        out_features: size of the last dimension of the result.
        bias: whether there is a b.
        device, dtype: of the parameters; None: the defaults.

    Until the first call its parameters have no shape, and it is an ordinary Linear afterwards. An optimizer made before
    that call would hold parameters without a shape.

    >>> layer = torch.nn.LazyLinear(2)
    >>> layer(torch.ones(5, 3)).shape, layer
    (torch.Size([5, 2]), Linear(in_features=3, out_features=2, bias=True))
    """

    cls_to_become = Linear

    def __init__(self, out_features, bias=True, device=None, dtype=None):
        super().__init__(0, 0, False)
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_features = out_features
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self):
        if not self.has_uninitialized_params() and self.in_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input):
        if self.has_uninitialized_params():
            with no_grad():
                self.in_features = input.shape[-1]
                self.weight.materialize((self.out_features, self.in_features))
                if self.bias is not None:
                    self.bias.materialize((self.out_features,))
                self.reset_parameters()
        if self.in_features == 0:
            if input.shape[-1] != self.weight.shape[-1]:
                raise AssertionError(
                    f"The in_features inferred from input: {input.shape[-1]} is not equal to in_features from"
                    f" self.weight: {self.weight.shape[-1]}"
                )
            self.in_features = input.shape[-1]
