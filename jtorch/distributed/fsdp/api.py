"""Options of FSDP."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from jtorch.core.facts import dtype
from jtorch.nn.modules.batchnorm import _BatchNorm

__all__ = [
    "BackwardPrefetch", "CPUOffload", "CPUOffloadPolicy", "FullOptimStateDictConfig", "FullStateDictConfig",
    "LocalOptimStateDictConfig", "LocalStateDictConfig", "MixedPrecision", "MixedPrecisionPolicy", "OffloadPolicy",
    "OptimStateDictConfig", "ShardedOptimStateDictConfig", "ShardedStateDictConfig", "ShardingStrategy", "StateDictConfig",
    "StateDictSettings", "StateDictType",
]  # fmt: skip


class ShardingStrategy(enum.Enum):
    """What is cut over the processes.

    FULL_SHARD: parameters, gradients and states. SHARD_GRAD_OP: the same, but parameters are gathered once a step. NO_SHARD:
    nothing. HYBRID_SHARD: as FULL_SHARD within a host, with copies on the other hosts.
    """

    FULL_SHARD = 1
    SHARD_GRAD_OP = 2
    NO_SHARD = 3
    HYBRID_SHARD = 4
    _HYBRID_SHARD_ZERO2 = 5


class BackwardPrefetch(enum.Enum):
    """When the parameters of the next part of a backward pass are gathered. XLA decides it; the value has no effect."""

    BACKWARD_PRE = 1
    BACKWARD_POST = 2


class StateDictType(enum.Enum):
    """How `state_dict` gives the parameters: whole, or as DTensors (SHARDED_STATE_DICT)."""

    FULL_STATE_DICT = 1
    LOCAL_STATE_DICT = 2
    SHARDED_STATE_DICT = 3


@dataclass
class CPUOffload:
    """Whether parameters are kept on the CPU while they are not used."""

    offload_params: bool = False


@dataclass
class MixedPrecision:
    """The dtypes of FullyShardedDataParallel: of parameters and inputs in `forward`, of exchanged gradients, and of buffers."""

    param_dtype: dtype | None = None
    reduce_dtype: dtype | None = None
    buffer_dtype: dtype | None = None
    keep_low_precision_grads: bool = False
    cast_forward_inputs: bool = False
    cast_root_forward_inputs: bool = True
    _module_classes_to_ignore: tuple = (_BatchNorm,)


@dataclass(frozen=True)
class MixedPrecisionPolicy:
    """The dtypes of `fully_shard`: of parameters and inputs in `forward`, of exchanged gradients, and of results.

    >>> torch.distributed.fsdp.MixedPrecisionPolicy(param_dtype=torch.bfloat16).cast_forward_inputs
    True
    """

    param_dtype: dtype | None = None
    reduce_dtype: dtype | None = None
    output_dtype: dtype | None = None
    cast_forward_inputs: bool = True


@dataclass
class OffloadPolicy:
    """Where `fully_shard` keeps parameters: on the device."""


@dataclass
class CPUOffloadPolicy(OffloadPolicy):
    """Keep parameters on the CPU while they are not used. Parameters on the CPU stay there; those on a GPU are refused."""

    pin_memory: bool = True


@dataclass
class StateDictConfig:
    """Options of a state_dict."""

    offload_to_cpu: bool = False


@dataclass
class FullStateDictConfig(StateDictConfig):
    """Options of FULL_STATE_DICT. `rank0_only`: the other processes get an empty state_dict."""

    rank0_only: bool = False


@dataclass
class LocalStateDictConfig(StateDictConfig):
    """Options of LOCAL_STATE_DICT, which is refused."""


@dataclass
class ShardedStateDictConfig(StateDictConfig):
    """Options of SHARDED_STATE_DICT. Parameters are DTensors in any case."""

    _use_dtensor: bool = False


@dataclass
class OptimStateDictConfig:
    """Options of an optimizer's state_dict."""

    offload_to_cpu: bool = True


@dataclass
class FullOptimStateDictConfig(OptimStateDictConfig):
    """Options of FULL_STATE_DICT. `rank0_only`: the other processes get an empty state_dict."""

    rank0_only: bool = False


@dataclass
class LocalOptimStateDictConfig(OptimStateDictConfig):
    """Options of LOCAL_STATE_DICT, which is refused."""

    offload_to_cpu: bool = False


@dataclass
class ShardedOptimStateDictConfig(OptimStateDictConfig):
    """Options of SHARDED_STATE_DICT."""

    _use_dtensor: bool = False


@dataclass
class StateDictSettings:
    """A type of state_dict with its options."""

    state_dict_type: StateDictType
    state_dict_config: StateDictConfig
    optim_state_dict_config: OptimStateDictConfig
