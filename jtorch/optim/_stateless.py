"""`swap_in_optimizer_params_and_state`: let an optimizer work on other parameters for a while."""

from __future__ import annotations

import contextlib
from collections import defaultdict

from jtorch.core.tensor import Tensor

_SELF = "swap_in_optimizer_params_and_state requires"


def _check_state(state):
    if not isinstance(state, dict):
        raise RuntimeError(
            f"{_SELF} swapin_optim_state['state'] to be a dict mapping packed parameter ids to per-param state dicts, "
            f"got {type(state).__name__}."
        )
    if any(isinstance(key, Tensor) for key in state):
        raise RuntimeError(f"{_SELF} optimizer.state_dict()-style state keyed by packed parameter ids.")
    if any(isinstance(key, int) and not isinstance(held, dict) for key, held in state.items()):
        raise RuntimeError(f"{_SELF} per-parameter optimizer state entries to be dictionaries.")


def _check_swapped_group(i, group, given):
    """The numbers of the group's parameters in the given state."""
    if not isinstance(given, dict):
        raise RuntimeError(f"{_SELF} each optimizer param group to be a dictionary.")
    numbers = given.get("params")
    if not isinstance(numbers, list) or not all(isinstance(n, int) for n in numbers):
        raise RuntimeError(
            f"{_SELF} optimizer.state_dict()-style param_groups[*]['params'] entries keyed by packed parameter ids."
        )
    if len(group["params"]) != len(numbers):
        raise RuntimeError(
            f"swapin_optim_state param group {i} has a different number of params than the live optimizer param group."
        )
    new, old = [key for key in given if key not in group], [key for key in group if key not in given]
    if new or old:
        raise RuntimeError(
            f"{_SELF} optimizer.state_dict()-style param group keys to exactly match the live optimizer group keys for group "
            f"{i}. Keys only in swap-in: {new}. Keys only in live: {old}."
        )
    return numbers


def _swapped_pairs(optimizer, parameters, given):
    """For each group its settings and its parameters, each with its state."""
    if not optimizer.state:
        raise RuntimeError(f"{_SELF} initialized optimizer state.")
    if not isinstance(given, dict):
        raise RuntimeError(f"{_SELF} a DCP-style optimizer state_dict.")
    state, groups = given.get("state"), given.get("param_groups")
    _check_state(state)
    if not isinstance(groups, list):
        raise RuntimeError(
            f"{_SELF} swapin_optim_state['param_groups'] to be a list of param-group dicts, got {type(groups).__name__}."
        )
    if len(optimizer.param_groups) != len(groups):
        raise RuntimeError("swapin_optim_state has a different number of parameter groups than the live optimizer.")
    left, known, made = list(parameters.values()), set(), []
    for i, (group, settings) in enumerate(zip(optimizer.param_groups, groups, strict=True)):
        numbers = _check_swapped_group(i, group, settings)
        known.update(numbers)
        if len(numbers) > len(left):
            raise RuntimeError(f"{_SELF} the explicit parameter state to match optimizer.param_groups ordering.")
        own, left = left[: len(numbers)], left[len(numbers) :]
        made.append((settings, own, [dict(state.get(n, {})) for n in numbers]))
    extra = [key for key in state if key not in known]
    if extra:
        raise RuntimeError(
            f"{_SELF} swapin_optim_state['state'] to be keyed only by packed parameter ids from param_groups[*]['params']; "
            f"got extra keys {extra!r}."
        )
    return made


@contextlib.contextmanager
def swap_in_optimizer_params_and_state(optimizer, swapin_parameters, swapin_optim_state):
    """A `with` block in which an optimizer has other parameters, settings and states. Afterwards it has its own again.

    Args:
        optimizer: it must have made a step.
        swapin_parameters: name -> tensor, in the order of the optimizer's parameters.
        swapin_optim_state: what `state_dict()` gives. Its tensors are written in place.

    Raises:
        RuntimeError: the state does not fit the optimizer.

    >>> p, other = torch.ones(1, requires_grad=True), torch.zeros(1)
    >>> optimizer = torch.optim.SGD([p], lr=1.0, momentum=0.5)
    >>> p.grad = torch.ones(1); optimizer.step()
    >>> with torch.optim.swap_in_optimizer_params_and_state(optimizer, {"p": other}, optimizer.state_dict()):
    ...     other.grad = torch.ones(1); optimizer.step()
    >>> p.data, other
    (tensor([0.]), tensor([-1.5000]))
    """
    made = _swapped_pairs(optimizer, swapin_parameters, swapin_optim_state)
    state, groups = optimizer.state, [dict(group) for group in optimizer.param_groups]
    try:
        swapped = defaultdict(dict)
        for group, (settings, own, states) in zip(optimizer.param_groups, made, strict=True):
            group.update({**settings, "params": own})
            swapped.update(zip(own, states, strict=True))
        optimizer.state = swapped
        yield
    finally:
        for group, before in zip(optimizer.param_groups, groups, strict=True):
            group.clear()
            group.update(before)
        optimizer.state = state


swap_in_optimizer_params_and_state.__module__ = "jtorch.optim"
