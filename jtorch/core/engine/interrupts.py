"""Holds back signals and Python's garbage collector while JAX traces and compiles."""

from __future__ import annotations

import contextlib
import gc
import signal
import threading


@contextlib.contextmanager
def uninterrupted():
    """A context in which signals wait and Python's garbage collector does not run.

    Tracing makes so many objects that the collector would search all modules, which takes 80 ms of a start.
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
    """A context in which signals with a Python handler wait. Each handler runs once afterwards.

    It is not enough to block the signals in this thread: XLA has many threads, one of which would receive them, and Python
    runs the handler in the main thread all the same.
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
    """Install signal handlers. Returns the errors that they raised meanwhile."""
    left, errors = list(handlers), []
    while left:
        try:
            while left:
                signal.signal(left[-1], handlers[left[-1]])
                left.pop()
        except BaseException as error:
            errors.append(error)
    return errors
