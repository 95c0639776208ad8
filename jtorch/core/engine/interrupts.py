"""What waits while JAX works: signals, and Python's collector."""

from __future__ import annotations

import contextlib
import gc
import signal
import threading


@contextlib.contextmanager
def undisturbed():
    """In here signals wait, and Python's collector does not run.

    Tracing makes so many objects that the collector would search all modules, 80 ms of a start.
    """
    on = gc.isenabled()
    gc.disable()
    try:
        with _interrupted_later():
            yield
    finally:
        if on:
            gc.enable()


@contextlib.contextmanager
def _interrupted_later():
    """Signals wait in here; the handlers that are Python functions run afterwards, each once.

    Blocking the signals would not do: another thread takes them then, of which XLA has many, and Python's handlers run in the
    main thread whichever thread took the signal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: h for number in signal.valid_signals() if callable(h := signal.getsignal(number))}
    came = {}
    try:
        for number in handlers:
            signal.signal(number, lambda *what: came.setdefault(what[0], what))
        yield
    finally:
        errors = _put_back(handlers)
        for number, what in came.items():
            try:
                handlers[number](*what)
            except BaseException as error:
                errors.append(error)
        if errors:
            raise errors[0]


def _put_back(handlers):
    """Install signal handlers. Gives what they raised meanwhile."""
    left, errors = list(handlers), []
    while left:
        try:
            while left:
                signal.signal(left[-1], handlers[left[-1]])
                left.pop()
        except BaseException as error:
            errors.append(error)
    return errors
