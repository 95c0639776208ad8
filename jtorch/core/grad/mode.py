"""Whether gradients are recorded: `no_grad`, `enable_grad`, `set_grad_enabled`, `inference_mode`.

Knows the switches of a thread that ops and backward passes read, and nothing of gradients themselves.
"""

from __future__ import annotations

import functools
import inspect

from jtorch.core.engine import add_fields, local
from jtorch.core.facts import warn_user

add_fields(
    grad=True,  # whether gradients are recorded
    inference=False,  # whether `inference_mode` is on
    anomaly=None,  # what searches for NaN in gradients: see jtorch.autograd.anomaly_mode
    running=None,  # the BackwardPass that is running
    mutable=False,  # whether saved values may be overwritten: see jtorch.autograd.graph
)


def grad_enabled() -> bool:
    """Whether gradients are recorded now."""
    return local.grad


def is_inference_mode_enabled() -> bool:
    """Whether `inference_mode` is on now."""
    return local.inference


class _Switch:
    """A switch of this thread that works as a context manager and as a decorator."""

    def __call__(self, fn):
        return _decorated(fn, self)

    def __enter__(self):
        self._before = (local.grad, local.inference)
        self._set()
        return self

    def __exit__(self, *exc):
        local.grad, local.inference = self._before


def _decorated(fn, switch):
    if inspect.isclass(fn):
        warn_user(
            "Decorating classes is deprecated and will be disabled in future versions. You should only decorate functions or"
            " methods. To preserve the current behavior of class decoration, you can directly decorate the `__init__` method"
            " and nothing else.",
            FutureWarning,
        )
    if inspect.isgeneratorfunction(fn):

        @functools.wraps(fn)
        def generator(*args, **kwargs):
            steps = fn(*args, **kwargs)
            resume, sent = steps.send, None
            while True:
                with switch.clone():
                    try:
                        item = resume(sent)
                    except StopIteration as stop:
                        return stop.value
                try:
                    resume, sent = steps.send, (yield item)
                except GeneratorExit:
                    with switch.clone():
                        steps.close()
                    raise
                except BaseException as thrown:  # by `throw`: it is raised at the generator's own `yield`
                    resume, sent = steps.throw, thrown

        return generator

    @functools.wraps(fn)
    def decorated(*args, **kwargs):
        with switch.clone():
            return fn(*args, **kwargs)

    return decorated


class no_grad(_Switch):
    """Record no gradients inside: a context manager and a decorator.

    Args:
        fn: a function to decorate, for `@torch.no_grad` without brackets.

    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    __module__ = "jtorch.autograd.grad_mode"

    def __new__(cls, fn=None):
        self = object.__new__(cls)
        return self if fn is None else self(fn)

    def __init__(self, fn=None):
        pass

    def clone(self):
        return self.__class__()

    def _set(self):
        local.grad = False


class enable_grad(no_grad):
    """Record gradients inside, also within `no_grad`.

    Args:
        fn: a function to decorate, for `@torch.enable_grad` without brackets.

    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.no_grad(), torch.enable_grad():
    ...     (x * 2).requires_grad
    True
    """

    __module__ = "jtorch.autograd.grad_mode"

    def _set(self):
        local.grad = True


class set_grad_enabled(_Switch):
    """Turn the recording of gradients on or off: at once when called, or for a `with` block or a function.

    Args:
        mode: True: record.

    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.set_grad_enabled(False):
    ...     (x * 2).requires_grad
    False
    """

    __module__ = "jtorch.autograd.grad_mode"

    def __init__(self, mode: bool):
        self.mode = bool(mode)
        self._before = (local.grad, local.inference)
        self._at_once = True
        self._set()

    def __call__(self, fn):
        local.grad, local.inference = self._before  # used as a decorator: the call itself changes nothing
        return _decorated(fn, self)

    def __enter__(self):
        self._set()
        return self

    def clone(self):
        made = object.__new__(set_grad_enabled)
        made.mode = self.mode
        made._before = (local.grad, local.inference)
        return made

    def _set(self):
        local.grad = self.mode

    def __repr__(self):
        return f"{self.__class__.__name__}(mode={self.mode})"


watchers: list = []  # called when an `inference_mode` block begins (+1) and ends (-1)


class inference_mode(_Switch):
    """Like `no_grad`; in addition, tensors made inside can never enter a gradient graph.

    Args:
        mode: False: record gradients as outside of it. A function: decorate it.

    >>> with torch.inference_mode():
    ...     x = torch.ones(2)
    >>> x.is_inference()
    True
    """

    __module__ = "jtorch.autograd.grad_mode"

    def __new__(cls, mode=True):
        self = object.__new__(cls)
        if isinstance(mode, bool):
            self.mode = mode
            return self
        self.mode = True
        return self(mode)

    def __init__(self, mode=True):
        pass

    def clone(self):
        return inference_mode(self.mode)

    def __enter__(self):
        super().__enter__()
        for watcher in watchers:
            watcher(+1)
        return self

    def __exit__(self, *exc):
        super().__exit__(*exc)
        for watcher in watchers:
            watcher(-1)

    def _set(self):
        local.inference = self.mode
        local.grad = not self.mode
