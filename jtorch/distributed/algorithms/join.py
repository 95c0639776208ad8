"""`torch.distributed.algorithms.join`: processes with different numbers of batches.

A process that has no more batches takes part in the collectives of the others until all have come to the end.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from typing import NamedTuple

from jtorch.core.ops.make.create import ones, zeros
from jtorch.distributed._c10d.collectives import all_reduce
from jtorch.distributed._c10d.process_groups import get_rank

__all__ = ["Join", "JoinHook", "Joinable"]

_MANY = 1000  # so many batches fewer than the others are worth a warning


class JoinHook:
    """What a process that has ended does for the others."""

    def main_hook(self) -> None:
        """Take part in the collectives of one batch of the others."""

    def post_hook(self, is_last_joiner: bool) -> None:
        """Called when all have ended.

        Args:
            is_last_joiner: whether this process was one of the last.
        """


class JoinConfig(NamedTuple):
    """What a `Join` tells each of its joinables."""

    enable: bool = False
    throw_on_early_termination: bool = False
    is_first_joinable: bool = False


class Joinable(ABC):
    """The base class of what can take part in a `Join`. It calls `Join.notify_join_context(self)` before its collectives."""

    @abstractmethod
    def __init__(self) -> None:
        super().__init__()
        self._join_config = JoinConfig()

    @abstractmethod
    def join_hook(self, **kwargs) -> JoinHook:
        """The hook of this object, with the options that `Join` was given."""

    @property
    @abstractmethod
    def join_device(self):
        """The device on which `Join` counts the processes."""

    @property
    @abstractmethod
    def join_process_group(self):
        """The process group."""


class Join:
    """A `with` block in which processes may have different numbers of batches.

    Each batch the processes count those that still have one, with one all_reduce.

    Args:
        joinables: what has collectives in the block, such as a `DistributedDataParallel`.
        enable: False: the block does nothing.
        throw_on_early_termination: raise an error in all processes as soon as one has no more batches.
        **kwargs: options for the hooks.

    Raises:
        ValueError: there are no joinables, or they have different process groups.
        RuntimeError: with `throw_on_early_termination`, a process has no more batches and another one has.
    """

    def __init__(self, joinables, enable=True, throw_on_early_termination=False, **kwargs):
        if len(joinables) == 0:
            raise ValueError("The join context manager requires at least one joinable")
        self._joinables = list(joinables)
        self._hooks = [joinable.join_hook(**kwargs) for joinable in joinables]
        self._enable, self._throws = enable, throw_on_early_termination
        for i, joinable in enumerate(joinables):
            joinable._join_config = JoinConfig(enable, throw_on_early_termination, i == 0)
        self._group, self._device = joinables[0].join_process_group, joinables[0].join_device
        if any(joinable.join_process_group != self._group for joinable in joinables):
            raise ValueError("Using join context manager with multiple process groups")
        self._rank = get_rank(self._group)

    def __enter__(self): ...

    def __exit__(self, kind, error, traceback):
        for joinable in self._joinables:
            joinable._join_config = JoinConfig()
        if not self._enable or kind is not None:
            return
        rounds = 0
        while self._sum(zeros(1, device=self._device)).item():
            if self._throws:
                self._sum(ones(1, device=self._device)).item()
                raise RuntimeError(f"Rank {self._rank} exhausted all inputs.")
            for hook in self._hooks:
                hook.main_hook()
            rounds += 1
            if rounds == _MANY:
                warnings.warn(
                    f"Detected uneven input skew of greater than {_MANY}. This means that rank {self._rank} has at least "
                    f"{_MANY} fewer inputs than other currently-active ranks. This level of skew could lead to performance "
                    "degradation during training.",
                    stacklevel=2,
                )
        for hook in self._hooks:
            hook.post_hook(rounds == 0)

    def _sum(self, tensor):
        all_reduce(tensor, group=self._group)
        return tensor

    @staticmethod
    def notify_join_context(joinable: Joinable):
        """Tell the processes that have ended that this one has another batch.

        Returns a `Work` for the first joinable of an enabled `Join`, else None.

        Raises:
            RuntimeError: with `throw_on_early_termination`, a process has ended.
        """
        if not hasattr(joinable, "_join_config"):
            raise AssertionError(f"Check that the {type(joinable)} constructor calls the ``Joinable`` constructor")
        asked = joinable._join_config
        if not asked.is_first_joinable or not asked.enable:
            return None
        group, device = joinable.join_process_group, joinable.join_device
        work = all_reduce(ones(1, device=device), group=group, async_op=True)
        if asked.throw_on_early_termination:
            ended = zeros(1, device=device)
            all_reduce(ended, group=group)
            if ended.item():
                raise RuntimeError("Detected at least one rank that exhausted inputs. Throwing across all ranks.")
        return work
