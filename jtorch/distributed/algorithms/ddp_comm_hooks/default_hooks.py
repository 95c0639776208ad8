"""`torch.distributed.algorithms.ddp_comm_hooks.default_hooks`: the mean of the gradients, also in a smaller dtype."""

from __future__ import annotations

from jtorch.core.facts import dtypes
from jtorch.distributed._c10d.collectives import all_reduce
from jtorch.distributed._c10d.process_groups import group_of

__all__ = [
    "allreduce_hook",
    "bf16_compress_hook",
    "bf16_compress_wrapper",
    "fp16_compress_hook",
    "fp16_compress_wrapper",
]


def allreduce_hook(process_group, bucket):
    """The mean of the gradients, as without a hook."""
    return _mean(process_group, bucket.buffer() / group_of(process_group).size())


def _mean(group, flat):
    return all_reduce(flat, group=group, async_op=True).get_future().then(lambda future: future.value()[0])


def _compressed(dtype, group, bucket):
    buffer = bucket.buffer()
    small = buffer.to(dtype) / group_of(group).size()
    return _mean(group, small).then(lambda future: future.value().to(buffer.dtype))


def fp16_compress_hook(process_group, bucket):
    """The mean of the gradients, exchanged as float16."""
    return _compressed(dtypes.float16, process_group, bucket)


def bf16_compress_hook(process_group, bucket):
    """The mean of the gradients, exchanged as bfloat16."""
    return _compressed(dtypes.bfloat16, process_group, bucket)


def _compressing(hook, dtype):
    def wrapper(state, bucket):
        buffer = bucket.buffer()
        bucket.set_buffer(buffer.to(dtype))
        return hook(state, bucket).then(lambda future: future.value().to(buffer.dtype))

    return wrapper


def fp16_compress_wrapper(hook):
    """A hook that calls `hook` with the gradients as float16."""
    return _compressing(hook, dtypes.float16)


def bf16_compress_wrapper(hook):
    """A hook that calls `hook` with the gradients as bfloat16."""
    return _compressing(hook, dtypes.bfloat16)
