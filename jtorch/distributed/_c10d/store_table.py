"""The keys and values of a store, in one process."""

from __future__ import annotations

import threading
import time


class Table:
    """Keys with values, queues, and threads that wait for either. Several threads may call each method."""

    def __init__(self):
        self._values: dict[str, bytes] = {}
        self._queues: dict[str, list[bytes]] = {}
        self._changed = threading.Condition()  # its lock may be taken again by the same thread

    def set(self, key, value):
        with self._changed:
            self._values[key] = value
            self._changed.notify_all()

    def get(self, key):
        """The value, or None."""
        return self._values.get(key)

    def get_many(self, keys):
        return [self._values.get(key) for key in keys]

    def add(self, key, amount):
        """Add to the integer that is stored, and return the sum."""
        with self._changed:
            total = int(self._values.get(key, b"0")) + amount
            self._values[key] = str(total).encode()
            self._changed.notify_all()
            return total

    def compare_set(self, key, expected, desired):
        """Store `desired` if the value is `expected`, or if there is none and `expected` is empty. Returns the value afterwards."""
        with self._changed:
            found = self._values.get(key)
            if found == expected or (found is None and not expected):
                self._values[key] = found = desired
                self._changed.notify_all()
            return expected if found is None else found

    def append(self, key, value):
        with self._changed:
            self._values[key] = self._values.get(key, b"") + value
            self._changed.notify_all()

    def delete(self, key):
        with self._changed:
            return self._values.pop(key, None) is not None

    def keys(self):
        with self._changed:
            return list(self._values)

    def push(self, key, value):
        with self._changed:
            self._queues.setdefault(key, []).append(value)
            self._changed.notify_all()

    def pop(self, key):
        """The oldest value of a queue, or None."""
        with self._changed:
            queue = self._queues.get(key)
            return queue.pop(0) if queue else None

    def queued(self, key):
        return len(self._queues.get(key, ()))

    def ready(self, what, keys):
        """What a waiting thread gets, or None if it has to wait on: the value ("get"), the first of the queue ("pop"), True if all
        keys are set ("check").
        """
        if what == "check":
            return True if all(key in self._values for key in keys) else None
        return self.pop(keys[0]) if what == "pop" else self.get(keys[0])

    def wait(self, what, keys, seconds):
        """The same, after at most so many seconds of waiting; None if that was too short."""
        end = time.monotonic() + seconds
        with self._changed:
            while (found := self.ready(what, keys)) is None and (left := end - time.monotonic()) > 0:
                self._changed.wait(left)
            return found
