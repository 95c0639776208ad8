"""The exceptions of `torch.distributed`."""

from jtorch.core.engine import DistError

__all__ = ["DistBackendError", "DistError", "DistNetworkError", "DistStoreError", "QueueEmptyError"]


class DistBackendError(DistError):
    """A collective failed: a process died, or the processes do not run the same collectives."""

    __module__ = "jtorch.distributed"


class DistNetworkError(DistError):
    """A connection between processes failed."""

    __module__ = "jtorch.distributed"


class DistStoreError(DistError):
    """A store did not answer in time."""

    __module__ = "jtorch.distributed"


class QueueEmptyError(DistStoreError):
    """A queue of a store is empty."""

    __module__ = "jtorch.distributed"
