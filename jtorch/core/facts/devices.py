"""Devices by PyTorch's names: "cpu", "cuda:1", "tpu", "meta", and the JAX device behind each.

A kind of device is one row of `KINDS`: every fact about a kind is a field of its row, and other files ask the row. No JAX
backend is started before somebody asks for a device that needs it.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass

import jax

from jtorch.core.facts import dtypes


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Kind:
    """A kind of device.

    Attributes:
        name: the device's `type`.
        platforms: JAX's names of the platform with such devices; JAX is asked by the first. Empty: jtorch has no such device.
        host: tensors lie in the host's memory, and random numbers may be PyTorch's own.
        shapes_only: tensors have no data.
        listed: PyTorch's error about an unknown device string names it.
        absent: the error where this machine has no such device; None: the usual one.
        has_property: Tensor has a property `is_<name>`.
        has_module: PyTorch has a module `torch.<name>`, which must find a device before a file is loaded to it.
        tensor_types: PyTorch has types such as `torch.cuda.FloatTensor`.
        file_rank: when a checkpoint file's location tag is tried against this kind, lowest first; None: it has no tag.
        unreadable: the error about a checkpoint file with its tag.
        autocast: the dtype that autocast runs matrix products in; None: no autocast. `jtorch.amp.autocast_mode` has the ops.
        autocast_dtypes: the only dtypes that autocast takes there; empty: any.
        autocast_absent, scaler_absent: the warning of autocast and of GradScaler where there is no such device.
        dlpack: DLPack's number for it.
        divides_exactly: a division of float32 numbers rounds correctly.
        tunes_convolutions: a convolution picks the fastest of several formulations by its shape.
        has_tf32: float32 convolutions may run in TF32 (`torch.backends.cudnn.allow_tf32`).
        fuses_attention: cuDNN's attention runs on it.
        collectives: what carries tensors from process to process, by PyTorch's name.
    """

    name: str
    platforms: tuple[str, ...] = ()
    host: bool = False
    shapes_only: bool = False
    listed: bool = True
    absent: Exception | None = None
    has_property: bool = False
    has_module: bool = False
    tensor_types: bool = False
    file_rank: int | None = None
    unreadable: str | None = None
    autocast: dtypes.dtype | None = None
    autocast_dtypes: tuple[dtypes.dtype, ...] = ()
    autocast_absent: str | None = None
    scaler_absent: str | None = None
    dlpack: int | None = None
    divides_exactly: bool = True
    tunes_convolutions: bool = False
    has_tf32: bool = False
    fuses_attention: bool = False
    collectives: str | None = None

    @property
    def prefix(self) -> str:
        """What stands before the name of a tensor type: "cuda." in `torch.cuda.FloatTensor`."""
        return "" if self.host else self.name + "."

    def devices(self) -> list:
        """JAX's devices of this kind."""
        try:
            return jax.local_devices(backend=self.platforms[0]) if self.platforms else []
        except RuntimeError:
            return []

    def available(self) -> bool:
        """Whether this machine has such a device."""
        return bool(self.devices())


# In the order in which PyTorch's error lists them.
_ROWS = [
    Kind(name="cpu", platforms=("cpu",), host=True, has_property=True, tensor_types=True, file_rank=10, dlpack=1,
         autocast=dtypes.bfloat16, autocast_dtypes=(dtypes.bfloat16, dtypes.float16), tunes_convolutions=True, collectives="gloo"),
    Kind(name="cuda", platforms=("gpu", "cuda", "rocm"), has_property=True, has_module=True, tensor_types=True,
         file_rank=20, dlpack=2, divides_exactly=False, has_tf32=True, fuses_attention=True, autocast=dtypes.float16, collectives="nccl",
         absent=AssertionError("Torch not compiled with CUDA enabled"),
         autocast_absent="CUDA is not available or torch_xla is imported. Disabling autocast.",
         scaler_absent="torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling."),
    Kind(name="ipu", autocast=dtypes.float16),
    Kind(name="xpu", has_property=True, has_module=True, file_rank=25, autocast=dtypes.float16),
    Kind(name="mkldnn"),
    Kind(name="opengl"),
    Kind(name="opencl"),
    Kind(name="ideep"),
    Kind(name="hip"),
    Kind(name="ve"),
    Kind(name="fpga"),
    Kind(name="maia", autocast=dtypes.bfloat16),
    Kind(name="xla", platforms=("tpu",), has_property=True, autocast=dtypes.bfloat16),
    Kind(name="lazy"),
    Kind(name="vulkan"),
    Kind(name="mps", has_property=True, file_rank=21, autocast=dtypes.float16,
         unreadable="torch.UntypedStorage(): Storage device not recognized: mps"),
    Kind(name="meta", shapes_only=True, has_property=True, file_rank=22),
    Kind(name="hpu", file_rank=24, autocast=dtypes.bfloat16),
    Kind(name="mtia", file_rank=26, autocast=dtypes.float16),
    Kind(name="privateuseone", file_rank=23, autocast=dtypes.float16),
    Kind(name="tpu", platforms=("tpu",), listed=False, has_module=True, file_rank=27, autocast=dtypes.bfloat16),
]  # fmt: skip
KINDS: dict[str, Kind] = {kind.name: kind for kind in _ROWS}
_LISTED = ", ".join(kind.name for kind in _ROWS if kind.listed)
_OF_PLATFORM = {platform: kind for kind in _ROWS for platform in kind.platforms}  # a later row wins: tpu, not xla
_OTHER = KINDS["tpu"]  # a platform that no row names counts as this kind


class device:
    """A device that holds tensors: `torch.device("cuda:0")`, `torch.device("cuda", 1)`, `torch.device(0)`.

    Equal devices are equal objects to `==` and `hash`. `cuda` is JAX's GPU; `tpu` exists too.

    Raises:
        RuntimeError: an unknown device string.

    >>> jtorch.device("cuda:1")
    device(type='cuda', index=1)
    """

    __module__ = "jtorch"
    __slots__ = ("index", "type")
    type: str
    index: int | None

    def __init__(self, type, index=None):
        if isinstance(type, device):
            type, index = type.type, type.index
        elif isinstance(type, int):
            type, index = "cuda", type
        elif isinstance(type, str) and index is None:
            type, index = _type_and_index(type)
        elif not isinstance(type, str):
            kind = type.__class__.__name__
            raise TypeError(
                f"device() received an invalid combination of arguments - got ({kind}), but expected one of:\n"
                " * (torch.device device)\n      didn't match because some of the arguments have invalid types:"
                f" (!{kind}!)\n * (str type, int index = -1)\n"
            )
        elif ":" in type:
            raise RuntimeError(f"type (string) must not include an index because index was passed explicitly: {type}")
        if index is not None and index < 0:
            raise RuntimeError("Device index must not be negative")
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
        _default_places().append(place(self))
        return self

    def __exit__(self, *exc):
        _default_places().pop()


def _type_and_index(text):
    if not text:
        raise RuntimeError("Device string must not be empty")
    parts = re.fullmatch(r"([A-Za-z_]+)(?::(0|[1-9][0-9]*))?", text)
    if not parts:
        raise RuntimeError(f"Invalid device string: '{text}'")
    return parts[1], None if parts[2] is None else int(parts[2])


def _check_type(type, text):
    if type not in KINDS:
        raise RuntimeError(f"Expected one of {_LISTED} device type at start of device string: {text}")


class Place:
    """One device, interned: the `device` that users see, its kind, and the JAX device (None for meta)."""

    __slots__ = ("device", "jax", "kind")

    def __init__(self, device, jax_device):
        self.device = device
        self.kind = KINDS[device.type]
        self.jax = jax_device


_places: dict[device, Place] = {}


def place(d: device | str | int | None = None) -> Place:
    """The interned `Place` of a device; None means the default device. Raises PyTorch's error if there is no such device."""
    if d is None:
        stack = _local.stack or _default
        return stack[-1] if stack else CPU
    found = _places.get(d) if d.__class__ is device else None
    if found is None:
        found = _places[d] = _find(device(d)) if d.__class__ is device else place(device(d))
    return found


def _find(d: device) -> Place:
    kind = KINDS[d.type]
    if kind.shapes_only:
        return Place(device(d.type), None)
    if kind.host:
        # The first CPU device serves every "cpu" of PyTorch, which has only one.
        return CPU
    devices = kind.devices()
    if not devices:
        raise _absent(kind)
    index = current_index(d.type) if d.index is None else d.index
    if index >= len(devices):
        raise RuntimeError("CUDA error: invalid device ordinal")
    if d.index is None:
        return place(device(d.type, index))
    return Place(d, devices[index])


def _absent(kind):
    if kind.absent is not None:
        return type(kind.absent)(*kind.absent.args)  # a new one: an exception keeps the traceback it was raised with
    return RuntimeError(f"PyTorch is not linked with support for {kind.name} devices")


class _Cpu(Place):
    """The host. Its JAX device is looked up at the first use, because that starts a backend."""

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
    cpu.kind = KINDS["cpu"]
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


def _default_places():
    return _local.stack or _default


def set_default_place(d) -> None:
    """Set the device of new tensors for which none is named; None resets it to the CPU."""
    _default[:] = [] if d is None else [place(d)]


def current_index(type: str) -> int:
    """The index of the device that "cuda" without an index means in this thread."""
    return _local.index


def set_current_index(index: int) -> None:
    _local.index = index


def accelerator() -> Kind | None:
    """The first kind of accelerator that this machine has, or None."""
    return next((kind for kind in _ROWS if not kind.host and kind.available()), None)


def kind_of_jax(jax_device) -> Kind:
    """The kind of a JAX device."""
    return _OF_PLATFORM.get(jax_device.platform, _OTHER)


def of_jax(jax_device) -> Place:
    """The place of a JAX device."""
    kind = kind_of_jax(jax_device)
    return CPU if kind.host else place(device(kind.name, kind.devices().index(jax_device)))


def traced_kind() -> Kind:
    """The kind of device that a function traced now will run on, to choose between formulations of one result."""
    chosen = jax.config.jax_default_device
    if chosen is not None and not isinstance(chosen, str):
        return kind_of_jax(chosen)
    return _OF_PLATFORM.get(jax.default_backend() if chosen is None else chosen, _OTHER)
