"""Random tensors. Only this file calls `jax.random`; the generators are in `jtorch.core.ops.make.generator`.

On the CPU the numbers are PyTorch's own: drawn on the host when the line is recorded, by the generator's
`jtorch.core.streams.stream.RandomStream`, and passed to the program as leaves. On accelerators, and on the CPU after
`set_streams("jax")`, they come from JAX's counter-based generator and a (seed, count) pair, a value that each draw
replaces by the next. So no program holds a key, and a draw sends nothing to the accelerator.
"""

from __future__ import annotations

import contextlib

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jtorch.core import engine
from jtorch.core.engine import Call, Value, lifted_by, number, type_of
from jtorch.core.facts import devices, dtypes
from jtorch.core.facts import strides as geometry
from jtorch.core.op import Array, common_shape, data_check, function, op, store
from jtorch.core.ops.make.create import size_of
from jtorch.core.ops.make.generator import default_generator, generator_of, on_host, stream_of
from jtorch.core.ops.slopes import beta_slope, with_slopes
from jtorch.core.streams import draws
from jtorch.core.streams import rounding as exact
from jtorch.core.tensor import Dual, Storage, Tensor, known, type_of_array, wrap, zeros_of

# ---- draws: a kind of number, for a type

_JAX = {
    "uniform": lambda key, t, low=0.0, high=1.0: jax.random.uniform(key, t.shape, _real_type(t), low, high),
    "normal": lambda key, t, mean=0.0, std=1.0: jax.random.normal(key, t.shape, t.dtype.np) * std + mean,
    "bernoulli": lambda key, t, p: (jax.random.uniform(key, t.shape, np.float32) < p).astype(t.dtype.np),
    "exponential": lambda key, t, lambd: jax.random.exponential(key, t.shape, _real_type(t)) / lambd,
    "geometric": lambda key, t, p: jax.random.geometric(key, p, t.shape).astype(t.dtype.np),
    "cauchy": lambda key, t, median, sigma: jax.random.cauchy(key, t.shape, _real_type(t)) * sigma + median,
    "log_normal": lambda key, t, mean, std: jnp.exp(jax.random.normal(key, t.shape, _real_type(t)) * std + mean),
    "random": lambda key, t, low, high: jax.random.randint(key, t.shape, low, high).astype(t.dtype.np),
    "randperm": lambda key, t: jax.random.permutation(key, t.shape[0]).astype(t.dtype.np),
}
_calls: dict = {}


def _real_type(t):
    return t.dtype.np


class KeyedGenerator:
    """Draws from a key of JAX's, which may be a tracer; without a key any draw is refused."""

    def __init__(self, key):
        self.state = None
        if key is not None:
            with jax.enable_x64(True):
                seed = jax.random.bits(key, dtype="uint32").astype("int64")
                pair = jnp.stack([seed, jnp.zeros_like(seed)])
            self.state = Value(type_of((2,), dtypes.int64, engine.TRACED), pair)

    def move_on(self, call, numbers):
        """As `Generator.move_on`."""
        if self.state is None:
            raise RuntimeError(
                "this module draws random numbers (dropout in training, say), and the pure function was given no key: "
                "call it with rng=jax.random.key(...), or call eval() on the module first"
            )
        made, self.state = engine.record(call, (self.state, *numbers))[1]
        return made


@contextlib.contextmanager
def draws_from(key):
    """Inside, random numbers of the default generators come from this key of JAX's; for None they are refused."""
    before = engine.local.keyed
    engine.local.keyed = KeyedGenerator(key)
    try:
        yield
    finally:
        engine.local.keyed = before


def draw(kind, t, generator=None, strides=None, **args) -> Value:
    """One draw of numbers of this kind and type; the numbers in `args` are values."""
    if engine.local.batch is not None:
        return engine.local.batch.draw(lambda t: _draw(kind, t, generator, None, args), t)
    return _draw(kind, t, generator, strides, args)


def _draw(kind, t, generator, strides, args):
    place = t.place
    if on_host(place):
        return host_draw(kind, t, generator, strides, args)
    if place is engine.META:
        return Value(t, None)
    keyed = None if generator is not None else engine.local.keyed
    source = generator or keyed or generator_of(place)
    if place is not engine.TRACED:
        stream_of(place, generator)  # raises for a generator of another device
    key = (kind, t, tuple(args))
    call = _calls.get(key)
    if call is None:
        names = tuple(args)

        def drawn(state, *numbers):
            key = jax.random.fold_in(jax.random.key(state[0].astype(np.uint32)), state[1] + 1)
            made = _JAX[kind](key, t, **dict(zip(names, numbers, strict=True))).astype(t.dtype.np)
            return made, state + np.array([0, 1])

        call = _calls[key] = Call(drawn, name=kind, strides=lambda types, shapes: [t.strides, None])
    numbers = [number(float(a)) for a in args.values()]
    if place is not engine.TRACED or keyed is not None:
        return source.move_on(call, numbers)
    with jax.core.eval_context():  # otherwise the generator would keep a tracer
        made = source.move_on(call, numbers)
        source.state.materialize()
    return made


def host_draw(kind, t, generator, strides, args):
    stream = default_generator.stream if generator is None else stream_of(t.place, generator)
    if kind == "randperm":
        array = stream.randperm(t.shape[0], t.dtype.np)
    elif not args:
        array = getattr(stream, kind)(tuple(t.shape), t.dtype.np, strides=strides)
    else:
        array = getattr(stream, kind)(tuple(t.shape), t.dtype.np, strides=strides, **args)
    return Value(t, np.asarray(array))


_MANY = 1024  # normals: for fewer, computing them in the program saves nothing


def _noise(t, beside, generator=None, strides=None) -> Value:
    """Standard normal numbers, to be combined with the tensors `beside`.

    Where one of these is promised, a computation is being recorded, most often a training step. Then only random words are
    drawn here, and the program turns them into normals, which saves 120 calls of NumPy. The bits are the same.
    """
    n = t.shape.numel()
    if (
        n < _MANY
        or t.dtype is not dtypes.float32
        or not on_host(t.place)
        or engine.local.batch is not None
        or not (strides is None or geometry.is_contiguous(tuple(t.shape), strides))
        or not any(map(_promised, beside))
    ):
        return draw("normal", t, generator, strides)
    words = stream_of(t.place, generator).normal_words(n)
    call, type = _calls.get(("noise", t)) or _noise_call(t, words)
    return engine.record(call, (Value(type, words),))[1]


def _noise_call(t, words):
    """(the call that turns random words into normals of type t, the type of the words)."""
    call = Call(lambda words: _normals(words.astype(jnp.uint32), t.shape), name="normal", saves=())
    made = _calls["noise", t] = call, type_of_array(words)
    return made


def _promised(x):
    """Whether the trace has yet to compute this tensor."""
    storage = x._storage
    return storage.__class__ is Storage and storage.value.__class__ is Value and storage.value.is_promised


def _normals(words, shape):
    z, n = exact.normals32(draws.unit32(words), jnp), shape.numel()
    if n % 16:
        z = jnp.concatenate([z[: n - 16], z[-16:]])
    return z.reshape(shape)


def _random_tensor(kind, name, size, out, dtype, device, requires_grad, generator, d=None, **args):
    d = dtype or (out.dtype if out is not None else d or dtypes.get_default_dtype())
    place = devices.place(device) if device is not None or generator is None else generator._place
    t = type_of(size_of(name, size), d, place)
    if engine.local.batch is None and on_host(place):
        strides = tuple(out.stride()) if out is not None and out.shape == t.shape else None  # in the order of memory
        made = wrap(host_draw(kind, t, generator, strides, args))
    else:
        made = wrap(draw(kind, t, generator, **args))
    if out is not None:
        return store(out, made, name, rule="full")
    return made.requires_grad_() if requires_grad else made


@function
def rand(*size, generator=None, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """Uniform random numbers in [0, 1)."""
    if dtype is not None:
        check_float("rand", dtype)
    return _random_tensor("uniform", "rand", size, out, dtype, device, requires_grad, generator)


def check_float(name, d):
    if d is not None and d.category < dtypes.FLOAT:
        kernel = "check_uniform_bounds" if name == "rand" else "normal_kernel_cpu"
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{d.scalar_name}'")


@function
def randn(*size, generator=None, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """Standard normal random numbers (mean 0, standard deviation 1)."""
    if dtype is not None:
        check_float("randn", dtype)
    return _random_tensor("normal", "randn", size, out, dtype, device, requires_grad, generator)


@function
def randint(
    low,
    high=None,
    size=None,
    *,
    generator=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """Uniform random integers from low to high - 1: `randint(high, size)` or `randint(low, high, size)`.

    Raises:
        RuntimeError: low is not below high.
    """
    if size is None:
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    return _random_tensor(
        "random",
        "randint",
        (size,),
        out,
        dtype,
        device,
        requires_grad,
        generator,
        dtypes.int64,
        low=int(low),
        high=int(high),
    )


@function
def randperm(
    n, *, generator=None, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    """The integers from 0 to n - 1 in random order."""
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(f"randperm(): argument 'n' (position 1) must be int, not {type(n).__name__}")
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    return _random_tensor("randperm", "randperm", (int(n),), out, dtype, device, requires_grad, generator, dtypes.int64)


def _drawn_like(kind, input, dtype, device, requires_grad, memory_format, generator=None, **args):
    made = _alike.get((input._type, dtype, device)) or _make_alike(input._type, dtype, device)
    if kind == "normal":
        out = wrap(_noise(made, [input], generator, made.strides))
    else:
        out = wrap(draw(kind, made, generator, made.strides, **args))
    return out.requires_grad_() if requires_grad else out


_alike: dict = {}  # (type, dtype, device) -> the type of what is drawn like it


def _make_alike(t, dtype, device):
    shape, place = tuple(t.shape), t.place if device is None else devices.place(device)
    made = type_of(shape, dtype or t.dtype, place, geometry.like_strides(shape, t.strides))
    if device is None:  # what "cuda" means may change, so it is looked up each time
        _alike[t, dtype, device] = made
    return made


@function
def rand_like(input, *, generator=None, dtype=None, layout=None, device=None, requires_grad=False, memory_format=None):
    """Uniform random numbers in [0, 1), of another tensor's size, dtype and device."""
    check_float("rand", dtype or input.dtype)
    return _drawn_like("uniform", input, dtype, device, requires_grad, memory_format, generator)


@function
def randn_like(input, *, generator=None, dtype=None, layout=None, device=None, requires_grad=False, memory_format=None):
    """Standard normal random numbers, of another tensor's size, dtype and device."""
    check_float("randn", dtype or input.dtype)
    return _drawn_like("normal", input, dtype, device, requires_grad, memory_format, generator)


def noise_beside(tensor, shape) -> Tensor:
    """Standard normal numbers of this shape, on a tensor's device and in its dtype, to be combined with it."""
    return wrap(_noise(type_of(tuple(shape), tensor.dtype, tensor._type.place), [tensor]))


@function
def randint_like(
    input,
    low=None,
    high=None,
    *,
    generator=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    memory_format=None,
):
    """Uniform random integers from low to high - 1, of another tensor's size, dtype and device."""
    if high is None:
        low, high = 0, low
    return _drawn_like(
        "random", input, dtype, device, requires_grad, memory_format, generator, low=int(low), high=int(high)
    )


@function
def normal(
    mean=0.0,
    std=1.0,
    size=None,
    *,
    generator=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """Normal random numbers: mean and standard deviation are numbers (with a size) or tensors.

    >>> torch.normal(torch.zeros(3), 1).shape
    torch.Size([3])
    """
    tensors = [x for x in (mean, std) if isinstance(x, Tensor)]
    if tensors:
        node = "NormalBackward" + str(3 if len(tensors) == 2 else 1 if tensors[0] is mean else 2)
        made = standing_for(_normal_of(mean, std, generator, out), node, *tensors)
        return made if out is None else store(out, made, "normal")
    if size is None:
        raise TypeError(
            "normal() received an invalid combination of arguments - got (float, float), but expected one of:\n"
            " * (Tensor mean, Tensor std, *, torch.Generator generator = None, Tensor out = None)\n"
            " * (Tensor mean, float std = 1, *, torch.Generator generator = None, Tensor out = None)\n"
            " * (float mean, Tensor std, *, torch.Generator generator = None, Tensor out = None)\n"
            " * (float mean, float std, tuple of ints size, *, torch.Generator generator = None, Tensor out = None,"
            " torch.dtype dtype = None, torch.layout layout = None, torch.device device = None, bool pin_memory = False,"
            " bool requires_grad = False)\n"
        )
    check_std(std)
    return _random_tensor(
        "normal",
        "normal",
        (tuple(size) if not isinstance(size, int) else (size,),),
        out,
        dtype,
        device,
        requires_grad,
        generator,
        mean=float(mean),
        std=float(std),
    )


def check_std(std):
    if not std >= 0.0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")


def _has_negative(std):
    return (~(std >= 0)).any()


def _normal_of(mean, std, generator, out):
    like = mean if isinstance(mean, Tensor) else std
    if isinstance(std, Tensor):
        data_check(std, _has_negative, RuntimeError("normal expects all elements of std >= 0.0"))
    shapes = [tuple(x.shape) for x in (mean, std) if isinstance(x, Tensor)]
    shape = common_shape(*shapes) if len(shapes) == 2 else shapes[0]
    t = type_of(shape, like.dtype, like._type.place)
    strides = tuple(out.stride()) if out is not None and out.shape == shape else None  # in the order of memory
    if not isinstance(std, Tensor):
        check_std(std)
        if out is not None:  # PyTorch draws into it, and then adds the mean
            common_shape(shape, tuple(out.shape))
            t, strides = type_of(tuple(out.shape), like.dtype, t.place), tuple(out.stride())
        return wrap(draw("normal", t, generator, strides, mean=0.0, std=float(std))) + mean.detach()
    drawn = wrap(_noise(t, [x for x in (mean, std) if isinstance(x, Tensor)], generator, strides))
    return drawn * std.detach() + (mean.detach() if isinstance(mean, Tensor) else mean)


@function
def bernoulli(input, p=None, *, generator=None, out=None):
    """1 with the probability that each element gives (or p), else 0.

    Raises:
        RuntimeError: a probability outside [0, 1].
    """
    made = _bernoulli_of(input, p, generator)
    made = made if p is not None else standing_for(made, "BernoulliBackward0", input)
    return made if out is None else store(out, made, "bernoulli")


def _bernoulli_of(input, p, generator):
    t = type_of(tuple(input.shape), input.dtype, input._type.place)
    if p is not None:
        strides = geometry.like_strides(tuple(input.shape), input.stride())
        like = type_of(tuple(input.shape), input.dtype, t.place, strides)
        return wrap(draw("bernoulli", like, generator, strides, p=float(p)))
    if on_host(t.place):
        return wrap(host_draw("bernoulli", t, generator, None, {"p": input.detach()._to_numpy()}))
    return (rand(tuple(input.shape), dtype=input.dtype, device=input.device) < input.detach()).to(input.dtype)


@function
def multinomial(input, num_samples, replacement=False, *, generator=None, out=None):
    """Indices drawn from each row of (unnormalized) probabilities.

    Shape:
        input (C,) or (N, C) → (num_samples,) or (N, num_samples), int64
    """
    if not on_host(input._type.place):
        raise NotImplementedError("multinomial is not supported on accelerators")
    probabilities = input.detach()._to_numpy()
    strides = geometry.like_strides(tuple(input.shape), input.stride())
    drawn = stream_of(input._type.place, generator).multinomial(
        probabilities, num_samples, replacement, strides=strides
    )
    made = known(drawn)
    return made if out is None else store(out, made, "multinomial")


@function
def poisson(input, generator=None):
    """Poisson random numbers whose rates the elements give."""
    if not on_host(input._type.place):
        raise NotImplementedError("poisson is not supported on accelerators")
    drawn = stream_of(input._type.place, generator).poisson(input.detach()._to_numpy())
    return standing_for(known(drawn), "PoissonBackward0", input)


@function
def binomial(count, prob, generator=None):
    """How many of `count` trials succeed, each with the probability `prob`."""
    if not on_host(count._type.place):
        raise NotImplementedError("binomial is not supported on accelerators")
    drawn = stream_of(count._type.place, generator).binomial(count.detach()._to_numpy(), prob.detach()._to_numpy())
    return standing_for(known(drawn), "BinomialBackward0", count, prob)


def standard_gamma(alpha, generator=None):
    """Gamma numbers of these shapes and scale 1, with the gradient of implicit reparametrisation."""
    if not on_host(alpha._type.place):
        raise NotImplementedError("gamma is not supported on accelerators")
    drawn = known(stream_of(alpha._type.place, generator).standard_gamma(alpha.detach()._to_numpy()))
    return _standard_gamma(alpha, drawn)


@op(name="standard_gamma", undifferentiated=("drawn",), strides="elementwise")
def _standard_gamma(alpha: Array, drawn: Array) -> Array:
    return _drawn_gamma(alpha, drawn)


_drawn_gamma = with_slopes(
    lambda alpha, drawn: drawn,
    lambda alpha, drawn, result: lax.random_gamma_grad(alpha, drawn),
    lambda alpha, drawn, result: jnp.zeros_like(result),
)


def sample_dirichlet(alpha, generator=None):
    """Points of the simplex, along the last dimension, with the gradient of implicit reparametrisation."""
    if not on_host(alpha._type.place):
        raise NotImplementedError("dirichlet is not supported on accelerators")
    drawn = known(stream_of(alpha._type.place, generator).dirichlet(alpha.detach()._to_numpy()))
    return _sample_dirichlet(alpha, drawn)


@op(name="dirichlet", grad_fn="_DirichletBackward", undifferentiated=("drawn",))
def _sample_dirichlet(alpha: Array, drawn: Array) -> Array:
    return _drawn_dirichlet(alpha, drawn)


@jax.custom_jvp
def _drawn_dirichlet(alpha, drawn):
    return drawn


@_drawn_dirichlet.defjvp
def _drawn_dirichlet_jvp(primals, tangents):
    """Each coordinate moves as a beta number does; the others keep their proportions, so that the sum is 1."""
    (alpha, x), (t, _) = primals, tangents
    rest = alpha.sum(-1, keepdims=True) - alpha
    moved = t * beta_slope(x, alpha, rest)
    return x, moved - x * moved.sum(-1, keepdims=True)


def standing_for(drawn, node, *tensors):
    """Drawn numbers behind the node that PyTorch gives them. The tensors that they depend on get a gradient of zero, and the
    tangent of dual tensors is zero."""
    level = lifted_by([x._value for x in tensors])
    if isinstance(level, Dual) and drawn._type.differentiable:
        drawn = level.lift(drawn, zeros_of(drawn))
    if not (engine.local.grad and any(x.requires_grad for x in tensors)):
        return drawn
    return _replaced(tensors, drawn, node)


@op(saves=(), grad_fn=lambda types, consts: consts["node"], strides=lambda types, *_: [types[-1].strides])
def _replaced(tensors: list[Array], drawn: Array, node: str) -> Array:
    return drawn


Tensor.bernoulli = bernoulli
Tensor.multinomial = multinomial
