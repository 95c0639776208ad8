"""`torch.multiprocessing`: Python's multiprocessing, whose queues and pipes also carry tensors; and `spawn`.

Differs from torch: a tensor that is sent is copied, so what one process writes into it another does not see. A tensor made
in `multiprocessing.shared_memory` and read with `from_numpy` is seen by both. The start method is "spawn" for functions that
use tensors: JAX's threads do not survive a fork.
"""

from __future__ import annotations

import multiprocessing
import sys
from multiprocessing import (
    Array,
    AuthenticationError,
    Barrier,
    BoundedSemaphore,
    BufferTooShort,
    Condition,
    Event,
    JoinableQueue,
    Lock,
    Manager,
    Pipe,
    Pool,
    Process,
    ProcessError,
    Queue,
    RawArray,
    RawValue,
    RLock,
    Semaphore,
    SimpleQueue,
    TimeoutError,
    Value,
    active_children,
    allow_connection_pickling,
    cpu_count,
    current_process,
    freeze_support,
    get_all_start_methods,
    get_context,
    get_logger,
    get_start_method,
    log_to_stderr,
    parent_process,
    reducer,
    set_executable,
    set_forkserver_preload,
    set_start_method,
)

from jtorch.multiprocessing.spawn import (
    ProcessContext,
    ProcessExitedException,
    ProcessRaisedException,
    SpawnContext,
    spawn,
    start_processes,
)

__all__ = [
    "Array", "AuthenticationError", "Barrier", "BoundedSemaphore", "BufferTooShort", "Condition", "Event", "JoinableQueue",
    "Lock", "Manager", "Pipe", "Pool", "Process", "ProcessContext", "ProcessError", "ProcessExitedException",
    "ProcessRaisedException", "Queue", "RLock", "RawArray", "RawValue", "Semaphore", "SimpleQueue", "SpawnContext",
    "TimeoutError", "Value", "active_children", "allow_connection_pickling", "cpu_count", "current_process",
    "freeze_support", "get_all_sharing_strategies", "get_all_start_methods", "get_context", "get_logger",
    "get_sharing_strategy", "get_start_method", "log_to_stderr", "multiprocessing", "parent_process", "reducer",
    "set_executable", "set_forkserver_preload", "set_sharing_strategy", "set_start_method", "spawn", "start_processes",
]  # fmt: skip

_strategies = {"file_system"} if sys.platform in ("darwin", "win32") else {"file_descriptor", "file_system"}
_chosen = ["file_system" if len(_strategies) == 1 else "file_descriptor"]


def get_all_sharing_strategies() -> set[str]:
    """The names that `set_sharing_strategy` takes."""
    return _strategies


def get_sharing_strategy() -> str:
    """What `set_sharing_strategy` was given."""
    return _chosen[0]


def set_sharing_strategy(new_strategy: str) -> None:
    """Accepted, and has no effect: tensors are copied."""
    assert new_strategy in _strategies
    _chosen[0] = new_strategy
