"""Activations as modules. Those without state are made from their function: parameters and text follow from it."""

from __future__ import annotations

import inspect

from jtorch.core.ops.arithmetic import activations as activation
from jtorch.core.ops.arithmetic.elementary import sigmoid, tanh
from jtorch.core.ops.make.create import empty
from jtorch.nn.modules.module import Module
from jtorch.nn.parameter import Parameter

_SILENT = ("Hardswish", "Hardsigmoid")  # these show nothing


def _module(name, function, **shown):
    """A module that calls a function with the parameters it was made with.

    `shown` gives each parameter's default and whether it always shows in the text: (default, shown).
    """
    params = [
        inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD),
        *[inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=d) for n, (d, _) in shown.items()],
    ]
    signature = inspect.Signature(params)

    def __init__(self, *args, **kwargs):
        Module.__init__(self)
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        for n in shown:
            setattr(self, n, bound.arguments[n])

    inplace = "inplace" in shown
    constants = [n for n in shown if n != "inplace"]

    def forward(self, input):
        made = function(input, *[getattr(self, n) for n in constants]) if constants else function(input)
        return activation._finish(input, made, True) if inplace and self.inplace else made

    def extra_repr(self):
        text = [f"{n}={getattr(self, n)!r}" for n, (_, show) in shown.items() if show and n != "inplace"]
        if inplace and self.inplace and name not in _SILENT:
            text.append("inplace=True")
        return ", ".join(text)

    __init__.__signature__ = signature
    for method in (__init__, forward, extra_repr):
        method.__qualname__ = f"{name}.{method.__name__}"
    doc = f"{(function.__doc__ or '').splitlines()[0]} See :func:`{function.__name__}`."
    return type(name, (Module,), {
        "__init__": __init__, "forward": forward, "extra_repr": extra_repr, "__doc__": doc, "__module__": __name__,
        "__constants__": list(shown),
    })  # fmt: skip


_INPLACE = (False, True)
ReLU = _module("ReLU", activation.relu, inplace=_INPLACE)
LeakyReLU = _module("LeakyReLU", activation.leaky_relu, negative_slope=(1e-2, True), inplace=_INPLACE)
ELU = _module("ELU", activation.elu, alpha=(1.0, True), inplace=_INPLACE)
SELU = _module("SELU", activation.selu, inplace=_INPLACE)
CELU = _module("CELU", activation.celu, alpha=(1.0, True), inplace=_INPLACE)
GELU = _module("GELU", activation.gelu, approximate=("none", True))
SiLU = _module("SiLU", activation.silu, inplace=_INPLACE)
Mish = _module("Mish", activation.mish, inplace=_INPLACE)
Sigmoid = _module("Sigmoid", sigmoid)
Tanh = _module("Tanh", tanh)
LogSigmoid = _module("LogSigmoid", activation.logsigmoid)
Hardsigmoid = _module("Hardsigmoid", activation.hardsigmoid, inplace=(False, False))
Hardswish = _module("Hardswish", activation.hardswish, inplace=(False, False))
Softsign = _module("Softsign", activation.softsign)
Tanhshrink = _module("Tanhshrink", activation.tanhshrink)
Softplus = _module("Softplus", activation.softplus, beta=(1.0, True), threshold=(20.0, True))


def _valued(name, function, **defaults):
    made = _module(name, function, **{n: (d, True) for n, d in defaults.items()})
    made.extra_repr = lambda self: ", ".join(str(getattr(self, n)) for n in defaults)
    return made


Softshrink = _valued("Softshrink", activation.softshrink, lambd=0.5)
Hardshrink = _valued("Hardshrink", activation.hardshrink, lambd=0.5)


class Threshold(Module):
    """x where x > threshold, else value."""

    __constants__ = ["threshold", "value", "inplace"]

    def __init__(self, threshold, value, inplace=False):
        super().__init__()
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, input):
        return activation._finish(input, activation._threshold(input, self.threshold, self.value), self.inplace)

    def extra_repr(self):
        return f"threshold={self.threshold}, value={self.value}" + (", inplace=True" if self.inplace else "")


class Hardtanh(Module):
    """x clipped to [min_val, max_val]. See :func:`hardtanh`."""

    __constants__ = ["min_val", "max_val", "inplace"]

    def __init__(self, min_val=-1.0, max_val=1.0, inplace=False):
        super().__init__()
        self.min_val = min_val
        self.max_val = max_val
        self.inplace = inplace
        if not self.max_val > self.min_val:
            raise AssertionError(f"max_val ({max_val}) must be greater than min_val ({min_val})")

    def forward(self, input):
        return activation._finish(input, activation.hardtanh(input, self.min_val, self.max_val), self.inplace)

    def extra_repr(self):
        return f"min_val={self.min_val}, max_val={self.max_val}" + (", inplace=True" if self.inplace else "")


class ReLU6(Hardtanh):
    """min(max(x, 0), 6). See :func:`relu6`."""

    def __init__(self, inplace=False):
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self):
        return "inplace=True" if self.inplace else ""


class RReLU(Module):
    """Leaky relu with a random slope in training. See :func:`rrelu`."""

    __constants__ = ["lower", "upper", "inplace"]

    def __init__(self, lower=1.0 / 8, upper=1.0 / 3, inplace=False):
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input):
        return activation.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self):
        return f"lower={self.lower}, upper={self.upper}" + (", inplace=True" if self.inplace else "")


class PReLU(Module):
    """x where x > 0, else weight * x, with learned weights: one, or one per channel."""

    __constants__ = ["num_parameters"]

    def __init__(self, num_parameters=1, init=0.25, device=None, dtype=None):
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(empty(num_parameters, device=device, dtype=dtype).fill_(init))

    def forward(self, input):
        return activation.prelu(input, self.weight)

    def extra_repr(self):
        return f"num_parameters={self.num_parameters}"


class GLU(Module):
    """a * sigmoid(b), with a and b the halves of x along dim."""

    __constants__ = ["dim"]

    def __init__(self, dim=-1):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        return activation.glu(input, self.dim)

    def extra_repr(self):
        return f"dim={self.dim}"


class Softmax(Module):
    """exp(x) / sum(exp(x)) along dim. See :func:`softmax`."""

    __constants__ = ["dim"]

    def __init__(self, dim=None):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        return activation.implicit_softmax("softmax", activation.softmax, input, self.dim)

    def extra_repr(self):
        return f"dim={self.dim}"


class LogSoftmax(Softmax):
    """log(softmax(x)) along dim. See :func:`log_softmax`."""

    def forward(self, input):
        return activation.implicit_softmax("log_softmax", activation.log_softmax, input, self.dim)


class Softmin(Softmax):
    """softmax(-x) along dim."""

    def forward(self, input):
        return activation.implicit_softmax("softmin", activation.softmax, -input, self.dim)


class Softmax2d(Module):
    """softmax over the channels of (N, C, H, W) or (C, H, W)."""

    def forward(self, input):
        if input.dim() not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.dim()}D instead")
        return activation.softmax(input, -3)
