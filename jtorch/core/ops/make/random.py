"""Random tensors: the only file that owns randomness.

On the CPU the numbers are PyTorch's own: drawn on the host when the line is recorded, by the generator's
`jtorch.core.streams.stream.Stream`, and handed to the program as leaves. On accelerators, and on the CPU after
`set_streams("jax")`, they are JAX's counter-based streams from a (seed, count) pair, a value that each draw moves on, so
that no program holds a key and nothing has to be sent to an accelerator for a draw.
"""

from __future__ import annotations

import contextlib

import jax
import jax.numpy as jnp
import numpy as np

from jtorch.core import engine
from jtorch.core.engine import Call, Value, number, type_of
from jtorch.core.facts import devices, dtypes
from jtorch.core.facts import strides as geometry
from jtorch.core.op import Array, op
from jtorch.core.ops.make.create import _Named, _size
from jtorch.core.streams import Stream, draws
from jtorch.core.streams import rounding as exact
from jtorch.core.tensor import Storage, Tensor, known, store, type_of_array, wrap


class Generator:
    """A source of random numbers with a state of its own.

    Args:
        device: "cpu" (PyTorch's streams) or an accelerator (JAX's).

    >>> g = torch.Generator().manual_seed(0)
    >>> torch.rand(2, generator=g)
    tensor([0.4963, 0.7682])
    """

    def __init__(self, device="cpu"):
        self._place = devices.place(device)
        self.device = devices.device(device)
        self.stream = Stream()
        self.state = None  # a value (seed, draws so far) of JAX's streams; None before the first draw

    def manual_seed(self, seed):
        """Start anew from this seed. Returns self."""
        self.stream.manual_seed(seed)
        self.state = None
        return self

    def seed(self):
        """Start from a seed that the system gives, and return it."""
        self.state = None
        return self.stream.seed()

    def initial_seed(self):
        """The seed that this generator started from."""
        return self.stream.initial_seed()

    def get_state(self):
        """The state as a ByteTensor, for `set_state`: PyTorch's own on the CPU, 16 bytes (seed, draws) on an accelerator."""
        if on_host(self._place):
            return known(self.stream.get_state())
        return known(np.array([self.initial_seed(), self.drawn()], np.uint64).view(np.uint8))

    def set_state(self, new_state):
        """Go on from a state that `get_state` gave. Returns self."""
        if not isinstance(new_state, Tensor) or new_state.dtype is not dtypes.uint8:
            raise TypeError(f"expected a torch.ByteTensor, but got {type(new_state).__name__}")
        state = np.array(new_state._look())
        if on_host(self._place):
            self.stream.set_state(state)
            return self
        if state.size != 16:
            raise RuntimeError("RNG state is wrong size")
        seed, drawn = state.view(np.uint64).tolist()
        self.manual_seed(seed)
        self.state = self._starting(drawn)
        return self

    def clone_state(self):
        """A generator that goes on from the same state by itself."""
        made = Generator(self.device)
        made.stream, made.state = self.stream.clone(), self.state
        return made

    def __reduce__(self):
        return _restored, (self.device, self.stream.get_state(), self.drawn())

    def drawn(self) -> int:
        """How many draws JAX's streams have made since the seed."""
        return 0 if self.state is None else int(self.state.look()[1])

    def _starting(self, drawn):
        pair = np.array([self.initial_seed() & 0x7FFFFFFF, drawn], np.int64)
        return engine.move(Value(type_of_array(pair), pair), self._place)

    def move_on(self, call, numbers):
        """Record a draw: `call` makes numbers of the state, and the next state. Returns the numbers."""
        with self.stream.lock:
            made, self.state = engine.record(call, (self.state or self._starting(0), *numbers))[1]
        return made

    def __repr__(self):
        return f"<torch._C.Generator object at {hex(id(self))}>"


def _restored(device, state, drawn):
    made = Generator(device)
    made.stream.set_state(state)
    made.state = made._starting(drawn) if drawn else None
    return made


default_generator = Generator()
_by_place: dict = {devices.CPU: default_generator}
_streams = {"host": "torch"}


def generator_of(place) -> Generator:
    """The default generator of a place."""
    found = _by_place.get(place)
    if found is None:
        found = _by_place[place] = Generator(place.device).manual_seed(default_generator.initial_seed())
    return found


def set_streams(kind: str) -> None:
    """Where the CPU's random numbers come from: "torch" (PyTorch's own, drawn on the host; the default) or "jax"
    (drawn inside the program, faster)."""
    if kind not in ("torch", "jax"):
        raise ValueError(f'streams are "torch" or "jax", not {kind!r}')
    _streams["host"] = kind


def manual_seed(seed) -> Generator:
    """Start the default generators of all devices from this seed. Returns the CPU's.

    >>> _ = torch.manual_seed(0); torch.rand(1)
    tensor([0.4963])
    """
    seed = int(seed)
    for g in _by_place.values():
        g.manual_seed(seed)
    return default_generator


def seed() -> int:
    """Start the default generators from a seed that the system gives, and return it."""
    made = default_generator.seed()
    for g in _by_place.values():
        g.manual_seed(made)
    return made


def initial_seed() -> int:
    """The seed the default generator started from."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The state of the CPU's default generator."""
    return default_generator.get_state()


def set_rng_state(new_state) -> None:
    """Go on from a state that `get_rng_state` gave."""
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(devices=None, enabled=True, _caller="fork_rng", _devices_kw="devices", device_type="cuda"):
    """Put the random state back at the end of a `with` block."""
    if not enabled:
        yield
        return
    kept = states()
    try:
        yield
    finally:
        put_back(kept)


def states() -> dict:
    """What all generators would draw next, for `put_back`."""
    return {place: g.clone_state() for place, g in _by_place.items()}


def put_back(states: dict) -> None:
    """Let all generators go on from `states`; one that had not drawn by then starts from the seed."""
    for place, g in _by_place.items():
        kept = states.get(place)
        if kept is None:
            g.manual_seed(default_generator.initial_seed())
        else:
            g.stream, g.state = kept.stream.clone(), kept.state


def on_host(place, generator=None) -> bool:
    """Whether numbers for this place are PyTorch's, drawn on the host."""
    return place is devices.CPU and _streams["host"] == "torch"


def stream_of(place, generator=None) -> Stream:
    """The stream a draw for this place takes. Raises PyTorch's error for a generator of another device."""
    if generator is None:
        return generator_of(place).stream
    if generator._place is not place:
        raise RuntimeError(
            f"Expected a '{place.device.type}' device type for generator but found '{generator.device.type}'"
        )
    return generator.stream


# ---- draws: a kind of number, for a type

_JAX = {
    "uniform": lambda key, t, low, high: jax.random.uniform(key, t.shape, _real(t), low, high),
    "normal": lambda key, t, mean, std: jax.random.normal(key, t.shape, t.dtype.np) * std + mean,
    "bernoulli": lambda key, t, p: jax.random.bernoulli(key, p, t.shape).astype(t.dtype.np),
    "exponential": lambda key, t, lambd: jax.random.exponential(key, t.shape, _real(t)) / lambd,
    "geometric": lambda key, t, p: jax.random.geometric(key, p, t.shape).astype(t.dtype.np),
    "cauchy": lambda key, t, median, sigma: jax.random.cauchy(key, t.shape, _real(t)) * sigma + median,
    "log_normal": lambda key, t, mean, std: jnp.exp(jax.random.normal(key, t.shape, _real(t)) * std + mean),
    "random": lambda key, t, low, high: jax.random.randint(key, t.shape, low, high).astype(t.dtype.np),
    "randperm": lambda key, t: jax.random.permutation(key, t.shape[0]).astype(t.dtype.np),
}
_calls: dict = {}


def _real(t):
    return t.dtype.np


def draw(kind, t, generator=None, strides=None, **args) -> Value:
    """One draw of numbers of this kind and type; the numbers in `args` are values."""
    if engine.local.batch is not None:
        return engine.local.batch.draw(lambda t: _draw(kind, t, generator, None, args), t)
    return _draw(kind, t, generator, strides, args)


def _draw(kind, t, generator, strides, args):
    place = t.place
    if place is engine.META:
        return Value(t, None)
    if on_host(place):
        return host_draw(kind, t, generator, strides, args)
    source = generator or generator_of(place)
    if place is not engine.TRACED:
        stream_of(place, generator)  # raises for a generator of another device
    key = (kind, t, tuple(args))
    call = _calls.get(key)
    if call is None:
        names = tuple(args)

        def drawn(state, *numbers):
            key = jax.random.fold_in(jax.random.key(state[0]), state[1] + 1)
            made = _JAX[kind](key, t, **dict(zip(names, numbers, strict=True))).astype(t.dtype.np)
            return made, state + np.array([0, 1])

        call = _calls[key] = Call(drawn, name=kind, strides=lambda types, shapes: [t.strides, None])
    numbers = [number(float(a)) for a in args.values()]
    if place is not engine.TRACED:
        return source.move_on(call, numbers)
    with jax.ensure_compile_time_eval():  # or the generator would keep a tracer of what JAX is tracing
        made = source.move_on(call, numbers)
        source.state.known()
    return made


def host_draw(kind, t, generator, strides, args):
    stream = stream_of(t.place, generator)
    if kind == "randperm":
        array = stream.randperm(t.shape[0], t.dtype.np)
    else:
        array = getattr(stream, kind)(tuple(t.shape), t.dtype.np, strides=strides, **args)
    return Value(t, array)


_MANY = 1024  # normals: for fewer, a call of NumPy's more or less counts as much


def _noise(t, beside, generator=None, strides=None) -> Value:
    """Normals of mean 0 and deviation 1 that are to meet the tensors `beside`.

    Where one of these is promised, we are in the midst of a computation, most often a training step: the words are
    drawn here, but become normals inside the program, which saves 120 calls of NumPy. The bits are the same.
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
        return draw("normal", t, generator, strides, mean=0.0, std=1.0)
    words = stream_of(t.place, generator).normal_words(n)
    call, type = _calls.get(("noise", t)) or _noise_call(t, words)
    return engine.record(call, (Value(type, words),))[1]


def _noise_call(t, words):
    """(the call that makes normals of words, the type of these), for a type of normals."""
    call = Call(lambda words: _normals(words.astype(jnp.uint32), t.shape), name="normal", saves=())
    made = _calls["noise", t] = call, type_of_array(words)
    return made


def _promised(x):
    """Whether a tensor is one that the trace has still to compute."""
    storage = x._storage
    return storage.__class__ is Storage and storage.value.__class__ is Value and storage.value.array is None


def _normals(words, shape):
    z, n = exact.normals32(draws.unit32(words), jnp), shape.numel()
    if n % 16:
        z = jnp.concatenate([z[: n - 16], z[-16:]])
    return z.reshape(shape)


def _fresh(kind, name, size, out, dtype, device, requires_grad, generator, d=None, **args):
    d = dtype or (out.dtype if out is not None else d or dtypes.get_default_dtype())
    place = devices.place(device) if device is not None or generator is None else generator._place
    t = type_of(_size(name, size), d, place)
    made = wrap(draw(kind, t, generator, **args))
    if out is not None:
        return store(out, made, _Named())
    return made.requires_grad_() if requires_grad else made


def rand(*size, generator=None, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """Uniform random numbers in [0, 1)."""
    _check_float("rand", dtype)
    return _fresh("uniform", "rand", size, out, dtype, device, requires_grad, generator, low=0.0, high=1.0)


def _check_float(name, d):
    if d is not None and d.category < dtypes.FLOAT:
        kernel = "check_uniform_bounds" if name == "rand" else "normal_kernel_cpu"
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{d.scalar_name}'")


def randn(*size, generator=None, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """Normal random numbers of mean 0 and deviation 1."""
    _check_float("randn", dtype)
    return _fresh("normal", "randn", size, out, dtype, device, requires_grad, generator, mean=0.0, std=1.0)


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
        RuntimeError: no integer lies between.
    """
    if size is None:
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    return _fresh(
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


def randperm(
    n, *, generator=None, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    """The integers from 0 to n - 1 in random order."""
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(f"randperm(): argument 'n' (position 1) must be int, not {type(n).__name__}")
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    return _fresh("randperm", "randperm", (int(n),), out, dtype, device, requires_grad, generator, dtypes.int64)


def _like(kind, input, dtype, device, requires_grad, memory_format, generator=None, **args):
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
    if device is None:  # "cuda" is another device when the user says so
        _alike[t, dtype, device] = made
    return made


def rand_like(input, *, generator=None, dtype=None, layout=None, device=None, requires_grad=False, memory_format=None):
    """Uniform random numbers in [0, 1), of another tensor's size, dtype and device."""
    _check_float("rand", dtype or input.dtype)
    return _like("uniform", input, dtype, device, requires_grad, memory_format, generator, low=0.0, high=1.0)


def randn_like(input, *, generator=None, dtype=None, layout=None, device=None, requires_grad=False, memory_format=None):
    """Normal random numbers of mean 0 and deviation 1, of another tensor's size, dtype and device."""
    _check_float("randn", dtype or input.dtype)
    return _like("normal", input, dtype, device, requires_grad, memory_format, generator, mean=0.0, std=1.0)


def noise_beside(tensor, shape) -> Tensor:
    """Normals of mean 0 and deviation 1 of this shape, on a tensor's device and in its dtype, to be joined with it."""
    return wrap(_noise(type_of(tuple(shape), tensor.dtype, tensor._type.place), [tensor]))


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
    return _like("random", input, dtype, device, requires_grad, memory_format, generator, low=int(low), high=int(high))


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
    """Normal random numbers: mean and deviation are numbers (with a size) or tensors.

    >>> torch.normal(torch.zeros(3), 1).shape
    torch.Size([3])
    """
    tensors = [x for x in (mean, std) if isinstance(x, Tensor)]
    if tensors:
        node = "NormalBackward" + str(3 if len(tensors) == 2 else 1 if tensors[0] is mean else 2)
        made = _standing_for(_normal_of(mean, std, generator), node, *tensors)
        return made if out is None else store(out, made, _Named())
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
    _check_std(std)
    return _fresh(
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


def _check_std(std):
    if not std >= 0.0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")


def _normal_of(mean, std, generator):
    like = mean if isinstance(mean, Tensor) else std
    if isinstance(std, Tensor) and std._host() is not None and (std._host() < 0).any():
        raise RuntimeError("normal expects all elements of std >= 0.0")
    shape = np.broadcast_shapes(*[tuple(x.shape) for x in (mean, std) if isinstance(x, Tensor)])
    t = type_of(shape, like.dtype, like._type.place)
    if not isinstance(std, Tensor):
        _check_std(std)
        return wrap(draw("normal", t, generator, mean=0.0, std=float(std))) + mean.detach()
    drawn = wrap(_noise(t, [x for x in (mean, std) if isinstance(x, Tensor)], generator))
    return drawn * std.detach() + (mean.detach() if isinstance(mean, Tensor) else mean)


def bernoulli(input, p=None, *, generator=None, out=None):
    """1 with the probability that each element gives (or p), else 0.

    Raises:
        RuntimeError: a probability outside [0, 1].
    """
    made = _bernoulli_of(input, p, generator)
    made = made if p is not None else _standing_for(made, "BernoulliBackward0", input)
    return made if out is None else store(out, made, _Named())


def _bernoulli_of(input, p, generator):
    t = type_of(tuple(input.shape), input.dtype, input._type.place)
    if p is not None:
        strides = geometry.like_strides(tuple(input.shape), input.stride())
        like = type_of(tuple(input.shape), input.dtype, t.place, strides)
        return wrap(draw("bernoulli", like, generator, strides, p=float(p)))
    if on_host(t.place):
        return wrap(host_draw("bernoulli", t, generator, None, {"p": input.detach()._look()}))
    return (rand(tuple(input.shape), dtype=input.dtype, device=input.device) < input.detach()).to(input.dtype)


def multinomial(input, num_samples, replacement=False, *, generator=None, out=None):
    """Indices drawn from each row of (unnormalized) probabilities.

    Shape:
        input (C,) or (N, C) → (num_samples,) or (N, num_samples), int64
    """
    if not on_host(input._type.place):
        raise NotImplementedError("multinomial on accelerators")
    probabilities = input.detach()._look()
    strides = geometry.like_strides(tuple(input.shape), input.stride())
    drawn = stream_of(input._type.place, generator).multinomial(
        probabilities, num_samples, replacement, strides=strides
    )
    made = known(drawn)
    return made if out is None else store(out, made, _Named())


def poisson(input, generator=None):
    """Poisson random numbers whose rates the elements give."""
    if not on_host(input._type.place):
        raise NotImplementedError("poisson on accelerators")
    drawn = stream_of(input._type.place, generator).poisson(input.detach()._look())
    return _standing_for(known(drawn), "PoissonBackward0", input)


# ---- in-place fills (Tensor methods)


def _fill(self, kind, generator, node=None, **args):
    self._writable()
    t = self._type
    strides = None if geometry.is_contiguous(t.shape, t.strides) else t.strides
    drawn = wrap(draw(kind, t, generator, strides, **args))
    named = node or "".join(part.capitalize() for part in kind.split("_")) + "Backward0"
    self._assign(*_standing_for(drawn, named, self)._read())
    return self


def _standing_for(drawn, node, *tensors):
    """Drawn numbers with the node that PyTorch gives them: what they were drawn from gets a gradient of zero."""
    if not (engine.local.grad and any(x.requires_grad for x in tensors)):
        return drawn
    return _replaced(tensors, drawn, node)


@op(method=False, saves=(), grad_fn=lambda types, consts: consts["node"], strides=lambda types, *_: [types[-1].strides])
def _replaced(tensors: list[Array], drawn: Array, node: str) -> Array:
    return drawn


def _uniform_(self, *bounds, generator=None, **named):
    """Fill with uniform random numbers in [from, to)."""
    low, high = (*bounds, *[0, 1][len(bounds) :])
    low, high = named.get("from", low), named.get("to", high)
    _check_float("rand", self.dtype)
    return _fill(self, "uniform", generator, low=float(low), high=float(high))


def _normal_(self, mean=0, std=1, *, generator=None):
    """Fill with normal random numbers."""
    _check_std(std)
    _check_float("randn", self.dtype)
    return _fill(self, "normal", generator, mean=float(mean), std=float(std))


def _random_(self, *bounds, generator=None, **named):
    """Fill with uniform random integers in [from, to), or over the whole range of the dtype."""
    low = named.get("from", bounds[0] if len(bounds) == 2 else 0)
    high = named.get("to", bounds[-1] if bounds else None)
    bare = not bounds and not named
    node = "RandomBackward2" if bare else "RandomBackward1" if len(bounds) == 1 else "RandomBackward0"
    if bare and on_host(self._type.place):
        return _fill(self, "random", generator, node)
    if high is None and not on_host(self._type.place):
        high = 2**31 - 1 if self.dtype.itemsize >= 4 else 2 ** (8 * self.dtype.itemsize - 1)
    return _fill(self, "random", generator, node, low=int(low), high=None if high is None else int(high))


def _bernoulli_(self, p=0.5, *, generator=None):
    """Fill with 1 at probability p (a number or a tensor of probabilities), else 0."""
    if isinstance(p, Tensor):
        self._writable()
        t = self._type
        drawn = host_draw("bernoulli", t, generator, t.strides, {"p": np.broadcast_to(p.detach()._look(), t.shape)})
        self._assign(*_standing_for(wrap(drawn), "BernoulliBackward1", self, p)._read())
        return self
    if not 0 <= p <= 1:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
    return _fill(self, "bernoulli", generator, "BernoulliBackward2", p=float(p))


def _exponential_(self, lambd=1, *, generator=None):
    """Fill with exponential random numbers of rate lambd."""
    return _fill(self, "exponential", generator, lambd=float(lambd))


def _geometric_(self, p, *, generator=None):
    """Fill with the number of trials up to the first success of probability p."""
    return _fill(self, "geometric", generator, p=float(p))


def _cauchy_(self, median=0, sigma=1, *, generator=None):
    """Fill with Cauchy random numbers."""
    return _fill(self, "cauchy", generator, median=float(median), sigma=float(sigma))


def _log_normal_(self, mean=1, std=2, *, generator=None):
    """Fill with numbers whose logarithm is normal."""
    return _fill(self, "log_normal", generator, mean=float(mean), std=float(std))


for _method in (_uniform_, _normal_, _random_, _bernoulli_, _exponential_, _geometric_, _cauchy_, _log_normal_):
    _method.__name__ = _method.__name__[1:]
    setattr(Tensor, _method.__name__, _method)
Tensor.bernoulli = bernoulli
Tensor.multinomial = multinomial
