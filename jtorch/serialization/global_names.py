"""Names in files: `torch.optim.adam.Adam` in a file is `jtorch.optim.adam.Adam` here.

Files contain only PyTorch's names, so that PyTorch can read what jtorch writes. `find` returns the object of jtorch
for a name in a file. `torch_name` is its inverse: it returns a name only if `find` returns the same object for it.

The files of jtorch that define PyTorch's classes have PyTorch's names. So the name of a class in a file follows from its
`__module__`, and a new class needs no entry here. It has to be public: in its package, or in the `__all__` of its file.
"""

from __future__ import annotations

import importlib
from functools import cache, reduce
from types import FunctionType

from jtorch.core.facts import ALL, NAMED, uint8

_QUANTIZED_STORAGES = "QInt8 QInt32 QUInt8 QUInt4x2 QUInt2x4".split()
_STORAGES = [f"{n}Storage" for n in _QUANTIZED_STORAGES] + [d.storage_name for d in ALL if not d.limited]
_QUANTIZED = (
    "per_tensor_affine per_tensor_symmetric per_channel_affine per_channel_symmetric per_channel_affine_float_qparams"
).split()


class Missing:
    """Something that PyTorch has and jtorch does not. A file may name it; calling it raises NotImplementedError."""

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return self.name

    def __call__(self, *args, **kwargs):
        raise NotImplementedError(f"jtorch has no {self.name}, which this file needs")


class StorageType:
    """The meaning of `torch.FloatStorage` in a file: an element type."""

    def __init__(self, name):
        self._dtype = _storage_dtypes()[name]
        self.name = name

    @property
    def dtype(self):
        if isinstance(self._dtype, Missing):
            self._dtype()  # raises
        return self._dtype

    def __str__(self):
        return f"StorageType(dtype={self.dtype})"

    def __reduce__(self):
        return storage_type, (self.name,)


@cache
def _storage_dtypes():
    known = {d.storage_name: d for d in ALL}
    return {n: known.get(n) or Missing(f"torch.{n.removesuffix('Storage').lower()}") for n in _STORAGES}


@cache
def storage_type(name: str) -> StorageType:
    """The one object for `torch.<name>`. Raises KeyError where PyTorch has no such storage."""
    return StorageType(name)


class UntypedStorageType:
    """The meaning of `torch.storage.UntypedStorage` in a file: bytes, whose dtype stands beside the tensor."""

    dtype = uint8


class _VariableFunctions:
    """The object that has PyTorch's built-in functions as attributes: files name them `getattr(object, "tanh")`."""

    def __getattr__(self, name):
        try:
            return getattr(_module_at("jtorch"), name)
        except AttributeError:
            message = f"type object 'torch._C._VariableFunctions' has no attribute '{name}'"
            raise AttributeError(message) from None


_registered: dict[tuple[str, str], object] = {}  # by (module, name): what no module of jtorch has as an attribute
_registered_names: dict[int, tuple[str, str]] = {}  # by id: the objects live as long as this module


def register(module: str, name: str, obj) -> None:
    """Read `module.name` in a file as `obj`, and write `obj` under that name."""
    _registered[module, name] = obj
    _registered_names[id(obj)] = (module, name)


def _register_facts():
    for name in _STORAGES:
        _registered["torch.cuda", name] = storage_type(name)
        register("torch", name, storage_type(name))
    register("torch.storage", "UntypedStorage", UntypedStorageType)
    _registered["torch", "UntypedStorage"] = UntypedStorageType
    register("torch._C", "_VariableFunctionsClass", _VariableFunctions())
    for name in _QUANTIZED:
        register("torch", name, Missing(f"torch.{name}"))
    for d in (*ALL, *NAMED.values()):
        register("torch", d.name, d)


# PyTorch's modules whose contents are in other modules of jtorch.
_MOVED = {
    "torch._tensor": "jtorch",
    "torch.tensor": "jtorch",
    "torch._C": "jtorch",
    "torch._C._nn": "jtorch.nn.functional",
}
# Folders of jtorch that PyTorch does not have: their classes keep jtorch's names.
_OWN = ("jtorch.core.", "jtorch.vision.", "jtorch.optim._functional.")
# Packages of which jtorch has a part: a class that is not found there is one that jtorch does not have.
_PARTIAL = ("torch.nn.", "torch.optim.", "torch.distributions.", "torch.utils.data.")
_register_facts()


def plain_globals() -> dict[str, object]:
    """Path in a file -> object: the storage types, and the dtypes and quantization schemes that jtorch does not have."""
    return {
        f"{module}.{name}": obj
        for (module, name), obj in _registered.items()
        if isinstance(obj, StorageType) or (isinstance(obj, Missing) and module == "torch")
    }


@cache
def _module_at(path):
    """The module at a path; None if there is none."""
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError as error:
        if error.name and path.startswith(error.name):
            return None
        raise


def is_torch_module(module: str) -> bool:
    """Whether a module name in a file is one of PyTorch's."""
    return module == "torch" or module.startswith("torch.")


def find(module: str, name: str):
    """The object of jtorch for PyTorch's `module.name`.

    A class may be in a shorter module here: `torch.nn.modules.activation.SiLU` is also found as `jtorch.nn.SiLU`.
    Functions and constants must be in the module of their name.

    Raises:
        NotImplementedError: a class that PyTorch has and jtorch does not.
        ModuleNotFoundError, AttributeError: a name that PyTorch does not have either.
    """
    if (module, name) in _registered:
        return _registered[module, name]
    if (module, name) == ("torch._C", "TensorBase"):
        return find("torch", "Tensor")
    path = _MOVED.get(module, "jtorch" + module[len("torch") :])
    exact = _module_at(path)
    found = _attribute(exact, name)
    if found is not None:
        return found
    while "." in path:
        path = path.rpartition(".")[0]
        found = _attribute(_module_at(path), name)
        if isinstance(found, type):
            return found
    if f"{module}.".startswith(_PARTIAL) and name[:1].isupper():
        raise NotImplementedError(f"{module}.{name}, which this file needs, is not in jtorch")
    if exact is None:
        raise ModuleNotFoundError(f"No module named '{module}'", name=module)
    raise AttributeError(f"Can't get attribute '{name}' on <module '{module}'>")


def _attribute(module, name):
    """The attribute `a.b` of a module; None if there is none."""
    try:
        return None if module is None else reduce(getattr, name.split("."), module)
    except AttributeError:
        return None


def torch_name(obj) -> tuple[str, str] | None:
    """PyTorch's (module, name) for an object of jtorch; None for other objects, which keep their own name."""
    if id(obj) in _registered_names:
        return _registered_names[id(obj)]
    name = getattr(obj, "__qualname__", None)
    home = getattr(obj, "__module__", None)
    if not isinstance(home, str) or not isinstance(name, str):
        return None
    if home.partition(".")[0] not in ("jtorch", "torch"):
        return None
    if isinstance(obj, type):
        modules = [_torch_module(obj)]
    else:
        modules = ["torch.nn.functional", "torch", "torch.nn.init", "torch.linalg", "torch.special"]
    return next(((m, name) for m in modules if m and leads_to(m, name, obj)), None)


def _torch_module(cls):
    """PyTorch's module for a class of jtorch: the one of the same path. None for a class that PyTorch does not have."""
    home, name = cls.__module__, cls.__qualname__
    if is_torch_module(home):
        return home
    package = home.rpartition(".")[0]
    public = (
        home == "jtorch"
        or home.startswith("jtorch.nn.")  # pickled modules name private classes of these files, too
        or name in getattr(_module_at(home), "__all__", ())
        or getattr(_module_at(package), name, None) is cls
    )
    return "torch" + home.removeprefix("jtorch") if public and not home.startswith(_OWN) else None


def leads_to(module: str, name: str, obj) -> bool:
    """Whether `module.name` in a file would be read as this very object."""
    try:
        return find(module, name) is obj
    except (AttributeError, ImportError, NotImplementedError):
        return False


def is_written_by_name(obj) -> bool:
    """Whether a file holds the name of an object and not its content."""
    return id(obj) in _registered_names or isinstance(obj, (type, FunctionType))
