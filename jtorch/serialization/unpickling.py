"""Reading pickles that contain PyTorch's names: in full, or restricted to what weights need.

The restricted reader executes a small part of pickle's instructions and calls only functions from a list. Nothing in a
file can make it import or run anything else. Its error messages are PyTorch's.
"""

from __future__ import annotations

import pickle
import pickletools
import re
import struct
import warnings
from _codecs import encode
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import Counter, OrderedDict
from functools import cache

from jtorch.core.facts import ALL, NAMED
from jtorch.core.tensor import Tensor
from jtorch.nn.parameter import Parameter
from jtorch.serialization import global_names

_BLOCKED = ("sys", "os", "posix", "nt")  # never allowed, whatever the user says is safe
UNSAFE = (
    "In PyTorch 2.6, we changed the default value of the `weights_only` argument in `torch.load` from `False` to `True`. "
    "Re-running `torch.load` with `weights_only` set to `False` will likely succeed, but it can result in arbitrary code execution. "
    "Do it only if you got the file from a trusted source."
)
_DOCS = (
    "\n\nCheck the documentation of torch.load to learn more about types accepted by default with weights_only "
    "https://pytorch.org/docs/stable/generated/torch.load.html."
)
_DTENSOR = (
    "torch.distributed.device_mesh.DeviceMesh",
    "torch.distributed.tensor._dtensor_spec.DTensorSpec",
    "torch.distributed.tensor._dtensor_spec.TensorMeta",
    "torch.distributed.tensor.DTensor",
    "torch.distributed.tensor.placement_types.Partial",
    "torch.distributed.tensor.placement_types.Replicate",
    "torch.distributed.tensor.placement_types.Shard",
)
_NESTED = (
    "torch.nested._internal.nested_tensor.NestedTensor",
    "torch.nested._internal.nested_tensor._rebuild_njt",
    "torch._dynamo.decorators._DimRange",
)


# ---- in full


def full_unpickler(module, persistent_load):
    """The unpickler of a `pickle_module`, changed to read PyTorch's names as jtorch's objects."""

    class FullUnpickler(module.Unpickler):
        def find_class(self, module_name, name):
            if global_names.is_torch_module(module_name):
                if "." in name and not self._follows_dots():
                    raise AttributeError(f"Can't get attribute '{name}' on <module '{module_name}'>")
                return global_names.find(module_name, name)
            return super().find_class(module_name, name)

        def _follows_dots(self):
            """Whether `a.b` means b of a: from protocol 4 on. The unpickler knows the protocol, but does not tell it."""
            try:
                super().find_class(__name__, "Unpickler.load")
            except AttributeError:
                return False
            return True

        def persistent_load(self, saved_id):
            return persistent_load(saved_id)

    return FullUnpickler


# ---- what is safe

_safe: set = set()


def add_safe_globals(safe_globals: list) -> None:
    """Let `load(weights_only=True)` use these classes and functions from now on.

    Args:
        safe_globals: functions, classes, or pairs (function or class, the full path a file names it by).
    """
    global _safe
    _safe = _safe | set(safe_globals)


def get_safe_globals() -> list:
    """What `add_safe_globals` and `safe_globals` allowed so far."""
    return list(_safe)


def clear_safe_globals() -> None:
    """Allow nothing beyond the defaults again."""
    global _safe
    _safe = set()


class safe_globals:
    """Context in which `load(weights_only=True)` may use these as well; see `add_safe_globals`."""

    def __init__(self, safe_globals: list):
        self.safe_globals = safe_globals

    def __enter__(self):
        add_safe_globals(self.safe_globals)

    def __exit__(self, *exc):
        global _safe
        _safe = _safe - set(self.safe_globals)


def _user_allowed():
    return {path: f for entry in _safe for path, f in _paths(entry)}


def _paths(entry):
    if not isinstance(entry, tuple):
        known = global_names.torch_name(entry)  # files have PyTorch's names for jtorch's classes
        own = (entry.__module__, entry.__qualname__)
        return [(".".join(path), entry) for path in {known or own, own}]
    if len(entry) != 2:
        raise ValueError(
            f"Expected tuple of length 2 (global, str of callable full path), but got tuple of length: {len(entry)}"
        )
    if type(entry[1]) is not str:
        raise TypeError(f"Expected second item in tuple to be str of callable full path, but got: {type(entry[1])}")
    return [(entry[1], entry[0])]


def safe_paths() -> set[str]:
    """The paths of all that a file of weights may name now."""
    return {*allowed(), *_user_allowed()}


_ALLOWED_CLASSES = "Size Tensor device".split()
_ALLOWED_FUNCTIONS = (
    "_rebuild_parameter _rebuild_parameter_with_state _rebuild_qtensor _rebuild_tensor _rebuild_tensor_v2 _rebuild_tensor_v3 "
    "_rebuild_sparse_tensor _rebuild_meta_tensor_no_storage _rebuild_nested_tensor _rebuild_wrapper_subclass "
    "_rebuild_device_tensor_from_numpy _rebuild_device_tensor_from_cpu_tensor"
).split()


@cache
def allowed() -> dict[str, object]:
    """Path in a file -> object, for all that weights need."""
    table = {
        "collections.OrderedDict": OrderedDict,
        "collections.Counter": Counter,
        "_codecs.encode": encode,
        "builtins.bytearray": bytearray,
        "builtins.set": set,
        "builtins.complex": complex,
        "torch.nn.parameter.Parameter": Parameter,
        "torch.serialization._get_layout": global_names.find("torch.serialization", "_get_layout"),
        "torch._tensor._rebuild_from_type_v2": global_names.find("torch._tensor", "_rebuild_from_type_v2"),
        "torch.storage.TypedStorage": global_names.Missing("torch.storage.TypedStorage"),
        "torch.storage.UntypedStorage": global_names.UntypedStorageType,
    }
    table |= {f"torch.{name}": global_names.find("torch", name) for name in _ALLOWED_CLASSES}
    table |= {f"torch._utils.{name}": global_names.find("torch._utils", name) for name in _ALLOWED_FUNCTIONS}
    table |= {f"torch.{d.name}": d for d in (*ALL, *NAMED.values())}
    return table | global_names.plain_globals()


# ---- restricted


class Unpickler:  # PyTorch's errors show this name
    """A reader of pickles that makes only tensors, containers, numbers, strings, and what the user allowed.

    Raises:
        pickle.UnpicklingError: an instruction, class or function that is not allowed.
    """

    def __init__(self, file, *, encoding="bytes", persistent_load=None):
        self.read = file.read
        self.readline = file.readline
        self.encoding = encoding
        self.persistent_load = persistent_load or _no_storages
        self.memo = {}
        self.stack = []
        self.marks = []  # the stacks below the marks

    def load(self):
        """Read one pickle."""
        self.stack, self.marks = [], []
        while True:
            key = self.read(1)
            if not key:
                raise EOFError
            if key == pickle.STOP:
                return self.stack.pop()
            step = _STEPS.get(key)
            if step is None:
                raise pickle.UnpicklingError(f"Unsupported operand {key[0]}")
            step(self)

    def push(self, item):
        self.stack.append(item)

    def number(self, layout, size):
        return struct.unpack(layout, self.read(size))[0]

    def pop_mark(self):
        items = self.stack
        self.stack = self.marks.pop()
        return items


def _no_storages(saved_id):
    raise pickle.UnpicklingError("unsupported persistent id encountered")


_STEPS = {}  # opcode -> function of the unpickler


def _on(*opcodes):
    def register(function):
        _STEPS.update(dict.fromkeys(opcodes, function))
        return function

    return register


for _opcode, _make in {
    pickle.NONE: lambda u: None,
    pickle.NEWTRUE: lambda u: True,
    pickle.NEWFALSE: lambda u: False,
    pickle.EMPTY_TUPLE: lambda u: (),
    pickle.EMPTY_LIST: lambda u: [],
    pickle.EMPTY_DICT: lambda u: {},
    pickle.EMPTY_SET: lambda u: set(),
    pickle.BININT: lambda u: u.number("<i", 4),
    pickle.BININT1: lambda u: u.number("<B", 1),
    pickle.BININT2: lambda u: u.number("<H", 2),
    pickle.BINFLOAT: lambda u: u.number(">d", 8),
    pickle.LONG1: lambda u: pickle.decode_long(u.read(u.number("<B", 1))),
    pickle.BINUNICODE: lambda u: str(u.read(u.number("<I", 4)), "utf-8", "surrogatepass"),
    pickle.BINGET: lambda u: u.memo[u.number("<B", 1)],
    pickle.LONG_BINGET: lambda u: u.memo[u.number("<I", 4)],
    pickle.TUPLE: lambda u: tuple(u.pop_mark()),
}.items():
    _STEPS[_opcode] = lambda u, make=_make: u.push(make(u))


@_on(pickle.PROTO)
def _protocol(u):
    found = u.number("<B", 1)
    if found != 2:
        warnings.warn(
            f"Detected pickle protocol {found} in the checkpoint, which was not the default pickle protocol used by `torch.load` (2). "
            "The weights_only Unpickler might not support all instructions implemented by this protocol, please file an issue for "
            "adding support if you encounter this.",
            stacklevel=2,
        )


@_on(pickle.SHORT_BINSTRING)
def _string(u):
    data = u.read(u.number("<B", 1))
    u.push(data if u.encoding == "bytes" else data.decode(u.encoding))


@_on(pickle.MARK)
def _mark(u):
    u.marks.append(u.stack)
    u.stack = []


@_on(pickle.TUPLE1)
def _tuple1(u):
    u.stack[-1] = (u.stack[-1],)


@_on(pickle.TUPLE2)
def _tuple2(u):
    u.stack[-2:] = [(u.stack[-2], u.stack[-1])]


@_on(pickle.TUPLE3)
def _tuple3(u):
    u.stack[-3:] = [(u.stack[-3], u.stack[-2], u.stack[-1])]


@_on(pickle.BINPUT)
def _memoize(u):
    u.memo[u.number("<B", 1)] = u.stack[-1]


@_on(pickle.LONG_BINPUT)
def _long_put(u):
    u.memo[u.number("<I", 4)] = u.stack[-1]


@_on(pickle.APPEND)
def _append(u):
    item = u.stack.pop()
    _list_to(u, "append to").append(item)


@_on(pickle.APPENDS)
def _appends(u):
    items = u.pop_mark()
    _list_to(u, "extend").extend(items)


def _list_to(u, do):
    target = u.stack[-1]
    if type(target) is not list:
        raise pickle.UnpicklingError(f"Can only {do} lists, but got {type(target)}")
    return target


@_on(pickle.SETITEM)
def _set_item(u):
    value, key = u.stack.pop(), u.stack.pop()
    _dict_to(u, "SETITEM")[key] = value


@_on(pickle.SETITEMS)
def _set_items(u):
    items = u.pop_mark()
    target = _dict_to(u, "SETITEMS")
    for i in range(0, len(items), 2):
        target[items[i]] = items[i + 1]


def _dict_to(u, do):
    target = u.stack[-1]
    if type(target) not in (dict, OrderedDict, Counter):
        raise pickle.UnpicklingError(
            f"Can only {do} for dict, collections.OrderedDict, collections.Counter, but got {type(target)}"
        )
    return target


@_on(pickle.GLOBAL)
def _global(u):
    module, name = _modern(u.readline()[:-1].decode(), u.readline()[:-1].decode())
    path = f"{module}.{name}"
    if module in _BLOCKED:
        raise pickle.UnpicklingError(f"Trying to load unsupported GLOBAL {path} whose module {module} is blocked.")
    if path in allowed():
        return u.push(allowed()[path])
    user = _user_allowed()
    if path in user:
        return u.push(user[path])
    if path in _NESTED:
        raise pickle.UnpicklingError(
            "``torch.nested`` and ``torch._dynamo`` must be imported to load nested jagged tensors (NJTs)"
        )
    if path in _DTENSOR:
        raise pickle.UnpicklingError("``torch.distributed.tensor`` must be imported to load DTensors")
    short = path.removeprefix("builtins.")
    raise pickle.UnpicklingError(
        f"Unsupported global: GLOBAL {short} was not an allowed global by default. Please use "
        f"`torch.serialization.add_safe_globals([{short}])` or the `torch.serialization.safe_globals([{short}])` context manager to "
        "allowlist this global if you trust this class/function."
    )


def _modern(module, name):
    """The Python 3 name of something that protocol 2 writes with its Python 2 name."""
    return NAME_MAPPING.get((module, name)) or (IMPORT_MAPPING.get(module, module), name)


@cache
def _allowed_ids():
    return {id(thing) for thing in allowed().values()}


def _is_allowed(thing):
    return id(thing) in _allowed_ids() or any(thing is known for known in _user_allowed().values())


@_on(pickle.REDUCE)
def _call_function(u):
    args, function = u.stack.pop(), u.stack[-1]
    if not _is_allowed(function):
        message = f"Trying to call reduce for unrecognized function {function}"
        if hasattr(function, "__self__"):
            message += f" which belongs to {function.__self__}"
        raise pickle.UnpicklingError(message)
    u.stack[-1] = function(*args)


@_on(pickle.NEWOBJ)
def _new_object(u):
    args, cls = u.stack.pop(), u.stack.pop()
    if not _is_allowed(cls):
        raise pickle.UnpicklingError(
            f"Can only create new object for nn.Parameter or classes allowlisted via `add_safe_globals` but got {cls}"
        )
    u.push(cls.__new__(cls, *args))


@_on(pickle.BUILD)
def _build_object(u):
    state, made = u.stack.pop(), u.stack[-1]
    kind = type(made)
    if kind is OrderedDict:
        made.__dict__.update(state)
    elif kind is Tensor:
        made.set_(*state)
    elif not _is_allowed(kind):
        raise pickle.UnpicklingError(
            f"Can only build Tensor, Parameter, OrderedDict or types allowlisted via `add_safe_globals`, but got {kind}"
        )
    elif hasattr(made, "__setstate__"):
        made.__setstate__(state)
    else:
        _set_state(made, state)


def _set_state(made, state):
    slots = None
    if isinstance(state, tuple) and len(state) == 2:
        state, slots = state
    if state:
        made.__dict__.update(state)
    for name, value in (slots or {}).items():
        setattr(made, name, value)


@_on(pickle.BINPERSID)
def _persistent(u):
    saved_id = u.stack.pop()
    if type(saved_id) not in (tuple, int):
        raise pickle.UnpicklingError(f"persistent_load id must be tuple or int, but got {type(saved_id)}")
    if type(saved_id) is tuple and saved_id and decoded(saved_id[0]) != "storage":
        raise pickle.UnpicklingError(f"Only persistent_load of storage is allowed, but got {type(saved_id[0])}")
    u.push(u.persistent_load(saved_id))


def decoded(s: bytes | str) -> str:
    """A string of the format itself. In files of Python 2, `encoding="bytes"` leaves it as bytes."""
    return s.decode("ascii") if isinstance(s, bytes) else s


# ---- messages and inspection


def globals_in(data: bytes) -> set[str]:
    """The paths of all classes and functions that a pickle global_names."""
    found = set()
    for opcode, arg, _ in pickletools.genops(data):
        code = opcode.code.encode("latin1")
        if code == pickle.GLOBAL:
            found.add(".".join(_modern(*arg.split(" ", 1))))
        elif code not in _STEPS and code != pickle.STOP:
            raise pickle.UnpicklingError(f"Unsupported operand {code[0]}")
    return found


def with_advice(message: str) -> str:
    """An error of the restricted reader with PyTorch's advice about it."""
    if re.search(r"GLOBAL (\S+) was not an allowed global by default.", message):
        return (
            "Weights only load failed. This file can still be loaded, to do so you have two options, \033[1mdo those steps only if you "
            f"trust the source of the checkpoint\033[0m. \n\t(1) {UNSAFE}\n"
            "\t(2) Alternatively, to load with `weights_only=True` please check the recommended steps in the following error message.\n"
            f"\tWeightsUnpickler error: {message}{_DOCS}"
        )
    if re.search(r"(\S+) must be (\S+) to load", message):
        return f"Weights only load failed. {message}\n {UNSAFE}\n"
    report = (
        ""
        if re.search(r"whose module (\S+) is blocked", message)
        else (
            "Please file an issue with the following so that we can make `weights_only=True` compatible with your use case: "
            "WeightsUnpickler error: "
        )
    )
    return f"Weights only load failed. {UNSAFE}\n{report}\n\n{message}{_DOCS}"
