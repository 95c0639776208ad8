"""The collectives of tensors.

A collective is a recorded line, as any op is: it runs with the lines around it, as a part of their program, when a result is
read or the training step ends. So an asynchronous collective is a synchronous one.
"""

from __future__ import annotations

from jtorch.core.tensor import Tensor
from jtorch.distributed._c10d import recording
from jtorch.distributed._c10d.process_groups import done, group_of, is_outside, meet, rank_of_root, supports_complex
from jtorch.distributed._c10d.reduce_op import ReduceOp
from jtorch.distributed._c10d.runner import flush_collectives


def check_tensor(tensor, name):
    if not isinstance(tensor, Tensor):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type torch.Tensor\n             but got {type(tensor)} instead."
        )


def _check_list(tensors, name):
    if not isinstance(tensors, list) or not all(isinstance(t, Tensor) for t in tensors):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type List[torch.Tensor]\n"
            f"             but got {type(tensors)} with elements of type {[type(t) for t in tensors]}."
        )


def _check_dtypes(*tensors):
    for tensor in tensors:
        if tensor.dtype is not tensors[0].dtype:
            raise ValueError(
                f"Invalid usage of tensors with different dtypesFound {tensors[0].dtype} and  {tensor.dtype}"
            )


def _check_sizes(tensors, shape, name):
    for i, tensor in enumerate(tensors):
        if tensor.shape != shape:
            raise RuntimeError(
                f"ProcessGroupGloo::{name}: invalid tensor size at index {i} (expected {_elements(shape)}, got {_elements(tensor.shape)})"
            )


def _elements(shape):
    return f"({', '.join(map(str, shape))})"


def all_reduce(tensor, op=ReduceOp.SUM, group=None, async_op=False):
    """Reduce a tensor over the processes, in place in all of them.

    Args:
        tensor: of any dtype; its shape and dtype are the same in all processes.
        op: a `ReduceOp`.
        group: the processes that take part; None: all of them.
        async_op: return a `Work`. The collective runs when its result is read or the training step ends, in either case.

    Raises:
        ValueError: there is no process group, or `op` needs an order and the tensor is complex.
        DistBackendError: where a result is read: a process has ended, or the processes do not run the same collectives.

    >>> torch.distributed.init_process_group(store=torch.distributed.HashStore(), rank=0, world_size=1)
    >>> x = torch.ones(2)
    >>> torch.distributed.all_reduce(x)
    >>> x  # the sum over one process
    tensor([1., 1.])
    >>> torch.distributed.destroy_process_group()
    """
    check_tensor(tensor, "tensor")
    if is_outside(group):
        return None
    found = group_of(group)
    if tensor.is_complex() and not supports_complex(op):
        raise ValueError(f"all_reduce does not support {op} on complex tensors")
    if found.size() > 1:
        recording.write(tensor, recording.reduce_tensors([tensor], op, found.ranks)[0])
    return done(async_op, tensor)


def all_reduce_coalesced(tensors, op=ReduceOp.SUM, group=None, async_op=False):
    """`all_reduce` of several tensors; small ones of one dtype are sent together."""
    tensors = [tensors] if isinstance(tensors, Tensor) else tensors
    _check_list(tensors, "tensor")
    if is_outside(group):
        return None
    found = group_of(group)
    if found.size() > 1:
        for tensor, made in zip(tensors, recording.reduce_tensors(tensors, op, found.ranks), strict=True):
            recording.write(tensor, made)
    return done(async_op, *tensors)


def reduce(tensor, dst=None, op=ReduceOp.SUM, group=None, async_op=False, group_dst=None):
    """Reduce a tensor over the processes, in place in the process with rank `dst`. The others keep their tensors."""
    check_tensor(tensor, "tensor")
    if is_outside(group):
        return None
    found = group_of(group)
    target = rank_of_root(found, dst, group_dst, "reduce")
    if found.size() > 1:
        made = recording.reduce_tensors([tensor], op, found.ranks)[0]
        if found.rank() == target:
            recording.write(tensor, made)
    return done(async_op, tensor)


def broadcast(tensor, src=None, group=None, async_op=False, group_src=None):
    """Copy a tensor from the process with rank `src` to all others, in place."""
    check_tensor(tensor, "tensor")
    if is_outside(group):
        return None
    found = group_of(group)
    source = rank_of_root(found, src, group_src, "broadcast")
    if found.size() > 1:
        recording.write(
            tensor, recording.record_collective(recording.broadcast_arrays, found.ranks, [tensor], source=source)
        )
    return done(async_op, tensor)


def all_gather(tensor_list, tensor, group=None, async_op=False):
    """Write the tensor of process i into `tensor_list[i]`, in all processes.

    Raises:
        ValueError: the dtypes differ.
        RuntimeError: a tensor of the list has another shape than `tensor`.
    """
    _check_list(tensor_list, "tensor_list")
    check_tensor(tensor, "tensor")
    _check_dtypes(*tensor_list, tensor)
    if is_outside(group):
        return None
    found = group_of(group)
    _check_sizes(tensor_list, tensor.shape, "allgather")
    for target, row in zip(tensor_list, _gathered(tensor, found), strict=True):
        recording.write(target, row)
    return done(async_op, tensor_list)


def _gathered(tensor, found):
    """The tensors of all processes."""
    if found.size() == 1:
        return [tensor.detach().clone()]
    return list(recording.record_collective(recording.gather_array, found.ranks, [tensor]).unbind(0))


def all_gather_into_tensor(output_tensor, input_tensor, group=None, async_op=False):
    """Write the tensors of all processes into one, in the order of their ranks.

    Args:
        output_tensor: (N·n, *) to concatenate or (N, n, *) to stack N tensors of shape (n, *).
    """
    check_tensor(input_tensor, "input_tensor")
    check_tensor(output_tensor, "output_tensor")
    _check_dtypes(output_tensor, input_tensor)
    if is_outside(group):
        return None
    found = group_of(group)
    if output_tensor.numel() != input_tensor.numel() * found.size():
        _check_sizes([output_tensor], input_tensor.shape, "allgather")
    if found.size() == 1:
        made = input_tensor.detach().clone()
    else:
        made = recording.record_collective(recording.gather_array, found.ranks, [input_tensor])
    recording.write(output_tensor, made.reshape(output_tensor.shape))
    return done(async_op, output_tensor)


all_gather_single = all_gather_into_tensor


def all_gather_coalesced(output_tensor_lists, input_tensor_list, group=None, async_op=False):
    """`all_gather` for several tensors."""
    if is_outside(group):
        return None
    for outputs, tensor in zip(output_tensor_lists, input_tensor_list, strict=True):
        all_gather(outputs, tensor, group)
    return done(async_op, output_tensor_lists)


def gather(tensor, gather_list=None, dst=None, group=None, async_op=False, group_dst=None):
    """Write the tensor of process i into `gather_list[i]`, in the process with rank `dst` (default: 0).

    Raises:
        ValueError: the list is missing there, or is given in another process.
    """
    check_tensor(tensor, "tensor")
    if is_outside(group):
        return None
    found = group_of(group)
    target = 0 if dst is None and group_dst is None else rank_of_root(found, dst, group_dst, "gather")
    if found.rank() == target and not gather_list:
        raise ValueError("Argument ``gather_list`` must be specified on destination rank.")
    if found.rank() != target and gather_list:
        raise ValueError("Argument ``gather_list`` must NOT be specified on non-destination ranks.")
    rows = _gathered(tensor, found)
    for place, row in zip(gather_list or (), rows, strict=False):
        recording.write(place, row)
    return done(async_op, gather_list or ())


def scatter(tensor, scatter_list=None, src=None, group=None, async_op=False, group_src=None):
    """Write `scatter_list[i]` of the process with rank `src` (default: 0) into the tensor of process i.

    Raises:
        ValueError: the list is missing there, or is given in another process.
        RuntimeError: a tensor of the list has another shape than `tensor`.
    """
    check_tensor(tensor, "tensor")
    if is_outside(group):
        return None
    found = group_of(group)
    source = 0 if src is None and group_src is None else rank_of_root(found, src, group_src, "scatter")
    if found.rank() == source:
        if not scatter_list:
            raise ValueError("Argument ``scatter_list`` must be specified on source rank.")
        _check_list(scatter_list, "scatter_list")
        _check_dtypes(tensor, *scatter_list)
        _check_sizes(scatter_list, tensor.shape, "scatter")
    elif scatter_list:
        raise ValueError("Argument ``scatter_list`` must NOT be specified on non-source ranks.")
    rows = recording.stacked(scatter_list or [tensor.detach()] * found.size())
    made = rows if found.size() == 1 else recording.record_collective(recording.exchange_rows, found.ranks, [rows])
    recording.write(tensor, made[source])
    return done(async_op, tensor)


def reduce_scatter(output, input_list, op=ReduceOp.SUM, group=None, async_op=False):
    """Reduce `input_list[i]` over the processes, and write the result into the output of process i."""
    check_tensor(output, "output")
    _check_list(input_list, "input_list")
    _check_dtypes(output, *input_list)
    if is_outside(group):
        return None
    _check_sizes(input_list, output.shape, "reduce_scatter")
    return _reduce_scatter(output, recording.stacked(input_list), op, group_of(group), async_op)


def reduce_scatter_tensor(output, input, op=ReduceOp.SUM, group=None, async_op=False):
    """Reduce a tensor of N equal parts over N processes, and write part i of the result into the output of process i.

    Raises:
        RuntimeError: the input has not N times as many elements as the output.
    """
    check_tensor(output, "output")
    check_tensor(input, "input")
    _check_dtypes(output, input)
    if is_outside(group):
        return None
    found = group_of(group)
    if input.numel() != output.numel() * found.size():
        raise RuntimeError(
            f"Check failed: outputShape[0] * worldSize == inputShape[0] ({output.shape[0]} vs. {input.shape[0]}). "
        )
    return _reduce_scatter(output, input.reshape(found.size(), *output.shape), op, found, async_op)


reduce_scatter_single = reduce_scatter_tensor


def _reduce_scatter(output, rows, op, found, async_op):
    if found.size() == 1:
        made = rows[0].detach().clone()
    else:
        made = recording.record_collective(recording.reduce_rows, found.ranks, [rows], op=recording.reduction_name(op))
    recording.write(output, made)
    return done(async_op, output)


def all_to_all(output_tensor_list, input_tensor_list, group=None, async_op=False):
    """Send tensor i of the list to process i, and receive tensor j of the other list from process j. Sizes may differ."""
    _check_list(output_tensor_list, "output_tensor_list")
    _check_list(input_tensor_list, "input_tensor_list")
    _check_dtypes(*output_tensor_list, *input_tensor_list)
    if is_outside(group):
        return None
    found = group_of(group)
    shapes = {t.shape for t in (*output_tensor_list, *input_tensor_list)}
    if len(shapes) == 1 and found.size() > 1:
        made = recording.record_collective(
            recording.exchange_rows, found.ranks, [recording.stacked(input_tensor_list)]
        ).unbind(0)
    else:
        made = _exchanged([t.reshape(-1) for t in input_tensor_list], [t.numel() for t in output_tensor_list], found)
    for target, row in zip(output_tensor_list, made, strict=True):
        recording.write(target, row.reshape(target.shape))
    return done(async_op, output_tensor_list)


def all_to_all_single(output, input, output_split_sizes=None, input_split_sizes=None, group=None, async_op=False):
    """Send part i of a tensor to process i, and receive part j of the output from process j.

    Args:
        output_split_sizes, input_split_sizes: sizes of the parts along the first dimension; None: equal parts.

    Raises:
        RuntimeError: the first dimension cannot be cut into equal parts.
    """
    check_tensor(output, "output")
    check_tensor(input, "input")
    _check_dtypes(output, input)
    if is_outside(group):
        return None
    found = group_of(group)
    n = found.size()
    if not output_split_sizes and not input_split_sizes:
        if input.shape[0] % n:
            raise RuntimeError("Tensor's dim 0 does not divide equally across group size")
        rows = input.reshape(n, input.shape[0] // n, *input.shape[1:])
        made = rows if n == 1 else recording.record_collective(recording.exchange_rows, found.ranks, [rows])
        recording.write(output, made.reshape(output.shape))
        return done(async_op, output)
    taken = output_split_sizes or [output.shape[0] // n] * n
    given = input_split_sizes or [input.shape[0] // n] * n
    row = input[0].numel() if input.shape[0] else output[0].numel()
    parts = [part.reshape(-1) for part in input.split(list(given))]
    made = _exchanged(parts, [size * row for size in taken], found)
    recording.write(output, recording.concatenated(made).reshape(output.shape))
    return done(async_op, output)


def _exchanged(parts, sizes, found):
    """Exchange flat tensors of any sizes. All are filled up to the longest one, whose size the processes find out first."""
    if found.size() == 1:
        return [parts[0].detach().clone()]
    longest = recording.count(max(*[p.numel() for p in parts], *sizes))
    most = int(recording.reduce_tensors([longest], ReduceOp.MAX, found.ranks)[0].item())
    rows = recording.stacked([recording.filled_up(p, most) for p in parts])
    made = recording.record_collective(recording.exchange_rows, found.ranks, [rows])
    return [row[:size] for row, size in zip(made.unbind(0), sizes, strict=True)]


def barrier(group=None, async_op=False, device_ids=None):
    """Wait until all processes of the group have called this."""
    if is_outside(group):
        return None
    found = group_of(group)
    flush_collectives()
    if found.size() > 1:
        recording.reduce_tensors([recording.count(0)], ReduceOp.SUM, found.ranks)[0].item()
    return done(async_op)


def monitored_barrier(group=None, timeout=None, wait_all_ranks=False):
    """Wait until all processes of the group have called this. The error of rank 0 names those that are late.

    Raises:
        RuntimeError: a process did not call it in time.
    """
    if is_outside(group):
        return
    found = group_of(group)
    flush_collectives()
    meet(found, found.timeout if timeout is None else timeout, wait_all_ranks)
