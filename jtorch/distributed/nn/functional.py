"""`torch.distributed.nn.functional`: collectives that gradients go through. They return new tensors."""

from __future__ import annotations

from jtorch.autograd.function import Function
from jtorch.distributed._c10d import collectives, recording
from jtorch.distributed._c10d.process_groups import get_global_rank, get_rank, get_world_size, group_of
from jtorch.distributed._c10d.reduce_op import ReduceOp

__all__ = [
    "all_gather",
    "all_reduce",
    "all_to_all",
    "all_to_all_single",
    "broadcast",
    "gather",
    "reduce",
    "reduce_scatter",
    "scatter",
]


class _AllReduce(Function):
    @staticmethod
    def forward(ctx, op, group, tensor):
        ctx.op, ctx.group = op, group
        made = tensor.detach().clone()
        collectives.all_reduce(made, op, group)
        return made

    @staticmethod
    def backward(ctx, gradient):
        return None, None, _AllReduce.apply(ctx.op, ctx.group, gradient)


class _Broadcast(Function):
    @staticmethod
    def forward(ctx, source, group, tensor):
        ctx.source, ctx.group = source, group
        made = tensor.detach().clone()
        collectives.broadcast(made, source, group)
        return made

    @staticmethod
    def backward(ctx, gradient):
        made = _Reduce.apply(ctx.source, ReduceOp.SUM, ctx.group, gradient)
        return None, None, made if ctx.source == get_rank() else made.zero_()


class _Reduce(Function):
    @staticmethod
    def forward(ctx, target, op, group, tensor):
        ctx.target, ctx.group = target, group
        made = tensor.detach().clone()
        collectives.reduce(made, target, op, group)
        return made

    @staticmethod
    def backward(ctx, gradient):
        return None, None, None, _Broadcast.apply(ctx.target, ctx.group, gradient)


class _AlltoAll(Function):
    @staticmethod
    def forward(ctx, group, outputs, *tensors):
        ctx.group = group
        ctx.shapes = [t.shape for t in tensors]
        made = [t.detach().clone() for t in outputs]
        collectives.all_to_all(made, [t.detach().contiguous() for t in tensors], group)
        return tuple(made)

    @staticmethod
    def backward(ctx, *gradients):
        outputs = [gradients[0].new_empty(shape) for shape in ctx.shapes]
        return None, None, *_AlltoAll.apply(ctx.group, outputs, *gradients)


class _AlltoAllSingle(Function):
    @staticmethod
    def forward(ctx, group, output, taken, given, tensor):
        ctx.group, ctx.taken, ctx.given, ctx.shape = group, taken, given, tensor.shape
        made = output.detach().clone()
        collectives.all_to_all_single(made, tensor.detach().contiguous(), taken, given, group)
        return made

    @staticmethod
    def backward(ctx, gradient):
        output = gradient.new_empty(ctx.shape)
        made = _AlltoAllSingle.apply(ctx.group, output, ctx.given, ctx.taken, gradient.contiguous())
        return None, None, None, None, made


class _AllGather(Function):
    @staticmethod
    def forward(ctx, group, tensor):
        ctx.group = group
        made = [tensor.detach().clone() for _ in range(get_world_size(group))]
        collectives.all_gather(made, tensor.detach().contiguous(), group)
        return tuple(made)

    @staticmethod
    def backward(ctx, *gradients):
        made = gradients[0].detach().clone()
        collectives.reduce_scatter(made, [g.contiguous() for g in gradients], ReduceOp.SUM, ctx.group)
        return None, made


class _Reduce_Scatter(Function):
    @staticmethod
    def forward(ctx, op, group, *tensors):
        ctx.group = group
        made = tensors[0].detach().clone()
        collectives.reduce_scatter(made, [t.detach().contiguous() for t in tensors], op, group)
        return made

    @staticmethod
    def backward(ctx, gradient):
        return None, None, *_AllGather.apply(ctx.group, gradient)


class _Scatter(Function):
    @staticmethod
    def forward(ctx, source, group, *tensors):
        ctx.source, ctx.group = source, group
        made = tensors[0].detach().clone()
        here = group_of(group).rank() == source
        rows = [t.detach() for t in tensors] if here else None
        collectives.scatter(made, rows, group=group, group_src=source)
        return made

    @staticmethod
    def backward(ctx, gradient):
        return None, None, *_gathered_at(ctx.source, ctx.group, gradient)


def _gathered_at(target, group, tensor):
    rows = recording.stacked([tensor] * get_world_size(group)) * 0
    if get_world_size(group) == 1:
        return (tensor,)
    made = recording.record_collective(recording.gather_array, group_of(group).ranks, [tensor]).unbind(0)
    return tuple(made) if group_of(group).rank() == target else tuple(rows.unbind(0))


class _Gather(Function):
    @staticmethod
    def forward(ctx, target, group, tensor):
        ctx.target, ctx.group = target, group
        return _gathered_at(target, group, tensor.detach())

    @staticmethod
    def backward(ctx, *gradients):
        return None, None, _Scatter.apply(ctx.target, ctx.group, *gradients)


def all_reduce(tensor, op=ReduceOp.SUM, group=None):
    """The reduction of a tensor over the processes. The gradient is reduced in the same way."""
    return _AllReduce.apply(op, group, tensor)


def broadcast(tensor, src, group=None):
    """The tensor of the process with rank `src`. Its gradient is the sum over the processes."""
    return _Broadcast.apply(src, group, tensor)


def reduce(tensor, dst, op=ReduceOp.SUM, group=None):
    """The reduction of a tensor over the processes, in the one with rank `dst`."""
    return _Reduce.apply(dst, op, group, tensor)


def all_gather(tensor, group=None):
    """The tensors of all processes, as a tuple."""
    return _AllGather.apply(group, tensor)


def reduce_scatter(output, input_list, op=ReduceOp.SUM, group=None):
    """The reduction over the processes of the tensor of this rank."""
    return _Reduce_Scatter.apply(op, group, *input_list)


def all_to_all(output_tensor_list, input_tensor_list, group=None):
    """Send tensor i of the list to process i. The results have the sizes of `output_tensor_list`."""
    return _AlltoAll.apply(group, output_tensor_list, *input_tensor_list)


def all_to_all_single(output, input, output_split_sizes=None, input_split_sizes=None, group=None):
    """Send part i of a tensor to process i. The result has the size of `output`."""
    return _AlltoAllSingle.apply(group, output, output_split_sizes, input_split_sizes, input)


def scatter(tensors, src=0, group=None):
    """The tensor of this rank in the list of the process with rank `src`."""
    return _Scatter.apply(_rank_in(group, src), group, *tensors)


def gather(tensor, dst=0, group=None):
    """The tensors of all processes in the one with rank `dst`; zeros in the others."""
    return _Gather.apply(_rank_in(group, dst), group, tensor)


def _rank_in(group, rank):
    """The rank in a group of a process, given by its rank in the whole program."""
    return [get_global_rank(group_of(group), r) for r in range(get_world_size(group))].index(rank)
