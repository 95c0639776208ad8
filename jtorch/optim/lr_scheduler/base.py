"""LRScheduler: counts steps, asks `get_lr` for the next learning rates, and writes them into the parameter groups.

The attributes here and in the subclasses are set in PyTorch's order, because `state_dict` is the `__dict__` of the
scheduler without the optimizer, and its files are read by PyTorch, too.
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
    "Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization. "
    f"Please, make sure to call `optimizer.step()` before `lr_scheduler.step()`. {HOW_TO}"
)
OUT_OF_ORDER = (
    "Detected call of `lr_scheduler.step()` before `optimizer.step()`. "
    "In PyTorch 1.1.0 and later, you should call them in the opposite order: `optimizer.step()` before `lr_scheduler.step()`. "
    f" Failure to do this will result in PyTorch skipping the first value of the learning rate schedule. {HOW_TO}"
)
EPOCH_DEPRECATION_WARNING = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. "
    "Please use `scheduler.step()` to step the scheduler. "
    "During the deprecation, if epoch is different from None, the closed form is used instead of the new chainable form, where available. "
    "Please open an issue if you are unable to replicate your use case: https://github.com/pytorch/pytorch/issues/new/choose."
)
NO_INITIAL_LR = (
    "param 'initial_lr' is not specified in param_groups[{}] when resuming scheduler with last_epoch >= 0.\n"
    "This typically happens when:\n1. You're trying to resume training from a checkpoint but haven't properly loaded the optimizer "
    "state\n2. You're using last_epoch >= 0 for a fresh training run (not recommended)"
)


class LRScheduler:
    """Base of all schedulers. A subclass defines `get_lr`: the learning rates for step number `last_epoch`.

    Args:
        optimizer: whose groups' "lr" is set; each group also gets "initial_lr".
        last_epoch: the number of the last step done, counted from 0; -1 starts from the beginning.

    Raises:
        TypeError: optimizer is not an Optimizer.
        KeyError: last_epoch >= 0 and a group has no "initial_lr".

    >>> class Half(torch.optim.lr_scheduler.LRScheduler):
    ...     def get_lr(self):
    ...         return [base / 2**self.last_epoch for base in self.base_lrs]
    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    >>> scheduler = Half(optimizer)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> optimizer.param_groups[0]["lr"]
    0.5
    """

    _get_lr_called_within_step = False
    _is_initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1):
        self.optimizer = check_optimizer(optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copy_of(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(NO_INITIAL_LR.format(i))
        self.base_lrs = group_values(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        watch_steps(optimizer)
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def state_dict(self) -> dict[str, Any]:
        """All attributes of the scheduler except the optimizer."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.__dict__.update(state_dict)

    def get_last_lr(self) -> list[float | Tensor]:
        """The learning rates that the last step set, one for each group."""
        return self._last_lr

    def get_lr(self) -> list[float | Tensor]:
        """The learning rates for step number `last_epoch`, one for each group, computed from the current ones."""
        raise NotImplementedError

    def step(self, epoch: int | None = None) -> None:
        """Go to the next step, or (deprecated) to step `epoch`, and set the groups' learning rates."""
        if self._step_count == 1:
            warn_about_order(self.optimizer)
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_DEPRECATION_WARNING, UserWarning, stacklevel=2)
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        with self._within_step():
            if epoch is None:
                self.last_epoch += 1
                rates = self.get_lr()
            else:
                self.last_epoch = epoch
                rates = getattr(self, "_get_closed_form_lr", self.get_lr)()
        self._set_lrs(rates)

    @contextmanager
    def _within_step(self):
        self._get_lr_called_within_step = True
        try:
            yield
        finally:
            self._get_lr_called_within_step = False

    def _set_lrs(self, lrs: list[float | Tensor]) -> None:
        for group, rate in zip(self.optimizer.param_groups, lrs, strict=True):
            set_group_value(group, "lr", rate)
        self._last_lr = group_values(self.optimizer, "lr")

    def _current_lrs(self) -> list[float | Tensor]:
        """The current learning rates, for a `get_lr` that continues from them."""
        self._warn_outside_step(stacklevel=4)
        return group_values(self.optimizer, "lr")

    def _warn_outside_step(self, stacklevel: int = 3) -> None:
        if not self._get_lr_called_within_step:
            message = "To get the last learning rate computed by the scheduler, please use `get_last_lr()`."
            warnings.warn(message, UserWarning, stacklevel=stacklevel)


def check_optimizer(optimizer: Any) -> Optimizer:
    """The argument; raises PyTorch's TypeError for anything but an Optimizer."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
    return optimizer


def copy_of(value: Any) -> Any:
    """The value; of a Tensor a copy, because a scheduler never holds a group's own Tensor."""
    return value.clone() if isinstance(value, Tensor) else value


def group_values(optimizer: Optimizer, key: str) -> list[Any]:
    """A setting of each group, Tensors copied."""
    return [copy_of(group[key]) for group in optimizer.param_groups]


def set_group_value(group: dict[str, Any], key: str, value: Any) -> None:
    """group[key] = value. A Tensor in the group is filled instead, because others may hold it."""
    held = group[key]
    if isinstance(held, Tensor):
        held.fill_(value.squeeze() if isinstance(value, Tensor) else value)
    else:
        group[key] = value


def per_group(name: str, optimizer: Optimizer, given: Any) -> list[Any]:
    """A list of one value for each group, from one value for all groups or such a list."""
    groups = len(optimizer.param_groups)
    if not isinstance(given, (list, tuple)):
        return [copy_of(given) for _ in range(groups)]
    if len(given) != groups:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has {len(given)} values, param_groups has {groups}."
        )
    return [copy_of(value) for value in given]


def state_of_callable(given: Any) -> dict[str, Any] | None:
    """What a state_dict holds of a user's callable: the attributes of an object; None for a function."""
    if given is None or isinstance(given, types.FunctionType):
        return None
    return given.__dict__.copy()


def watch_steps(optimizer: Optimizer) -> None:
    """Make the optimizer remember that it stepped, for the warning about the order of the two `step` calls."""
    step = optimizer.step
    if hasattr(step, "_wrapped_by_lr_sched"):
        return
    # Weak, because an optimizer that held itself would keep its arrays until the garbage collector runs.
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
    """Warn if the scheduler steps before the optimizer."""
    if not hasattr(optimizer.step, "_wrapped_by_lr_sched"):
        warnings.warn(OVERRIDDEN, UserWarning, stacklevel=3)
    elif not getattr(optimizer, "_opt_called", False):
        warnings.warn(OUT_OF_ORDER, UserWarning, stacklevel=3)


class _LRScheduler(LRScheduler):
    """The name that LRScheduler had before PyTorch 2.0; users' code still derives from it."""
