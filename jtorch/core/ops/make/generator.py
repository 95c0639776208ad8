"""Generators of random numbers, their seeds and states.

On the CPU a generator is one of PyTorch's streams (`jtorch.core.streams`). On accelerators, and on the CPU after
`set_streams("jax")`, it is one of JAX's: its state is a value, a (seed, count) pair that each draw replaces by the next.
`jtorch.core.ops.make.random` draws the numbers.
"""

from __future__ import annotations

import contextlib

import numpy as np

from jtorch.core import engine
from jtorch.core.engine import Value
from jtorch.core.facts import devices, dtypes
from jtorch.core.op import function
from jtorch.core.streams import RandomStream
from jtorch.core.tensor import Tensor, known, type_of_array


class Generator:
    """A source of random numbers with a state of its own.

    Args:
        device: "cpu" (PyTorch's streams) or an accelerator (JAX's).

    >>> g = torch.Generator().manual_seed(0)
    >>> torch.rand(2, generator=g)
    tensor([0.4963, 0.7682])
    """

    __module__ = "jtorch"

    def __init__(self, device="cpu"):
        self._place = devices.place(device)
        self.device = devices.device(device)
        self.stream = RandomStream()
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
        if not isinstance(new_state, Tensor):
            raise TypeError(f"expected a torch.ByteTensor, but got {type(new_state).__name__}")
        if new_state.dtype is not dtypes.uint8:
            raise TypeError("RNG state must be a torch.ByteTensor")
        state = np.array(new_state._to_numpy())
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
        """Another generator with the same state."""
        made = Generator(self.device)
        made.stream, made.state = self.stream.clone(), self.state
        return made

    def __reduce__(self):
        return restored_generator, (self.device, self.stream.get_state(), self.drawn())

    def drawn(self) -> int:
        """How many draws JAX's streams have made since the seed."""
        return 0 if self.state is None else int(self.state.read()[1])

    def _starting(self, drawn):
        pair = np.array([self.initial_seed() & 0x7FFFFFFF, drawn], np.int64)
        return engine.move(Value(type_of_array(pair), pair), self._place)

    def move_on(self, call, numbers):
        """Record a draw: `call` computes numbers and the next state from the state. Returns the numbers."""
        with self.stream.lock:
            made, self.state = engine.record(call, (self.state or self._starting(0), *numbers))[1]
        return made

    def __repr__(self):
        return f"<torch._C.Generator object at {hex(id(self))}>"


def restored_generator(device, state, drawn):
    """A generator restored from a pickle."""
    made = Generator(device)
    made.stream.set_state(state)
    made.state = made._starting(drawn) if drawn else None
    return made


restored_generator.__module__ = "jtorch._utils"  # the name in pickles


engine.add_fields(keyed=None)  # the KeyedGenerator that the default generators give way to
default_generator = Generator()
_by_place: dict = {devices.CPU: default_generator}
_streams = {"host": "torch"}


def generator_of(place) -> Generator:
    """The default generator of a device."""
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


@function
def manual_seed(seed) -> Generator:
    """Start the default generators of all devices from this seed. Returns the CPU's.

    >>> _ = torch.manual_seed(0); torch.rand(1)
    tensor([0.4963])
    """
    seed = int(seed)
    for g in _by_place.values():
        g.manual_seed(seed)
    return default_generator


@function
def seed() -> int:
    """Start the default generators from a seed that the system gives, and return it."""
    made = default_generator.seed()
    for g in _by_place.values():
        g.manual_seed(made)
    return made


@function
def initial_seed() -> int:
    """The seed the default generator started from."""
    return default_generator.initial_seed()


@function
def get_rng_state() -> Tensor:
    """The state of the CPU's default generator."""
    return default_generator.get_state()


@function
def set_rng_state(new_state) -> None:
    """Go on from a state that `get_rng_state` gave."""
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(devices=None, enabled=True, _caller="fork_rng", _devices_kw="devices", device_type="cuda"):
    """Restore the random state at the end of a `with` block."""
    if not enabled:
        yield
        return
    kept = states()
    try:
        yield
    finally:
        put_back(kept)


def states() -> dict:
    """The states of all default generators, for `put_back`."""
    return {place: g.clone_state() for place, g in _by_place.items()}


def put_back(states: dict) -> None:
    """Restore the default generators to `states`. One that did not exist then starts from the seed."""
    for place, g in _by_place.items():
        kept = states.get(place)
        if kept is None:
            g.manual_seed(default_generator.initial_seed())
        else:
            g.stream, g.state = kept.stream.clone(), kept.state


def on_host(place, generator=None) -> bool:
    """Whether numbers for this device come from PyTorch's streams, drawn on the host."""
    return place is devices.CPU and _streams["host"] == "torch" and engine.local.keyed is None


def stream_of(place, generator=None) -> RandomStream:
    """The stream that a draw for this device uses. Raises PyTorch's error for a generator of another device."""
    if generator is None:
        return generator_of(place).stream
    if generator._place is not place:
        raise RuntimeError(
            f"Expected a '{place.device.type}' device type for generator but found '{generator.device.type}'"
        )
    return generator.stream
