"""`torch.futures`: results that may not be there yet. In jtorch a tensor can always be had: it is computed when it is read."""

from __future__ import annotations

import threading

__all__ = ["Future", "collect_all", "wait_all"]


class Future:
    """A result that somebody sets, once.

    >>> future = torch.futures.Future()
    >>> doubled = future.then(lambda f: 2 * f.wait())
    >>> future.set_result(3)
    >>> doubled.wait()
    6
    """

    def __init__(self, *, devices=None):
        self._set = threading.Event()
        self._value = self._error = None
        self._callbacks = []

    def done(self) -> bool:
        return self._set.is_set()

    def wait(self):
        """The result. Waits for it. Raises the exception, if one was set."""
        self._set.wait()
        if self._error is not None:
            raise self._error
        return self._value

    def value(self):
        """The result, which must be there.

        Raises:
            RuntimeError: it is not.
        """
        if not self.done():
            raise RuntimeError("Cannot get value of a future that is not complete.")
        return self.wait()

    def set_result(self, result):
        """Set the result.

        Raises:
            RuntimeError: it was set before.
        """
        self._value = result
        self._finish()

    def set_exception(self, result):
        """Let `wait` raise this exception."""
        self._error = result
        self._finish()

    def _finish(self):
        if self._set.is_set():
            raise RuntimeError("Future already completed.")
        self._set.set()
        for callback in self._callbacks:
            callback(self)
        self._callbacks = []

    def then(self, callback):
        """A future of what `callback(self)` will return."""
        made = Future()

        def run(future):
            try:
                made.set_result(callback(future))
            except Exception as error:
                made.set_exception(error)

        self.add_done_callback(run)
        return made

    def add_done_callback(self, callback):
        """Call `callback(self)` when the result is there."""
        if self.done():
            callback(self)
        else:
            self._callbacks.append(callback)


def collect_all(futures) -> Future:
    """A future of the list of these futures, when all are done."""
    made, left = Future(), list(futures)

    def check(_):
        if all(future.done() for future in left) and not made.done():
            made.set_result(left)

    for future in left:
        future.add_done_callback(check)
    if not left:
        made.set_result(left)
    return made


def wait_all(futures) -> list:
    """The results of these futures."""
    return [future.wait() for future in collect_all(futures).wait()]
