"""LRScheduler: counts steps, asks `get_lr` for the next rates and writes them into the parameter groups.

The order of the attributes set here and in the subclasses is PyTorch's, because `state_dict` is simply the
instance's `__dict__` without the optimizer, and files travel both ways.
"""

from __future__ import annotations

import functools
import types
import warnings
import weakref
from contextlib import contextmanager
from typing import Any

from jtorch.core.tensor import Tensor
from jtorch.optim.optimizer import Optimizer

HOW_TO = "See more details at https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"
OVERRIDDEN = (
    "Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization. Please, "
    f"make sure to call `optimizer.step()` before `lr_scheduler.step()`. {HOW_TO}"
)
OUT_OF_ORDER = (
    "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 and later, you "
    "should call them in the opposite order: `optimizer.step()` before `lr_scheduler.step()`.  Failure to do "
    f"this will result in PyTorch skipping the first value of the learning rate schedule. {HOW_TO}"
)
EPOCH_DEPRECATION_WARNING = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. "
    "Please use `scheduler.step()` to step the scheduler. During the deprecation, if epoch is different from "
    "None, the closed form is used instead of the new chainable form, where available. Please open an issue "
    "if you are unable to replicate your use case: https://github.com/pytorch/pytorch/issues/new/choose."
)
NO_INITIAL_LR = (
    "param 'initial_lr' is not specified in param_groups[{}] when resuming scheduler with last_epoch >= 0.\n"
    "This typically happens when:\n"
    "1. You're trying to resume training from a checkpoint but haven't properly loaded the optimizer state\n"
    "2. You're using last_epoch >= 0 for a fresh training run (not recommended)"
)


class LRScheduler:
    """Base of all schedulers: a subclass gives `get_lr`, the rates for step number `last_epoch`.

    Args:
        optimizer: whose groups' "lr" is set; each group also gets "initial_lr".
        last_epoch: the number of the last step done, counted from 0; -1 starts anew.

    Raises:
        TypeError: optimizer is not an Optimizer.
        KeyError: last_epoch >= 0 and a group has no "initial_lr".
    """

    _get_lr_called_within_step = False
    _is_initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1):
        self.optimizer = checked(optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copied(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(NO_INITIAL_LR.format(i))
        self.base_lrs = values(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        note_steps(optimizer)
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def state_dict(self) -> dict[str, Any]:
        """Everything the scheduler knows except the optimizer."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self.__dict__.update(state_dict)

    def get_last_lr(self) -> list[float | Tensor]:
        """The rates set by the last step, one a group."""
        return self._last_lr

    def get_lr(self) -> list[float | Tensor]:
        """The rates for step number `last_epoch`, one a group, from the present ones."""
        raise NotImplementedError

    def step(self, epoch: int | None = None) -> None:
        """Move on by one step, or (deprecated) to the given one, and set the groups' rates."""
        if self._step_count == 1:
            warn_about_order(self.optimizer)
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_DEPRECATION_WARNING, UserWarning, stacklevel=2)
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        with self._asking():
            if epoch is None:
                self.last_epoch += 1
                rates = self.get_lr()
            else:
                self.last_epoch = epoch
                rates = getattr(self, "_get_closed_form_lr", self.get_lr)()
        self._set(rates)

    @contextmanager
    def _asking(self):
        self._get_lr_called_within_step = True
        try:
            yield
        finally:
            self._get_lr_called_within_step = False

    def _set(self, rates: list[float | Tensor]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            assign(group, "lr", rate)
        self._last_lr = values(self.optimizer, "lr")

    def _now(self) -> list[float | Tensor]:
        """The present rates, for a `get_lr` that goes on from them."""
        self._warn_outside_step(stacklevel=4)
        return values(self.optimizer, "lr")

    def _warn_outside_step(self, stacklevel: int = 3) -> None:
        if not self._get_lr_called_within_step:
            message = "To get the last learning rate computed by the scheduler, please use `get_last_lr()`."
            warnings.warn(message, UserWarning, stacklevel=stacklevel)


def checked(optimizer: Any) -> Optimizer:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
    return optimizer


def copied(value: Any) -> Any:
    """The value, or a copy of a Tensor: a scheduler never holds a group's own Tensor."""
    return value.clone() if isinstance(value, Tensor) else value


def values(optimizer: Optimizer, key: str) -> list[Any]:
    return [copied(group[key]) for group in optimizer.param_groups]


def assign(group: dict[str, Any], key: str, value: Any) -> None:
    """group[key] = value; a Tensor there is filled instead, because others may hold it."""
    held = group[key]
    if isinstance(held, Tensor):
        held.fill_(value.squeeze() if isinstance(value, Tensor) else value)
    else:
        group[key] = value


def for_each_group(name: str, optimizer: Optimizer, given: Any) -> list[Any]:
    """One value a group, from one value for all or a list."""
    groups = len(optimizer.param_groups)
    if not isinstance(given, (list, tuple)):
        return [copied(given) for _ in range(groups)]
    if len(given) != groups:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. "
            f"{name} has {len(given)} values, param_groups has {groups}."
        )
    return [copied(value) for value in given]


def state_of_callable(given: Any) -> dict[str, Any] | None:
    """What is saved of a user's callable: an object's attributes; nothing of a function, which cannot be."""
    if given is None or isinstance(given, types.FunctionType):
        return None
    return given.__dict__.copy()


def note_steps(optimizer: Optimizer) -> None:
    """Have the optimizer remember that it stepped, for the warning about the order of the two `step`s."""
    step = optimizer.step
    if hasattr(step, "_wrapped_by_lr_sched"):
        return
    # weak: an optimizer that held itself would keep its arrays until the collector happens to run
    owner = weakref.ref(optimizer)
    function = step.__func__

    @functools.wraps(function)
    def noted(*args, **kwargs):
        self = owner()
        self._opt_called = True
        return function(self, *args, **kwargs)

    noted._wrapped_by_lr_sched = True
    optimizer.step = noted


def warn_about_order(optimizer: Optimizer) -> None:
    if not hasattr(optimizer.step, "_wrapped_by_lr_sched"):
        warnings.warn(OVERRIDDEN, UserWarning, stacklevel=3)
    elif not getattr(optimizer, "_opt_called", False):
        warnings.warn(OUT_OF_ORDER, UserWarning, stacklevel=3)
