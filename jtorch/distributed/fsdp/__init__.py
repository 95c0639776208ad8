"""`torch.distributed.fsdp`: parameters spread over processes. They are not built: the names are there for `isinstance`."""

from __future__ import annotations

import enum

from jtorch.nn.modules.module import Module

__all__ = [
    "CPUOffload",
    "CPUOffloadPolicy",
    "FSDPModule",
    "FullyShardedDataParallel",
    "MixedPrecision",
    "MixedPrecisionPolicy",
    "OffloadPolicy",
    "ShardingStrategy",
    "StateDictType",
    "fully_shard",
]  # fmt: skip

_NOT_BUILT = "torch.distributed.fsdp: jtorch does not spread parameters over processes; nn.parallel.DistributedDataParallel copies them"


class FullyShardedDataParallel(Module):
    """A module whose parameters are spread over processes. Making one raises NotImplementedError."""

    def __init__(self, module, *args, **options):
        raise NotImplementedError(_NOT_BUILT)


class FSDPModule:
    """What `fully_shard` makes of a module. There are none."""


def fully_shard(module, **options):
    """Raises NotImplementedError."""
    raise NotImplementedError(_NOT_BUILT)


class StateDictType(enum.Enum):
    """How the parameters would be saved."""

    FULL_STATE_DICT = 1
    LOCAL_STATE_DICT = 2
    SHARDED_STATE_DICT = 3


class ShardingStrategy(enum.Enum):
    """What would be spread."""

    FULL_SHARD = 1
    SHARD_GRAD_OP = 2
    NO_SHARD = 3
    HYBRID_SHARD = 4


class CPUOffload:
    """Whether parameters would wait on the CPU."""

    def __init__(self, offload_params=False):
        self.offload_params = offload_params


class MixedPrecision:
    """The types that would be computed in."""

    def __init__(self, param_dtype=None, reduce_dtype=None, buffer_dtype=None, **options):
        self.param_dtype, self.reduce_dtype, self.buffer_dtype = param_dtype, reduce_dtype, buffer_dtype


class MixedPrecisionPolicy:
    """The types that `fully_shard` would compute in."""

    def __init__(self, param_dtype=None, reduce_dtype=None, output_dtype=None, cast_forward_inputs=True):
        self.param_dtype, self.reduce_dtype, self.output_dtype = param_dtype, reduce_dtype, output_dtype


class OffloadPolicy:
    """Where `fully_shard` would keep parameters: on the device."""


class CPUOffloadPolicy(OffloadPolicy):
    """Where `fully_shard` would keep parameters: on the CPU."""

    def __init__(self, pin_memory=True):
        self.pin_memory = pin_memory
