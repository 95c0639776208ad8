"""The processes of this program as JAX knows them: how they connect, and how they end together."""

from __future__ import annotations

import atexit
import contextlib
import os
import socket
import sys
import time
import traceback

import jax

from jtorch.core.engine import run_together_by
from jtorch.distributed._c10d import recording
from jtorch.distributed._c10d.exceptions import DistError, DistNetworkError
from jtorch.distributed._c10d.runner import Runner, flush_collectives
from jtorch.distributed._c10d.stores import PrefixStore, TCPStore

_NEVER = 100_000_000  # seconds without a heartbeat until JAX ends a process: the runner watches instead
_LINGER = 5.0  # seconds that rank 0 waits after a failure, so that the others can read the reason


class World:
    """The rank of this process, the number of processes and their runner. JAX can be told only once in a process."""

    def __init__(self, store, rank, size, timeout):
        self.rank, self.size = rank, size
        self.store = store
        watched = PrefixStore("jtorch", store.clone())
        self.runner = Runner(rank, size, watched, timeout)
        if size > 1:
            _tell_jax(watched, rank, size, timeout)
            innermost, key = _without_prefix(watched, f"left/{rank}")
            if isinstance(innermost, TCPStore):
                innermost.announce(key)
            atexit.register(self.end)
        self.ended = False

    def end(self):
        """At exit: run what others may wait for, wait until they exit too, and disconnect."""
        if self.ended:
            return
        self.ended = True
        if getattr(sys, "last_value", None) is not None or self.runner.failed is not None:
            self._leave_at_once()
        try:
            flush_collectives()
        except DistError:
            traceback.print_exc()
            self._leave_at_once()
        if not self._all_have_left():
            self._leave_at_once()
        jax.distributed.shutdown()

    def _all_have_left(self):
        """Wait until all processes are at their end. Returns False if one has died."""
        store, keys = self.runner.store, [f"end/{rank}" for rank in range(self.size)]
        left = [f"left/{rank}" for rank in range(self.size)]
        with contextlib.suppress(DistNetworkError):  # rank 0, which has the store, has seen all at their end and exited
            self.runner.tell_all()
            store.set(f"end/{self.rank}", "1")
            while True:
                failed, *found = store.get_many(["failed", *keys, *left])
                ends, gone = found[: self.size], found[self.size :]
                if failed is None and None not in ends:
                    break
                if failed is not None or any(g is not None and e is None for e, g in zip(ends, gone, strict=True)):
                    return False
                time.sleep(0.02)
        return True

    def _leave_at_once(self):
        """End the process without the usual steps: a call of XLA's may still wait for another process, and would never return."""
        with contextlib.suppress(DistError):
            store = self.runner.store
            store.compare_set("failed", "", f"rank {self.rank} has failed")
            store.set(f"end/{self.rank}", "1")
            if self.rank == 0:  # the store ends with this process: the others shall read the reason before
                end = time.monotonic() + _LINGER
                others = [f"left/{rank}" for rank in range(1, self.size)]
                while None in store.get_many(others) and time.monotonic() < end:
                    time.sleep(0.02)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(1)


def _without_prefix(store, key=""):
    """The store behind all prefixes, and the key as that store knows it."""
    while isinstance(store, PrefixStore):
        key, store = f"{store.prefix}/{key}", store.underlying_store
    return store, key


def _tell_jax(store, rank, size, timeout):
    """Start `jax.distributed`. Rank 0 chooses a port and tells it to the others by the store."""
    jax.config.update("jax_enable_preemption_service", False)  # it would catch SIGTERM
    if rank == 0:
        store.set("coordinator", f"{_own_address(store)}:{_free_port()}")
    address = store.get("coordinator").decode()
    seconds = max(int(timeout.total_seconds()), 1)
    try:
        jax.distributed.initialize(
            address,
            size,
            rank,
            initialization_timeout=seconds,
            heartbeat_timeout_seconds=_NEVER,
            shutdown_timeout_seconds=seconds,
        )
    except RuntimeError as error:
        if "must be called before" in str(error):
            raise RuntimeError(
                "init_process_group: this process has computed something already, and JAX can be told of other processes "
                "only before that. Call init_process_group earlier: tensors and modules may be made before it, but their "
                "values not read"
            ) from None
        raise


def _own_address(store):
    host = getattr(_without_prefix(store)[0], "host", "127.0.0.1")
    return "127.0.0.1" if host == "localhost" else host


def _free_port():
    with socket.create_server(("", 0)) as listening:
        return listening.getsockname()[1]


_world: World | None = None


def world_of(store, rank, size, timeout) -> World:
    """The `World` of this process, made at the first call.

    Raises:
        RuntimeError: JAX was started with another rank or number of processes.
    """
    global _world
    if _world is None or (_world.size == 1 and size == 1):
        _world = World(store, rank, size, timeout)
        recording.use(_world.runner)
        run_together_by(_world.runner)
    elif (_world.rank, _world.size) != (rank, size):
        raise RuntimeError(
            f"init_process_group: this process is rank {_world.rank} of {_world.size} to JAX, and cannot become rank {rank} of {size}"
        )
    return _world
