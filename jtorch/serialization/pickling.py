"""Writing pickles that contain PyTorch's names.

A pickle names a class or a function by its module. Standard picklers import that module before they write the name, but
PyTorch need not be installed here. So the names of jtorch's own objects come from `names.torch_name`. The caller decides
what storages are written as.
"""

from __future__ import annotations

import pickle
from types import FunctionType

from jtorch.core.facts import ReturnType, Size, dtype, layout
from jtorch.core.tensor import Tensor
from jtorch.serialization import global_names, rebuild
from jtorch.serialization.rebuild import SavedStorage

DEFAULT_PROTOCOL = 2
_PLAIN = frozenset((str, int, float, bool, type(None), dict, list, tuple, bytes))  # written by the pickler itself


def dump(obj, file, pickle_module, protocol, persistent_id) -> None:
    """Write one pickle to `file`. `persistent_id(obj)` is what is written for a storage; None for all other objects."""
    pickler_of(pickle_module)(file, protocol, persistent_id).dump(obj)


def pickler_of(module):
    """The pickler of a `pickle_module`, changed to write jtorch's objects as PyTorch's.

    Differs from torch: if the pickler of the module is written in C (cloudpickle's is; for the standard one its Python
    version is used here), classes keep jtorch's names, and only jtorch reads the file.
    """
    base = pickle._Pickler if module is pickle else module.Pickler
    renames = issubclass(base, pickle._Pickler)

    class Pickler(base):
        def __init__(self, file, protocol, persistent_id):
            super().__init__(file, protocol=protocol)
            self._persistent_id = persistent_id

        def persistent_id(self, obj):
            return self._persistent_id(obj)

        def reducer_override(self, obj):
            if type(obj) in _PLAIN:
                return NotImplemented
            if global_names.is_written_by_name(obj):
                known = global_names.torch_name(obj) if renames else None
                return known[1] if known else NotImplemented
            reduced = _reduced_as_pytorch(obj)
            if reduced is NotImplemented and hasattr(base, "reducer_override"):
                return super().reducer_override(obj)
            return reduced

        def save_global(self, obj, name=None):
            known = global_names.torch_name(obj)
            if known is None:
                return _save_own_name(super().save_global, obj, name)
            _write_global(self, *known)
            self.memoize(obj)

        if module is pickle:
            dispatch = {**base.dispatch, FunctionType: save_global}

    return Pickler


def _save_own_name(save_global, obj, name):
    """Write the name of an object that is not jtorch's. Without a name, raise the error of the C pickler."""
    try:
        save_global(obj, name)
    except pickle.PicklingError as error:
        if "it's not found as" not in str(error):
            raise
        name = name or getattr(obj, "__qualname__", None) or obj.__name__
        if "<locals>" in name:
            raise AttributeError(f"Can't pickle local object {name!r}") from None
        home = pickle.whichmodule(obj, name)
        raise pickle.PicklingError(f"Can't pickle {obj!r}: attribute lookup {name} on {home} failed") from None


def _write_global(pickler, module, name):
    parent, _, last = name.rpartition(".")
    if parent and pickler.proto < 4:  # names have no dots there
        pickler.save_reduce(getattr, (global_names.find(module, parent), last))
    elif pickler.proto >= 4:
        pickler.save(module)
        pickler.save(name)
        pickler.write(pickle.STACK_GLOBAL)
    else:
        pickler.write(pickle.GLOBAL + f"{module}\n{name}\n".encode())


def _reduced_as_pytorch(obj):
    """How PyTorch writes an object that Python would write differently here."""
    if isinstance(obj, Tensor):
        return rebuild.reduce_as_pytorch(obj)
    if isinstance(obj, Size):
        return Size, (tuple(obj),)
    if isinstance(obj, layout):
        return global_names.find("torch.serialization", "_get_layout"), (repr(obj),)
    if isinstance(obj, ReturnType):
        return type(obj), (tuple(obj), {})
    return NotImplemented


class StorageTable:
    """The storages found while pickling, numbered in the order in which they were found."""

    def __init__(self, tag):
        self._tag = tag
        self._keys: dict[int, str] = {}  # by the cell's id
        self._dtypes: dict[int, dtype] = {}
        self.found: dict[str, SavedStorage] = {}  # keeps the cells alive, so that no id is used twice

    def persistent_id(self, obj):
        """("storage", type, key, location, number of elements) for a storage; None for any other object.

        Raises:
            RuntimeError: tensors read the same memory as different dtypes, which the format cannot express.
        """
        storage = rebuild.saved_storage(obj)
        if storage is None:
            return None
        cell = id(storage.cell)
        if storage.nbytes and self._dtypes.setdefault(cell, storage.dtype) is not storage.dtype:
            raise RuntimeError("Cannot save multiple tensors or storages that view the same data as different types")
        key = self._keys.setdefault(cell, str(len(self._keys)))
        self.found[key] = storage
        return ("storage", storage.storage_type, key, self._tag(storage), storage.numel)
