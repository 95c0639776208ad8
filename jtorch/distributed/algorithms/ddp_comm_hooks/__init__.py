"""`torch.distributed.algorithms.ddp_comm_hooks`: hooks for `DistributedDataParallel.register_comm_hook`."""

from __future__ import annotations

import functools
from enum import Enum, member

from jtorch.distributed.algorithms.ddp_comm_hooks import debugging_hooks, default_hooks

__all__ = ["DDPCommHookType", "register_ddp_comm_hook"]


def _register_hook(hook, model, state):
    model.register_comm_hook(state, hook)


def _refuse_hook(name, model, state):
    raise NotImplementedError(f"torch.distributed.algorithms.ddp_comm_hooks.DDPCommHookType.{name}")


def _of(hook):
    return member(functools.partial(_register_hook, hook))


def _only_named(name):
    return member(functools.partial(_refuse_hook, name))


class DDPCommHookType(Enum):
    """The hooks by name. The value of each is a function of a model and a state, which registers the hook.

    Differs from torch: those that quantize and those of PowerSGD raise NotImplementedError when they are registered.
    """

    ALLREDUCE = _of(default_hooks.allreduce_hook)
    FP16_COMPRESS = _of(default_hooks.fp16_compress_hook)
    BF16_COMPRESS = _of(default_hooks.bf16_compress_hook)
    QUANTIZE_PER_TENSOR = _only_named("QUANTIZE_PER_TENSOR")
    QUANTIZE_PER_CHANNEL = _only_named("QUANTIZE_PER_CHANNEL")
    POWER_SGD = _only_named("POWER_SGD")
    POWER_SGD_RANK2 = _only_named("POWER_SGD_RANK2")
    BATCHED_POWER_SGD = _only_named("BATCHED_POWER_SGD")
    BATCHED_POWER_SGD_RANK2 = _only_named("BATCHED_POWER_SGD_RANK2")
    NOOP = _of(debugging_hooks.noop_hook)


def register_ddp_comm_hook(comm_hook_type: DDPCommHookType, model, state=None) -> None:
    """Register a hook by its name.

    Args:
        model: a `DistributedDataParallel`.
        state: what the hook gets as its first argument, such as a process group.

    Raises:
        NotImplementedError: jtorch does not have the hook.
    """
    comm_hook_type.value(model=model, state=state)
