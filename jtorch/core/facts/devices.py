"""Devices by PyTorch's names: "cpu", "cuda:1", "tpu", "meta", and the JAX device behind each.

No JAX backend is started before somebody asks for a device that needs it.
"""

from __future__ import annotations

import re
import threading

import jax

_PLATFORM = {"cpu": "cpu", "cuda": "gpu", "tpu": "tpu", "xla": "tpu"}  # device type -> JAX platform
_KNOWN = (
    "cpu cuda ipu xpu mkldnn opengl opencl ideep hip ve fpga maia xla lazy vulkan mps meta hpu mtia privateuseone tpu"
).split()
_LISTED = ", ".join(_KNOWN[:-1])


class device:
    """A place where tensors live: `torch.device("cuda:0")`, `torch.device("cuda", 1)`, `torch.device(0)`.

    Equal devices are equal objects to `==` and `hash`. `cuda` is JAX's GPU; `tpu` exists too.

    Raises:
        RuntimeError: an unknown device string.

    >>> jtorch.device("cuda:1")
    device(type='cuda', index=1)
    """

    __module__ = "jtorch"
    __slots__ = ("index", "type")

    def __init__(self, type, index=None):
        if isinstance(type, device):
            type, index = type.type, type.index
        elif isinstance(type, int):
            type, index = "cuda", type
        elif isinstance(type, str) and index is None:
            type, index = _parse(type)
        elif not isinstance(type, str):
            kind = type.__class__.__name__
            raise TypeError(
                f"device() received an invalid combination of arguments - got ({kind}), but expected one of:\n"
                " * (torch.device device)\n      didn't match because some of the arguments have invalid types:"
                f" (!{kind}!)\n * (str type, int index = -1)\n"
            )
        elif ":" in type:
            raise RuntimeError(f"type (string) must not include an index because index was passed explicitly: {type}")
        _check_type(type, type)
        object.__setattr__(self, "type", type)
        object.__setattr__(self, "index", index)

    def __setattr__(self, name, value):
        raise AttributeError(f"attribute '{name}' of 'torch.device' objects is not writable")

    def __repr__(self):
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{index})"

    def __str__(self):
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other):
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self):
        return hash((self.type, self.index))

    def __reduce__(self):
        return device, (self.type, self.index) if self.index is not None else (self.type,)

    def __enter__(self):
        _stack().append(place(self))
        return self

    def __exit__(self, *exc):
        _stack().pop()


def _parse(text):
    if not text:
        raise RuntimeError("Device string must not be empty")
    parts = re.fullmatch(r"([A-Za-z_]+)(?::(0|[1-9][0-9]*))?", text)
    if not parts:
        raise RuntimeError(f"Invalid device string: '{text}'")
    return parts[1], None if parts[2] is None else int(parts[2])


def _check_type(type, text):
    if type not in _KNOWN:
        raise RuntimeError(f"Expected one of {_LISTED} device type at start of device string: {text}")


class Place:
    """One real place, interned: the `device` a user sees and the JAX device behind it (None for meta)."""

    __slots__ = ("device", "jax")

    def __init__(self, device, jax_device):
        self.device = device
        self.jax = jax_device


_places: dict[device, Place] = {}


def place(d: device | str | int | None = None) -> Place:
    """The interned `Place` of a device; None is the default device. Raises PyTorch's error where it is absent."""
    if d is None:
        stack = _stack()
        return stack[-1] if stack else CPU
    found = _places.get(d) if d.__class__ is device else None
    if found is None:
        found = _places[d] = _find(device(d)) if d.__class__ is device else place(device(d))
    return found


def _find(d: device) -> Place:
    if d.type == "meta":
        return Place(device("meta"), None)
    if d.type == "cpu":
        # The first CPU device serves every "cpu" of PyTorch, which has only one.
        return CPU
    if d.type == "cuda" and not available("gpu"):
        raise AssertionError("Torch not compiled with CUDA enabled")
    if d.type not in _PLATFORM or not available(_PLATFORM[d.type]):
        raise RuntimeError(f"PyTorch is not linked with support for {d.type} devices")
    devices = jax.local_devices(backend=_PLATFORM[d.type])
    index = current_index(d.type) if d.index is None else d.index
    if index >= len(devices):
        raise RuntimeError("CUDA error: invalid device ordinal")
    if d.index is None:
        return place(device(d.type, index))
    return Place(d, devices[index])


class _Cpu(Place):
    """The host: its JAX device is looked up at the first use, since looking starts a backend."""

    __slots__ = ()

    @property
    def jax(self):
        found = Place.jax.__get__(self)
        if found is None:
            found = jax.local_devices(backend="cpu")[0]
            Place.jax.__set__(self, found)
        return found


def _make_cpu():
    cpu = _Cpu.__new__(_Cpu)
    cpu.device = device("cpu")
    Place.jax.__set__(cpu, None)
    return cpu


CPU = _make_cpu()
_places[CPU.device] = CPU


class _Local(threading.local):
    def __init__(self):
        self.stack = []
        self.index = 0


_local = _Local()
_default: list[Place] = []


def _stack():
    return _local.stack or _default


def set_default_device(d) -> None:
    """New tensors go to this device when none is named; None means the CPU again."""
    _default[:] = [] if d is None else [place(d)]


def current_index(type: str) -> int:
    """The accelerator that a bare "cuda" means in this thread."""
    return _local.index


def set_current_index(index: int) -> None:
    _local.index = index


def available(platform: str) -> bool:
    """Whether JAX has devices of this platform ("gpu", "tpu", "cpu")."""
    try:
        return bool(jax.local_devices(backend=platform))
    except RuntimeError:
        return False


def of_jax(jax_device) -> Place:
    """The place of a JAX device."""
    if jax_device.platform == "cpu":
        return CPU
    kind = "cuda" if jax_device.platform in ("gpu", "cuda", "rocm") else "tpu"
    return place(device(kind, jax.local_devices(backend=_PLATFORM[kind]).index(jax_device)))


def platform() -> str:
    """The JAX platform that a function traced now will run on, for the choice among equal formulations."""
    chosen = jax.config.jax_default_device
    if chosen is None:
        return jax.default_backend()
    return chosen if isinstance(chosen, str) else chosen.platform
