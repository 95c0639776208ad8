"""The older place of `torch.distributed.fsdp.fully_shard`."""

from jtorch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard

__all__ = ["FSDPModule", "MixedPrecisionPolicy", "fully_shard"]
