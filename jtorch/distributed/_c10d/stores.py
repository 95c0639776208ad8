"""The stores: keys and values that processes share over TCP, in a file, or within one process."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import time
from datetime import timedelta
from pathlib import Path

from jtorch.distributed._c10d.exceptions import DistStoreError, QueueEmptyError
from jtorch.distributed._c10d.store_table import Table
from jtorch.distributed._c10d.tcp import StoreClient, StoreServer

__all__ = ["FileStore", "HashStore", "PrefixStore", "Store", "TCPStore"]

_FIRST_TIMEOUT = timedelta(seconds=300)


def _in_bytes(value):
    return value.encode() if isinstance(value, str) else bytes(value)


class Store:
    """Keys and values that several processes share.

    A subclass has `_ask(what, key, *values)`, which calls the method `what` of a `Table`, and `_wait(what, keys, seconds)`. A
    method that needs a value waits for it, at most `timeout`.

    Raises:
        DistStoreError: no process has set the key in time.

    >>> store = torch.distributed.HashStore()
    >>> store.set("a", "1")
    >>> store.get("a")
    b'1'
    """

    __module__ = "jtorch.distributed"

    def __init__(self):
        self._timeout = _FIRST_TIMEOUT

    @property
    def timeout(self):
        """How long a method waits for a key."""
        return self._timeout

    def set_timeout(self, timeout):
        self._timeout = timeout

    def set(self, key, value):
        """Store a value, which may be a string or bytes."""
        self._ask("set", key, _in_bytes(value))

    def get(self, key) -> bytes:
        """The value of a key. Waits until somebody has set it."""
        found = self._wait("get", [key], self._timeout.total_seconds())
        if found is None:
            raise self._late([key], self._timeout)
        return found

    def add(self, key, amount) -> int:
        """Add to an integer, which is 0 at first. Returns the sum."""
        return int(self._ask("add", key, int(amount)))

    def compare_set(self, key, expected_value, desired_value) -> bytes:
        """Store `desired_value` if the value is `expected_value`; an empty one stands for no value. Returns the value afterwards."""
        return self._ask("compare_set", key, _in_bytes(expected_value), _in_bytes(desired_value))

    def append(self, key, value):
        """Add bytes to the end of a value."""
        self._ask("append", key, _in_bytes(value))

    def check(self, keys) -> bool:
        """Whether all keys are set. Does not wait."""
        return all(self._ask("get", key) is not None for key in keys)

    def wait(self, keys, timeout=None):
        """Wait until all keys are set."""
        limit = self._timeout if timeout is None else timeout
        if not self._wait("check", list(keys), limit.total_seconds()):
            raise self._late(keys, limit)

    def delete_key(self, key) -> bool:
        """Remove a key. Returns whether it was there."""
        return bool(self._ask("delete", key))

    def get_many(self, keys) -> list:
        """The values of several keys, None for those that are not set. Does not wait."""
        return self._ask("get_many", keys)

    def list_keys(self) -> list[str]:
        return self._ask("keys", "")

    def num_keys(self) -> int:
        return len(self.list_keys())

    def multi_set(self, keys, values):
        for key, value in zip(keys, values, strict=True):
            self.set(key, value)

    def multi_get(self, keys) -> list[bytes]:
        return [self.get(key) for key in keys]

    def queue_push(self, key, value):
        """Add a value to the end of a queue."""
        self._ask("push", key, _in_bytes(value))

    def queue_pop(self, key, block=True) -> bytes:
        """Take the first value of a queue.

        Raises:
            QueueEmptyError: there is none, and `block` is False.
            DistStoreError: there was none in time.
        """
        found = self._wait("pop", [key], self._timeout.total_seconds() if block else 0)
        if found is None:
            raise self._late([key], self._timeout) if block else QueueEmptyError("queue is empty")
        return found

    def queue_len(self, key) -> int:
        return int(self._ask("queued", key))

    def barrier(self, key, world_size, timeout=None):
        """Wait until so many processes have called this with the same key."""
        if self.add(f"{key}/count", 1) == world_size:
            self.set(f"{key}/done", "1")
        self.wait([f"{key}/done"], timeout)

    def has_extended_api(self) -> bool:
        return True

    def clone(self):
        """A store with the same keys and a connection of its own, for another thread."""
        return self

    def _late(self, keys, limit):
        return DistStoreError("Wait timeout")


class HashStore(Store):
    """A store for the threads of one process."""

    def __init__(self):
        super().__init__()
        self._table = Table()

    def _ask(self, what, key, *values):
        return getattr(self._table, what)(*((key,) if what != "keys" else ()), *values)

    def _wait(self, what, keys, seconds):
        return self._table.wait(what, keys, seconds)


class TCPStore(Store):
    """A store in one process, which the others reach over TCP.

    Args:
        host_name, port: where the store is; port 0 lets the system choose, for `is_master` only.
        world_size: how many processes use it; None: any number.
        is_master: whether the store is in this process.
        timeout: how long to wait for a connection, for the others and for keys.
        wait_for_workers: whether the master waits for the others here.
        multi_tenant: if this process has a store on this port already, use that one.
        master_listen_fd, use_libuv: have no effect.

    Raises:
        DistNetworkError: the port is in use, or there was no connection in time.
    """

    def __init__(
        self,
        host_name,
        port=29500,
        world_size=None,
        is_master=False,
        timeout=_FIRST_TIMEOUT,
        wait_for_workers=True,
        multi_tenant=False,
        master_listen_fd=None,
        use_libuv=True,
    ):
        super().__init__()
        self._timeout = timeout
        self._server = None
        if is_master:
            self._server = StoreServer.on(port, multi_tenant)
            port = self._server.port
        self.host, self.port, self.libuvBackend = host_name, port, use_libuv
        self._client = StoreClient("127.0.0.1" if is_master else host_name, port, timeout.total_seconds())
        if world_size is not None and world_size > 0:
            if self.add("init/", 1) >= world_size:
                self.set("init/done", "1")
            if is_master and wait_for_workers:
                self.wait(["init/done"])

    def _ask(self, what, key, *values):
        return self._client.ask(what, key, *values)

    def _wait(self, what, keys, seconds):
        return self._client.wait(what, keys, seconds)

    def _late(self, keys, limit):
        named = ", ".join("/" + key for key in keys)
        return DistStoreError(f"wait timeout after {round(limit.total_seconds() * 1000)}ms, keys: {named}")

    def clone(self):
        host = self.host if self._server is None else "127.0.0.1"
        return TCPStore(host, self.port, None, False, self._timeout)

    def announce(self, key):
        """Let the server set a key when this connection ends. The others learn by it that this process has died."""
        self._client.ask("announce", key)

    def close(self):
        """End the connection."""
        self._client.close()


class FileStore(Store):
    """A store in a file that all processes can read and write. Each change is appended to it.

    Args:
        file_name: the file; it is made if it is not there.
        world_size: has no effect.
    """

    def __init__(self, file_name, world_size=-1):
        super().__init__()
        self.path = os.fspath(file_name)
        self._table = Table()
        self._read = 0
        Path(self.path).touch()

    def _ask(self, what, key, *values):
        with open(self.path, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self._catch_up(file)
            found = self._apply(what, key, *values)
            if what in ("set", "add", "compare_set", "append", "delete", "push", "pop"):
                written = [base64.b64encode(v).decode() if isinstance(v, bytes) else v for v in values]
                line = json.dumps([what, key, *written]).encode() + b"\n"
                file.seek(0, os.SEEK_END)
                file.write(line)
                self._read += len(line)
            return found

    def _catch_up(self, file):
        """Apply what other processes have appended to the file."""
        file.seek(self._read)
        data = file.read()
        self._read += len(data)
        for line in data.splitlines():
            what, key, *values = json.loads(line)
            self._apply(what, key, *[base64.b64decode(v) if isinstance(v, str) else v for v in values])

    def _apply(self, what, key, *values):
        return getattr(self._table, what)(*((key,) if what != "keys" else ()), *values)

    def _wait(self, what, keys, seconds):
        end = time.monotonic() + seconds
        while True:
            if what == "check":
                found = all(self._ask("get", key) is not None for key in keys) or None
            else:
                found = self._ask(what, keys[0])
            if found is not None or time.monotonic() >= end:
                return found
            time.sleep(0.01)

    def _late(self, keys, limit):
        waited = round(limit.total_seconds() * 1000)
        return DistStoreError(f"Timeout waiting for key: {keys[0]} after {waited} ms")


class PrefixStore(Store):
    """Another store, with a prefix before each key."""

    def __init__(self, prefix, store):
        super().__init__()
        self.prefix = prefix
        self.underlying_store = store

    @property
    def timeout(self):
        return self.underlying_store.timeout

    def set_timeout(self, timeout):
        self.underlying_store.set_timeout(timeout)

    def _named(self, key):
        return f"{self.prefix}/{key}"

    def set(self, key, value):
        self.underlying_store.set(self._named(key), value)

    def get(self, key):
        return self.underlying_store.get(self._named(key))

    def add(self, key, amount):
        return self.underlying_store.add(self._named(key), amount)

    def compare_set(self, key, expected_value, desired_value):
        return self.underlying_store.compare_set(self._named(key), expected_value, desired_value)

    def append(self, key, value):
        self.underlying_store.append(self._named(key), value)

    def check(self, keys):
        return self.underlying_store.check([self._named(key) for key in keys])

    def wait(self, keys, timeout=None):
        named = [self._named(key) for key in keys]
        if timeout is None:
            self.underlying_store.wait(named)
        else:
            self.underlying_store.wait(named, timeout)

    def delete_key(self, key):
        return self.underlying_store.delete_key(self._named(key))

    def list_keys(self):
        return self.underlying_store.list_keys()

    def get_many(self, keys):
        return self.underlying_store.get_many([self._named(key) for key in keys])

    def queue_push(self, key, value):
        self.underlying_store.queue_push(self._named(key), value)

    def queue_pop(self, key, block=True):
        return self.underlying_store.queue_pop(self._named(key), block)

    def queue_len(self, key):
        return self.underlying_store.queue_len(self._named(key))

    def clone(self):
        return PrefixStore(self.prefix, self.underlying_store.clone())
