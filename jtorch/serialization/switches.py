"""How files are read and written: the switches that `torch.utils.serialization.config` shows, and those of one thread."""

from __future__ import annotations

import mmap as _mmap
import threading


class LoadSwitches:
    """Switches of `torch.load`."""

    mmap = False  # what `mmap=None` means
    endianness = None  # the byte order of files that do not name theirs: a LoadEndianness
    mmap_flags = getattr(_mmap, "MAP_PRIVATE", None)
    calculate_storage_offsets = False  # has no effect: where a record begins is read


class SaveSwitches:
    """Switches of `torch.save`."""

    compute_crc32 = True
    use_pinned_memory_for_d2h = False  # has no effect: JAX copies
    storage_alignment = 64  # bytes, so that the storages of a mapped file are aligned for vector loads


class _Thread(threading.local):
    skips_data = False


_thread = _Thread()


def skips_data() -> bool:
    """Whether this thread is inside `skip_data`."""
    return _thread.skips_data


class skip_data:
    """A `with` block in which `torch.save` writes zeros in place of the data of tensors, and `torch.load` reads none.

    The file has room for the data, which another program may write. What is loaded has zeros.

    >>> import io
    >>> file = io.BytesIO()
    >>> with torch.serialization.skip_data():
    ...     torch.save(torch.ones(2), file)
    >>> _ = file.seek(0)
    >>> torch.load(file)
    tensor([0., 0.])
    """

    def __init__(self, materialize_fake_tensors: bool = False):
        self.materialize_fake_tensors = materialize_fake_tensors

    def __enter__(self):
        self._before, _thread.skips_data = _thread.skips_data, True

    def __exit__(self, *exc):
        _thread.skips_data = self._before


skip_data.__module__ = "jtorch.serialization"
