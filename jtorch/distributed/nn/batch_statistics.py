"""What `SyncBatchNorm` computes over several processes. Registered with `jtorch.nn.modules.batchnorm`."""

from __future__ import annotations

from jtorch.core.facts import dtypes
from jtorch.core.grad import no_grad
from jtorch.core.ops.gather.joining import cat
from jtorch.distributed._c10d.process_groups import group_of, is_initialized
from jtorch.distributed.nn.functional import all_reduce
from jtorch.nn.modules.batchnorm import normalize_over

_WIDE = {dtypes.float16: dtypes.float32, dtypes.bfloat16: dtypes.float32}


def batch_norm_over(module, input, running_mean, running_var, average):
    """`batch_norm` with the mean and variance over all processes; None if there is only one process."""
    if not is_initialized():
        return None
    group = group_of(module.process_group)
    if group.size() == 1:
        return None
    x = input.to(_WIDE.get(input.dtype, input.dtype))
    dims = [d for d in range(x.dim()) if d != 1]
    channels = x.shape[1]
    count = x.new_full((1,), x.numel() // channels)
    sums = all_reduce(cat([x.sum(dims), count]), group=group)
    total = sums[channels:].detach()
    shape = [1, channels] + [1] * (x.dim() - 2)
    mean = sums[:channels] / total
    centered = x - mean.view(shape)
    variance = all_reduce((centered * centered).sum(dims), group=group) / total
    if running_mean is not None:
        with no_grad():
            unbiased = variance.detach() * (total / (total - 1))
            running_mean.mul_(1 - average).add_((average * mean.detach()).to(running_mean.dtype))
            running_var.mul_(1 - average).add_((average * unbiased).to(running_var.dtype))
    made = centered * (variance + module.eps).rsqrt().view(shape)
    if module.weight is not None:
        made = made * module.weight.view(shape)
    if module.bias is not None:
        made = made + module.bias.view(shape)
    return made.to(input.dtype)


normalize_over(batch_norm_over)
