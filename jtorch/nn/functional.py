"""`torch.nn.functional`: the functions of layers, gathered from the files of `jtorch.core.ops` that define them.

What is made here are the forms that PyTorch has in this namespace only: activations with `inplace`, softmaxes whose
dim may be left out, poolings with indices.
"""

from __future__ import annotations

import inspect as _inspect

from jtorch.core.op import explained as _explained
from jtorch.core.ops import publish as _publish
from jtorch.core.ops.arithmetic import activations as _activation
from jtorch.core.ops.arithmetic import elementary as _elementary
from jtorch.core.ops.windows import pool as _pool
from jtorch.core.tensor import Tensor

_publish(
    globals(),
    "arithmetic.activations", "layers.linear", "losses.common", "windows.conv", "windows.pool",
    "layers.normalization", "windows.pad", "matrix.distances", "losses.margin", "losses.likelihood",
    "windows.fold", "windows.resize", "windows.grid", "windows.unpool", "layers.bag", "layers.attention",
    "losses.fused",
)  # fmt: skip


sigmoid, tanh = _elementary.sigmoid, _elementary.tanh


def _with_inplace(name, function):
    """The activation with a last parameter `inplace`, and its form `name_` that always writes into its input."""
    own = list(_inspect.signature(function).parameters.values())
    own = [p for p in own if p.name != "out"]
    consts = len(own) - 1
    finish = _activation.into_input

    def activation(input, *args, inplace=False, **kwargs):
        if len(args) > consts:
            *args, inplace = args
        made = function(input, *args, **kwargs)
        return finish(input, made, True) if inplace else made

    def written(input, *args, **kwargs):
        return finish(input, function(input, *args, **kwargs), True)

    flag = _inspect.Parameter("inplace", _inspect.Parameter.POSITIONAL_OR_KEYWORD, default=False)
    activation.__signature__ = _inspect.Signature([*own, flag])
    written.__signature__ = _inspect.Signature(own)
    activation.__doc__ = function.__doc__
    written.__doc__ = f"In-place version of :func:`{name}`."
    for made, known in ((activation, name), (written, name + "_")):
        made.__name__ = made.__qualname__ = known
        made.__module__ = __name__
    return activation, written


relu, relu_ = _with_inplace("relu", _activation.relu)
relu6, _ = _with_inplace("relu6", _activation.relu6)
leaky_relu, leaky_relu_ = _with_inplace("leaky_relu", _activation.leaky_relu)
elu, elu_ = _with_inplace("elu", _activation.elu)
selu, selu_ = _with_inplace("selu", _activation.selu)
celu, celu_ = _with_inplace("celu", _activation.celu)
silu, _ = _with_inplace("silu", _activation.silu)
mish, _ = _with_inplace("mish", _activation.mish)
hardtanh, hardtanh_ = _with_inplace("hardtanh", _activation.hardtanh)
hardsigmoid, _ = _with_inplace("hardsigmoid", _activation.hardsigmoid)
hardswish, _ = _with_inplace("hardswish", _activation.hardswish)
threshold, threshold_ = _with_inplace("threshold", _activation.thresholded)


def rrelu_(input, lower=1.0 / 8, upper=1.0 / 3, training=False):
    """In-place version of :func:`rrelu`."""
    return _activation.rrelu(input, lower, upper, training, True)


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype=None) -> Tensor:
    """exp(x) / sum(exp(x)) along dim.

    >>> torch.nn.functional.softmax(torch.tensor([0., 0.]), dim=0)
    tensor([0.5000, 0.5000])
    """
    if dim is not None:
        return _activation.softmax(input, dim, dtype)
    return _activation.implicit_softmax("softmax", _activation.softmax, input, dim, dtype, _stacklevel)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype=None) -> Tensor:
    """log(softmax(x)) along dim, computed without overflow."""
    if dim is not None:
        return _activation.log_softmax(input, dim, dtype)
    return _activation.implicit_softmax("log_softmax", _activation.log_softmax, input, dim, dtype, _stacklevel)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype=None) -> Tensor:
    """softmax(-x) along dim."""
    return _activation.implicit_softmax("softmin", _activation.softmax, -input, dim, dtype, _stacklevel)


def _with_indices(name):
    function = getattr(_pool, name)

    def pooled(*args, **kwargs):
        kwargs["return_indices"] = True
        return function(*args, **kwargs)

    pooled.__name__ = pooled.__qualname__ = name + "_with_indices"
    pooled.__doc__ = f"(`{name}`, where the largest numbers were)"
    return pooled


for _name in [f"{_kind}max_pool{_d}d" for _kind in ("", "adaptive_") for _d in (1, 2, 3)]:
    globals()[_name + "_with_indices"] = _with_indices(_name)


def _times(dims):
    """One number as many; several as they are."""
    return lambda value: tuple(value) if isinstance(value, tuple | list) else (value,) * dims


_single, _pair, _triple, _quadruple = (_times(_d) for _d in (1, 2, 3, 4))
__all__ = [_n for _n in globals() if not _n.startswith("_") and _n not in ("annotations", "Tensor")]

for _name, _made in list(globals().items()):
    if callable(_made) and _name[0] != "_" and not isinstance(_made, type):
        globals()[_name] = _explained(_made, _name, "functional", __name__)
