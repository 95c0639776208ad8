"""Activation functions of `torch.nn.functional`."""

from __future__ import annotations

import inspect
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jtorch.core.facts import dtypes, elementwise_strides, warn_user
from jtorch.core.op import Array, function, functional, kernel, letter, op, with_out
from jtorch.core.ops.make.create import empty_like, zeros_like
from jtorch.core.ops.make.generator import stream_of
from jtorch.core.ops.rules import times
from jtorch.core.ops.slopes import expm1_with_exp
from jtorch.core.tensor import Tensor, cast, known, overwrite, wrap_dim


@op(inplace=True, saves="result", by_result=times(lambda y: y > 0), strides="elementwise", keeps_zero=True)
def relu(input: Array) -> Array:
    """max(x, 0); the gradient at 0 is 0.

    >>> torch.relu(torch.tensor([-1., 0., 2.]))
    tensor([0., 0., 2.])
    """
    if input.dtype == jnp.bool_:
        raise RuntimeError("Boolean inputs not supported for relu")
    if jnp.iscomplexobj(input):
        raise NotImplementedError("clamp is not supported for complex types")
    kernel("clamp_min_scalar_cpu", input, "if")
    return _relu(input)


# A select instead of a maximum, and the mask is computed from the result. With a maximum, XLA would also keep the input,
# to compute it again where the backward pass needs the mask.
@jax.custom_jvp
def _relu(x):
    zero = lax.full_like(x, 0)
    return lax.select(lax.lt(x, zero), zero, x)


@_relu.defjvp
def _relu_jvp(primals, tangents):
    (x,), (change,) = primals, tangents
    y = _relu(x)
    mask = lax.le(y, lax.full_like(y, 0))
    return y, lax.select(mask, lax.full_like(change, 0), change)  # NaN passes the gradient through


@op(method=False, strides="elementwise", grad_fn="HardtanhBackward0")
def relu6(input: Array) -> Array:
    """min(max(x, 0), 6); the gradient is 0 at both ends."""
    return _hardtanh(input, 0.0, 6.0)


def _hardtanh(x, low, high):
    inside = (x > low) & (x < high)
    fixed = jax.lax.stop_gradient(jnp.clip(x, jnp.asarray(low, x.dtype), jnp.asarray(high, x.dtype)))
    return jnp.where(inside | jnp.isnan(x), x, jnp.where(x == low, jax.lax.stop_gradient(x), fixed))  # -0 stays


@op(method=False, strides="elementwise")
def hardtanh(input: Array, min_val: float = -1.0, max_val: float = 1.0) -> Array:
    """x clipped to [min_val, max_val]."""
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    return _hardtanh(input, min_val, max_val)


@op(method=False, strides="elementwise", inplace_grad_fn="LeakyReluBackward1")
def leaky_relu(input: Array, negative_slope: float = 0.01) -> Array:
    """x where x > 0, else negative_slope * x."""
    return jnp.where(input > 0, input, input * jnp.asarray(negative_slope, input.dtype))


@op(method=False, strides="elementwise", inplace_grad_fn="EluBackward1")
def elu(input: Array, alpha: float = 1.0) -> Array:
    """x where x > 0, else alpha * (exp(x) - 1)."""
    low = input <= 0
    return jnp.where(low, alpha * expm1_with_exp(jnp.where(low, input, 0)), input).astype(input.dtype)


@op(inplace=True, strides="elementwise", grad_fn="EluBackward0", inplace_grad_fn="EluBackward1")
def selu(input: Array) -> Array:
    """scale * elu(x, 1.6733), with scale 1.0507: keeps mean 0 and standard deviation 1."""
    alpha, scale = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
    low = input <= 0
    return (scale * jnp.where(low, alpha * expm1_with_exp(jnp.where(low, input, 0)), input)).astype(input.dtype)


@op(inplace=True, strides="elementwise", grad_fn="CeluBackward0", inplace_grad_fn="CeluBackward1")
def celu(input: Array, alpha: float = 1.0) -> Array:
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1))."""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    low = input <= 0
    return jnp.where(low, alpha * expm1_with_exp(jnp.where(low, input, 0) / alpha), input).astype(input.dtype)


@op(method=False, strides="elementwise")
def gelu(input: Array, *, approximate: str = "none") -> Array:
    """x * P(N(0, 1) <= x); approximate="tanh" approximates the probability with tanh."""
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    if approximate == "tanh":
        inner = math.sqrt(2 / math.pi) * (input + 0.044715 * input**3)
        return (0.5 * input * (1 + jnp.tanh(inner))).astype(input.dtype)
    return (0.5 * input * (1 + jax.lax.erf(input * jnp.asarray(math.sqrt(0.5), input.dtype)))).astype(input.dtype)


@op(method=False, strides="elementwise")
def silu(input: Array) -> Array:
    """x * sigmoid(x)."""
    return input * jax.nn.sigmoid(input)


@op(method=False, strides="elementwise")
def mish(input: Array) -> Array:
    """x * tanh(softplus(x))."""
    return input * jnp.tanh(jnp.logaddexp(input, jnp.zeros((), input.dtype)))


@op(method=False, strides="elementwise", autocast={"cuda": "float32"})
def softplus(input: Array, beta: float = 1.0, threshold: float = 20.0) -> Array:
    """log(1 + exp(beta * x)) / beta: a smooth relu; x itself where beta * x > threshold."""
    z = input * jnp.asarray(beta, input.dtype)
    large = z > threshold
    safe = jnp.where(large, 0, z)
    return jnp.where(large, input, jnp.log1p(jnp.exp(safe)) / beta).astype(input.dtype)


@op(method=False, strides="elementwise", grad_fn="LogSigmoidBackward0")
def logsigmoid(input: Array) -> Array:
    """log(sigmoid(x))."""
    return jax.nn.log_sigmoid(input)


@op(method=False, strides="elementwise")
def hardsigmoid(input: Array) -> Array:
    """0 where x <= -3, 1 where x >= 3, x / 6 + 1/2 between."""
    x = input + 3
    inside = (x > 0) & (x < 6)
    return (jnp.where(inside, x, jax.lax.stop_gradient(jnp.clip(x, 0, 6))) / 6).astype(input.dtype)


@op(method=False, strides="elementwise")
def hardswish(input: Array) -> Array:
    """x * hardsigmoid(x)."""
    middle = (input > -3) & (input < 3)
    safe = jnp.where(middle, input, 0)
    low = input * 0  # -0.0, and NaN at -inf, as in PyTorch
    return jnp.where(middle, safe * (safe + 3) / 6, jnp.where(input <= -3, low, input)).astype(input.dtype)


@op(method=False, strides="elementwise", grad_fn="HardshrinkBackward0")
def hardshrink(input: Array, lambd: float = 0.5) -> Array:
    """x where |x| > lambd, else 0."""
    return jnp.where((input >= -lambd) & (input <= lambd), jnp.zeros((), input.dtype), input)


Tensor.hardshrink = hardshrink


@op(method=False, strides="elementwise")
def softshrink(input: Array, lambd: float = 0.5) -> Array:
    """x moved towards 0 by lambd; 0 where |x| <= lambd."""
    kind = dtypes.of(input.dtype)
    most = float(jnp.finfo(input.dtype).max) if letter(input) == "f" else math.inf
    if not 0 <= lambd <= most:
        raise RuntimeError(
            f"lambda must be in range [0, {most:g}] for input dtype {kind.scalar_name}, but found {lambd:g}"
        )
    step = jnp.asarray(lambd, input.dtype)
    within = (input >= -step) & (input <= step)
    return jnp.where(within, jnp.zeros_like(input), jnp.where(input > 0, input - step, input + step))


def _in_floats(x):
    return x if letter(x) in "fc" else x.astype(dtypes.get_default_dtype().np)


@op(method=False, strides="elementwise", grad_fn="SubBackward0", graph={"SubBackward0": "Sub(input, Tanh(input))"})
def tanhshrink(input: Array) -> Array:
    """x - tanh(x)."""
    input = _in_floats(input)
    return input - jnp.tanh(input)


@op(
    method=False,
    strides="elementwise",
    grad_fn="DivBackward0",
    graph={"DivBackward0": "Div(input, Add(Abs(input), -))"},
)
def softsign(input: Array) -> Array:
    """x / (1 + |x|)."""
    input = _in_floats(input)
    return input / (1 + jnp.abs(input))


@op(
    strides="elementwise",
    grad_fn="ThresholdBackward0",
    inplace_grad_fn="ThresholdBackward1",
    behind="threshold",
    name="_threshold",
)
def thresholded(input: Array, threshold: float, value: float) -> Array:
    """x where x > threshold, else value."""
    threshold, value = (jnp.asarray(np.asarray(n), input.dtype) for n in (threshold, value))
    return jnp.where(input <= threshold, value, input)


def _axis(dim, ndim):
    n = max(ndim, 1)
    if not -n <= dim < n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    return dim % n if ndim else None


def _softmax_array(x, dim):
    return jax.nn.softmax(x, axis=_axis(dim, x.ndim)) if x.ndim else jnp.exp(x - x)


def log_softmax_array(x, dim):
    return jax.nn.log_softmax(x, axis=_axis(dim, x.ndim)) if x.ndim else x - x


def _softmax_gradient(grad, y, dim):
    return y * (grad - jnp.sum(grad * y, _axis(dim, y.ndim) if y.ndim else None, keepdims=True))


def _log_softmax_gradient(grad, y, dim):
    return grad - jnp.exp(y) * jnp.sum(grad, _axis(dim, y.ndim) if y.ndim else None, keepdims=True)


def _is_last(dim, x):
    return dim in (-1, x.ndim - 1) or not x.ndim


@op(saves="result", by_result=_softmax_gradient, grad_fn="SoftmaxBackward0", autocast={"cuda": "float32"})
def _softmax(input: Array, dim: int) -> Array:
    """exp(x) / sum(exp(x)) along dim."""
    wrap_dim(dim, input.ndim)
    if not input.size:
        return input
    kernel("softmax_lastdim_kernel_impl" if _is_last(dim, input) else "softmax_kernel_impl", input, "f")
    return _softmax_array(input, dim)


@op(saves="result", by_result=_log_softmax_gradient, grad_fn="LogSoftmaxBackward0", autocast={"cuda": "float32"})
def _log_softmax(input: Array, dim: int) -> Array:
    """log(softmax(x)) along dim, without overflow."""
    wrap_dim(dim, input.ndim)
    if not input.size:
        return input
    kernel("log_softmax_lastdim_kernel_impl" if _is_last(dim, input) else "log_softmax_kernel_impl", input, "f")
    return log_softmax_array(input, dim)


@function
@with_out
@functional
def softmax(input, dim, dtype=None):
    """exp(x) / sum(exp(x)) along dim.

    >>> torch.softmax(torch.tensor([0., 0.]), dim=0)
    tensor([0.5000, 0.5000])
    """
    return softmax_along(input, dim, dtype)


def softmax_along(input, dim, dtype=None):
    """`softmax` for the files that call it: without `out=`."""
    return _softmax(input if dtype is None else cast(input, dtype), dim)


@function
@with_out
@functional
def log_softmax(input, dim, dtype=None):
    """log(softmax(x)) along dim, computed without overflow."""
    return log_softmax_along(input, dim, dtype)


def log_softmax_along(input, dim, dtype=None):
    """`log_softmax` for the files that call it: without `out=`."""
    return _log_softmax(input if dtype is None else cast(input, dtype), dim)


Tensor.softmax = softmax
Tensor.log_softmax = log_softmax


def _as_input(types, shapes, consts):
    return [elementwise_strides(types[0].shape, [(types[0].shape, types[0].strides)])]


@op(
    saves="inputs",
    strides=_as_input,
    grad_fn="PreluKernelBackward0",
    autocast="low",
    graph={"PreluKernelBackward0": "PreluKernel(input, View(weight))"},
)
def prelu(input: Array, weight: Array) -> Array:
    """x where x > 0, else weight * x, with one weight or one per channel."""
    if weight.ndim > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.ndim}")
    if weight.size != 1:
        channels = input.shape[1] if input.ndim > 1 else 1
        if input.ndim == 0:
            raise RuntimeError("Not allow zero-dim input tensor.")
        if weight.size != channels:
            raise RuntimeError(
                "Mismatch of parameter numbers and input channel size. "
                f"Found parameter numbers = {weight.size} and channel size = {channels}."
            )
        weight = weight.reshape((1, -1) + (1,) * (input.ndim - 2)) if input.ndim > 1 else weight
    else:
        weight = weight.reshape(())
    return jnp.where(input > 0, input, weight * input)


@op(grad_fn="GluBackward0")
def _glu(input: Array, dim: int) -> Array:
    """a * sigmoid(b), with a and b the halves of x along dim."""
    if input.ndim == 0:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    dim = _axis(dim, input.ndim)
    if input.shape[dim] % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {dim} is size {input.shape[dim]}")
    a, b = jnp.split(input, 2, axis=dim)
    return a * jax.nn.sigmoid(b)


@functional
def glu(input, dim=-1):
    """a * sigmoid(b), with a and b the halves of x along dim."""
    return _glu(input, dim)


# ---- with random slopes, and in place


def into_input(input, made, inplace):
    if not inplace or made is input:
        return made
    input._writable()
    return overwrite(input, made)


@functional
def rrelu(input, lower=1.0 / 8, upper=1.0 / 3, training=False, inplace=False):
    """Leaky relu: in training each x <= 0 gets a random slope in [lower, upper], outside training the mean slope."""
    if lower > upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    if not training:
        return into_input(input, _rrelu(input, None, (lower + upper) / 2, inplace), inplace)
    noise = stream_of(input._type.place).rrelu_noise(input.detach()._to_numpy(), lower, upper)
    return into_input(input, _rrelu(input, known(np.array(noise, order="C")), 0.0, inplace), inplace)


@op(
    name="rrelu_with_noise",
    strides="elementwise",
    grad_fn=lambda types, consts: "RreluWithNoiseBackward1" if consts["inplace"] else "RreluWithNoiseBackward0",
)
def _rrelu(input: Array, noise: Array | None, slope: float, inplace: bool) -> Array:
    if noise is None:
        return jnp.where(input > 0, input, input * jnp.asarray(slope, input.dtype))
    return (input.astype(noise.dtype) * noise).astype(input.dtype)


@functional
def gumbel_softmax(logits, tau=1, hard=False, eps=1e-10, dim=-1):
    """A sample of the Gumbel-softmax distribution with these logits; with `hard`, one-hot with the soft sample's gradient."""
    gumbels = -empty_like(logits).exponential_().log()
    soft = softmax((logits + gumbels) / tau, dim)
    if not hard:
        return soft
    index = soft.max(dim, keepdim=True)[1]
    one = zeros_like(logits).scatter_(dim, index, 1.0)
    return one - soft.detach() + soft


def implicit_softmax(name, function, input, dim, dtype=None):
    """A softmax without a dim: PyTorch's warning, and the dim that PyTorch chooses."""
    if dim is None:
        warn_user(
            f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument."
        )
        dim = 0 if input.ndim in (0, 1, 3) else 1
    return function(input, dim, dtype)


@functional
def rrelu_(input, lower=1.0 / 8, upper=1.0 / 3, training=False):
    """In-place version of :func:`rrelu`."""
    return rrelu(input, lower, upper, training, True)


# ---- the activations of torch.nn.functional that take `inplace`


def _with_inplace(activation) -> None:
    """Declare the activation with a last parameter `inplace`, and its form `name_` that always writes into its input."""
    name = activation.__name__.strip("_")
    own = [p for p in inspect.signature(activation).parameters.values() if p.name != "out"]
    consts = len(own) - 1

    def chosen(input, *args, inplace=False, **kwargs):
        if len(args) > consts:
            *args, inplace = args
        made = activation(input, *args, **kwargs)
        return into_input(input, made, True) if inplace else made

    def written(input, *args, **kwargs):
        return into_input(input, activation(input, *args, **kwargs), True)

    flag = inspect.Parameter("inplace", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=False)
    chosen.__signature__ = inspect.Signature([*own, flag])
    written.__signature__ = inspect.Signature(own)
    chosen.__doc__ = activation.__doc__
    written.__doc__ = f"In-place version of :func:`{name}`."
    for made, its_name in ((chosen, name), (written, name + "_")):
        made.__name__ = made.__qualname__ = its_name
        functional(made)


for _activation in (
    relu, relu6, leaky_relu, elu, selu, celu, silu, mish, hardtanh, hardsigmoid, hardswish, thresholded
):  # fmt: skip
    _with_inplace(_activation)
