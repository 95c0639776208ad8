"""`torch.distributed.nn`: collectives that gradients go through."""

from jtorch.distributed.nn import batch_statistics
from jtorch.distributed.nn.functional import (
    all_gather,
    all_reduce,
    all_to_all,
    all_to_all_single,
    broadcast,
    gather,
    reduce,
    reduce_scatter,
    scatter,
)
