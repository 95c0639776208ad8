"""Activations as modules. Each calls its function with the settings given to its constructor.

PyTorch has MultiheadAttention and the softmaxes in this file, too. Here they are in multihead_attention.py and softmax.py.
"""

from __future__ import annotations

from jtorch.core.ops.arithmetic import activations
from jtorch.core.ops.arithmetic.elementary import sigmoid, tanh
from jtorch.core.ops.make.create import empty
from jtorch.nn.modules.module import Module
from jtorch.nn.modules.multihead_attention import MultiheadAttention
from jtorch.nn.modules.softmax import LogSoftmax, Softmax, Softmax2d, Softmin
from jtorch.nn.parameter import Parameter

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "MultiheadAttention",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
]


class _Inplace(Module):
    """An activation that has no setting but `inplace`."""

    __constants__ = ["inplace"]

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    def extra_repr(self):
        return "inplace=True" if self.inplace else ""


class ReLU(_Inplace):
    """max(x, 0). See :func:`relu`.

    Args:
        inplace: write the result into the input.

    Shape:
        any → the same

    >>> torch.nn.ReLU()(torch.tensor([-1., 2.]))
    tensor([0., 2.])
    """

    def forward(self, input):
        made = activations.relu(input)
        return activations.into_input(input, made, True) if self.inplace else made


class SELU(_Inplace):
    """1.0507 * elu(x, alpha=1.6733), which keeps mean 0 and standard deviation 1. See :func:`selu`.

    Args:
        inplace: write the result into the input.

    Shape:
        any → the same

    >>> torch.nn.SELU()(torch.tensor([-1., 2.]))
    tensor([-1.1113,  2.1014])
    """

    def forward(self, input):
        made = activations.selu(input)
        return activations.into_input(input, made, True) if self.inplace else made


class SiLU(_Inplace):
    """x * sigmoid(x), also called swish. See :func:`silu`.

    Args:
        inplace: write the result into the input.

    Shape:
        any → the same

    >>> torch.nn.SiLU()(torch.tensor([-1., 2.]))
    tensor([-0.2689,  1.7616])
    """

    def forward(self, input):
        made = activations.silu(input)
        return activations.into_input(input, made, True) if self.inplace else made


class Mish(_Inplace):
    """x * tanh(softplus(x)). See :func:`mish`.

    Args:
        inplace: write the result into the input.

    Shape:
        any → the same

    >>> torch.nn.Mish()(torch.tensor([-1., 2.]))
    tensor([-0.3034,  1.9440])
    """

    def forward(self, input):
        made = activations.mish(input)
        return activations.into_input(input, made, True) if self.inplace else made


class Hardsigmoid(_Inplace):
    """0 where x <= -3, 1 where x >= 3, x / 6 + 1/2 between. See :func:`hardsigmoid`.

    Args:
        inplace: write the result into the input.

    Shape:
        any → the same

    >>> torch.nn.Hardsigmoid()(torch.tensor([-4., 0., 1.5]))
    tensor([0.0000, 0.5000, 0.7500])
    """

    def forward(self, input):
        made = activations.hardsigmoid(input)
        return activations.into_input(input, made, True) if self.inplace else made

    extra_repr = Module.extra_repr


class Hardswish(_Inplace):
    """x * hardsigmoid(x). See :func:`hardswish`.

    Args:
        inplace: write the result into the input.

    Shape:
        any → the same

    >>> torch.nn.Hardswish()(torch.tensor([-4., 0., 1.5]))
    tensor([-0.0000, 0.0000, 1.1250])
    """

    def forward(self, input):
        made = activations.hardswish(input)
        return activations.into_input(input, made, True) if self.inplace else made

    extra_repr = Module.extra_repr


class _InplaceAlpha(Module):
    """An activation with `alpha` and `inplace`."""

    __constants__ = ["alpha", "inplace"]

    def __init__(self, alpha=1.0, inplace=False):
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def extra_repr(self):
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class ELU(_InplaceAlpha):
    """x where x > 0, else alpha * (exp(x) - 1). See :func:`elu`.

    Args:
        alpha: minus the limit of the result for small x.
        inplace: write the result into the input.

    Shape:
        any → the same

    >>> torch.nn.ELU()(torch.tensor([-1., 2.]))
    tensor([-0.6321,  2.0000])
    """

    def forward(self, input):
        made = activations.elu(input, self.alpha)
        return activations.into_input(input, made, True) if self.inplace else made


class CELU(_InplaceAlpha):
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1)). See :func:`celu`.

    Args:
        alpha: minus the limit of the result for small x. The slope at 0 is 1 for every alpha.
        inplace: write the result into the input.

    Shape:
        any → the same

    >>> torch.nn.CELU(alpha=2.0)(torch.tensor([-1., 2.]))
    tensor([-0.7869,  2.0000])
    """

    def forward(self, input):
        made = activations.celu(input, self.alpha)
        return activations.into_input(input, made, True) if self.inplace else made


class LeakyReLU(Module):
    """x where x > 0, else negative_slope * x. See :func:`leaky_relu`.

    Args:
        negative_slope: the slope below 0.
        inplace: write the result into the input.

    Shape:
        any → the same

    >>> torch.nn.LeakyReLU()(torch.tensor([-1., 2.]))
    tensor([-0.0100,  2.0000])
    """

    __constants__ = ["negative_slope", "inplace"]

    def __init__(self, negative_slope=1e-2, inplace=False):
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input):
        made = activations.leaky_relu(input, self.negative_slope)
        return activations.into_input(input, made, True) if self.inplace else made

    def extra_repr(self):
        return f"negative_slope={self.negative_slope}" + (", inplace=True" if self.inplace else "")


class GELU(Module):
    """x * P(N(0, 1) <= x). See :func:`gelu`.

    Args:
        approximate: "none", or "tanh": a formula with tanh, which differs by less than 0.001.

    Shape:
        any → the same

    >>> torch.nn.GELU()(torch.tensor([-1., 2.]))
    tensor([-0.1587,  1.9545])
    """

    __constants__ = ["approximate"]

    def __init__(self, approximate="none"):
        super().__init__()
        self.approximate = approximate

    def forward(self, input):
        return activations.gelu(input, approximate=self.approximate)

    def extra_repr(self):
        return f"approximate={self.approximate!r}"


class Sigmoid(Module):
    """1 / (1 + exp(-x)). See :func:`sigmoid`.

    Shape:
        any → the same

    >>> torch.nn.Sigmoid()(torch.tensor([0., 2.]))
    tensor([0.5000, 0.8808])
    """

    def forward(self, input):
        return sigmoid(input)


class Tanh(Module):
    """tanh(x). See :func:`tanh`.

    Shape:
        any → the same

    >>> torch.nn.Tanh()(torch.tensor([0., 2.]))
    tensor([0.0000, 0.9640])
    """

    def forward(self, input):
        return tanh(input)


class LogSigmoid(Module):
    """log(sigmoid(x)). See :func:`logsigmoid`.

    Shape:
        any → the same

    >>> torch.nn.LogSigmoid()(torch.tensor([0., 2.]))
    tensor([-0.6931, -0.1269])
    """

    def forward(self, input):
        return activations.logsigmoid(input)


class Softsign(Module):
    """x / (1 + |x|). See :func:`softsign`.

    Shape:
        any → the same

    >>> torch.nn.Softsign()(torch.tensor([-1., 3.]))
    tensor([-0.5000,  0.7500])
    """

    def forward(self, input):
        return activations.softsign(input)


class Tanhshrink(Module):
    """x - tanh(x). See :func:`tanhshrink`.

    Shape:
        any → the same

    >>> torch.nn.Tanhshrink()(torch.tensor([0., 2.]))
    tensor([0.0000, 1.0360])
    """

    def forward(self, input):
        return activations.tanhshrink(input)


class Softplus(Module):
    """log(1 + exp(beta * x)) / beta; x itself where beta * x > threshold. See :func:`softplus`.

    Args:
        beta: a larger beta is closer to `ReLU`.
        threshold: above it the result is x, which differs by less than the rounding of float32.

    Shape:
        any → the same

    >>> torch.nn.Softplus()(torch.tensor([0., 30.]))
    tensor([ 0.6931, 30.0000])
    """

    __constants__ = ["beta", "threshold"]

    def __init__(self, beta=1.0, threshold=20.0):
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input):
        return activations.softplus(input, self.beta, self.threshold)

    def extra_repr(self):
        return f"beta={self.beta}, threshold={self.threshold}"


class Hardshrink(Module):
    """x where |x| > lambd, else 0. See :func:`hardshrink`.

    Args:
        lambd: the threshold.

    Shape:
        any → the same

    >>> torch.nn.Hardshrink()(torch.tensor([-2., 0.3]))
    tensor([-2.,  0.])
    """

    __constants__ = ["lambd"]

    def __init__(self, lambd=0.5):
        super().__init__()
        self.lambd = lambd

    def forward(self, input):
        return activations.hardshrink(input, self.lambd)

    def extra_repr(self):
        return str(self.lambd)


class Softshrink(Module):
    """x - lambd where x > lambd, x + lambd where x < -lambd, else 0. See :func:`softshrink`.

    Args:
        lambd: the threshold, not negative.

    Shape:
        any → the same

    >>> torch.nn.Softshrink()(torch.tensor([-2., 0.3]))
    tensor([-1.5000,  0.0000])
    """

    __constants__ = ["lambd"]

    def __init__(self, lambd=0.5):
        super().__init__()
        self.lambd = lambd

    def forward(self, input):
        return activations.softshrink(input, self.lambd)

    def extra_repr(self):
        return str(self.lambd)


class Threshold(Module):
    """x where x > threshold, else value.

    Args:
        threshold: the threshold.
        value: what replaces the numbers up to it.
        inplace: write the result into the input.

    Shape:
        any → the same

    >>> torch.nn.Threshold(0.5, 9.0)(torch.tensor([0.5, 2.]))
    tensor([9., 2.])
    """

    __constants__ = ["threshold", "value", "inplace"]

    def __init__(self, threshold, value, inplace=False):
        super().__init__()
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, input):
        return activations.into_input(input, activations.thresholded(input, self.threshold, self.value), self.inplace)

    def extra_repr(self):
        return f"threshold={self.threshold}, value={self.value}" + (", inplace=True" if self.inplace else "")


class Hardtanh(Module):
    """x clipped to [min_val, max_val]. See :func:`hardtanh`.

    Args:
        min_val, max_val: the smallest and the largest result.
        inplace: write the result into the input.

    Shape:
        any → the same

    Raises:
        AssertionError: max_val is not above min_val.

    >>> torch.nn.Hardtanh()(torch.tensor([-3., 0.5]))
    tensor([-1.0000,  0.5000])
    """

    __constants__ = ["min_val", "max_val", "inplace"]

    def __init__(self, min_val=-1.0, max_val=1.0, inplace=False):
        super().__init__()
        self.min_val = min_val
        self.max_val = max_val
        self.inplace = inplace
        if not self.max_val > self.min_val:
            raise AssertionError(f"max_val ({max_val}) must be greater than min_val ({min_val})")

    def forward(self, input):
        return activations.into_input(input, activations.hardtanh(input, self.min_val, self.max_val), self.inplace)

    def extra_repr(self):
        return f"min_val={self.min_val}, max_val={self.max_val}" + (", inplace=True" if self.inplace else "")


class ReLU6(Hardtanh):
    """min(max(x, 0), 6). See :func:`relu6`.

    Args:
        inplace: write the result into the input.

    Shape:
        any → the same

    >>> torch.nn.ReLU6()(torch.tensor([-1., 7.]))
    tensor([0., 6.])
    """

    def __init__(self, inplace=False):
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self):
        return "inplace=True" if self.inplace else ""


class RReLU(Module):
    """x where x > 0, else a * x, with a random slope a for each element in training. See :func:`rrelu`.

    Args:
        lower, upper: the slopes are uniform between them; in evaluation each is (lower + upper) / 2.
        inplace: write the result into the input.

    Shape:
        any → the same

    >>> torch.nn.RReLU(0.1, 0.3).eval()(torch.tensor([-1., 2.]))
    tensor([-0.2000,  2.0000])
    """

    __constants__ = ["lower", "upper", "inplace"]

    def __init__(self, lower=1.0 / 8, upper=1.0 / 3, inplace=False):
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input):
        return activations.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self):
        return f"lower={self.lower}, upper={self.upper}" + (", inplace=True" if self.inplace else "")


class PReLU(Module):
    """x where x > 0, else weight * x, with a learned weight. See :func:`prelu`.

    Args:
        num_parameters: 1, or the number of channels: one weight for each.
        init: the first value of the weights.
        device, dtype: of the weight; None: the defaults.

    Shape:
        (N, C, *) → the same; with one weight any shape

    >>> torch.nn.PReLU()(torch.tensor([-1., 2.])).detach()
    tensor([-0.2500,  2.0000])
    """

    __constants__ = ["num_parameters"]

    def __init__(self, num_parameters=1, init=0.25, device=None, dtype=None):
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(empty(num_parameters, device=device, dtype=dtype).fill_(init))

    def forward(self, input):
        return activations.prelu(input, self.weight)

    def extra_repr(self):
        return f"num_parameters={self.num_parameters}"


class GLU(Module):
    """a * sigmoid(b), with a and b the halves of x along dim. See :func:`glu`.

    Args:
        dim: the dimension to halve; its size must be even.

    Shape:
        (*, 2n, *) → (*, n, *)

    >>> torch.nn.GLU()(torch.tensor([3., 0.]))
    tensor([1.5000])
    """

    __constants__ = ["dim"]

    def __init__(self, dim=-1):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        return activations.glu(input, self.dim)

    def extra_repr(self):
        return f"dim={self.dim}"
