"""Where storages are put: location tags in files, `map_location`, and the registry of devices.

A file tags each storage with the location from which it was saved ("cpu", "cuda:1"). From that tag and `map_location`
this module decides where the storage is put, and raises PyTorch's errors where that is impossible. Of a storage it uses
only `.device` and `.to(device)`.
"""

from __future__ import annotations

import re

from jtorch.core.facts import KINDS, current_index, device
from jtorch.serialization.tensors import LoadedStorage

_CPU_HINT = (
    "If you are running on a CPU-only machine, please use torch.load with map_location=torch.device('cpu') to map your storages to the "
    "CPU."
)
_NOT_A_STORAGE = (
    "TypedStorage.__init__ received an invalid combination of arguments. Expected one of:\n"
    " * (*, torch.device device, torch.dtype dtype)\n * (int size, *, torch.device device, torch.dtype dtype)\n"
    " * (Sequence data, *, torch.device device, torch.dtype dtype)\n * (*, UntypedStorage wrap_storage, torch.dtype dtype)\n"
    "Argument 'wrap_storage' must be UntypedStorage, but got "
)


def validate_device(location: str, kind: str) -> device:
    """The device that a tag such as "cuda:1" means. Raises RuntimeError if this machine does not have it."""
    if kind not in KINDS or not KINDS[kind].has_module:
        raise RuntimeError(f"The {kind.upper()} device module is not registered. {_CPU_HINT}")
    wanted = device(location)
    count = len(KINDS[kind].devices())
    if not count:
        raise RuntimeError(
            f"Attempting to deserialize object on a {kind.upper()} device but torch.{kind}.is_available() is False. {_CPU_HINT}"
        )
    index = current_index(kind) if wanted.index is None else wanted.index
    if index >= count:
        raise RuntimeError(
            f"Attempting to deserialize object on {kind.upper()} device {index} but torch.{kind}.device_count() is {count}. Please use "
            "torch.load with map_location to map your storages to an existing device."
        )
    return device(kind, index)


def validate_cuda_device(location: str) -> int:
    """The index of a CUDA device by its tag. Raises RuntimeError if this machine does not have it."""
    return validate_device(location, "cuda").index


def _tagger(kind):
    return lambda storage: str(storage.device) if storage.device.type == kind.name else None


def _restorer(kind):
    """A function (storage, tag) that returns the storage on the device of the tag, or None for a tag of another kind."""

    def restore(storage, location):
        if kind.unreadable and location.startswith(kind.name):
            raise RuntimeError(kind.unreadable)
        if kind.host:
            return storage if location == kind.name else None
        if kind.shapes_only:
            return storage.to(device(kind.name)) if location == kind.name else None
        if location == kind.name or re.match(f"{kind.name}(:|[0-9]+)", location):
            return storage.to(validate_device(location, kind.name))
        return None

    return restore


_registry: list[tuple] = []


def register_package(priority: int, tagger, deserializer) -> None:
    """Add a kind of device.

    Args:
        priority: the lowest is asked first; the built-in ones are 10 (cpu) to 27.
        tagger: storage -> its tag, or None if it is not of this kind.
        deserializer: (storage, tag) -> the storage on its device, or None.
    """
    _registry.append((priority, tagger, deserializer))
    _registry.sort(key=lambda entry: entry[0])


for _kind in KINDS.values():
    if _kind.file_rank is not None:
        register_package(_kind.file_rank, _tagger(_kind), _restorer(_kind))


def location_tag(storage) -> str:
    """The tag that a file has for a storage's location."""
    for _, tagger, _ in _registry:
        location = tagger(storage)
        if location:
            return location
    raise RuntimeError(f"don't know how to determine data location of {_storage_type_name(storage)}")


def default_restore_location(storage, location: str):
    """The storage at the location that its tag names. Raises RuntimeError for an unknown tag."""
    for _, _, deserializer in _registry:
        result = deserializer(storage, location)
        if result is not None:
            return result
    raise RuntimeError(
        f"don't know how to restore data location of {_storage_type_name(storage)} (tagged with {location})"
    )


def _storage_type_name(storage):
    if isinstance(storage, LoadedStorage):
        return "torch.storage.UntypedStorage"
    return f"{type(storage).__module__}.{type(storage).__qualname__}"


def restorer(map_location):
    """A `map_location` of any form as a function (storage, tag) -> storage."""
    if map_location is None:
        return default_restore_location
    if isinstance(map_location, dict):
        return lambda storage, tag: default_restore_location(storage, map_location.get(tag, tag))
    if isinstance(map_location, (str, bytes)):
        return lambda storage, tag: default_restore_location(storage, map_location)
    if isinstance(map_location, device):
        return lambda storage, tag: default_restore_location(storage, str(map_location))
    return lambda storage, tag: _ask(map_location, storage, tag)


def _ask(map_location, storage, tag):
    result = map_location(storage, tag)
    if result is None:
        return default_restore_location(storage, tag)
    if not isinstance(result, LoadedStorage):
        raise TypeError(f"{_NOT_A_STORAGE}{type(result)}")
    return result


def is_meta(map_location) -> bool:
    """Whether all storages are put on the meta device, so that no data need be read."""
    name = map_location.type if isinstance(map_location, device) else map_location
    return isinstance(name, str) and name in KINDS and KINDS[name].shapes_only
