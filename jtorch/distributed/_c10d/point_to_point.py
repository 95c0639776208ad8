"""`send`, `recv` and the others from one process to one other."""

from __future__ import annotations

from jtorch.distributed._c10d import recording
from jtorch.distributed._c10d.collectives import check_tensor
from jtorch.distributed._c10d.group import Work
from jtorch.distributed._c10d.process_groups import (
    get_global_rank,
    get_group_rank,
    get_rank,
    group_of,
    is_outside,
    rank_of_root,
)


class P2POp:
    """One `isend` or `irecv` of `batch_isend_irecv`."""

    def __init__(self, op, tensor, peer=None, group=None, tag=0, group_peer=None):
        if op not in (isend, irecv):
            raise ValueError(
                "Invalid ``op``. Expected ``op`` to be of type ``torch.distributed.isend`` or ``torch.distributed.irecv``."
            )
        check_tensor(tensor, "tensor")
        self.op, self.tensor, self.group, self.tag = op, tensor, group, tag
        self.group_peer = group_peer if peer is None else get_group_rank(group_of(group), peer)
        self.peer = get_global_rank(group_of(group), self.group_peer)


def send(tensor, dst=None, group=None, tag=0, group_dst=None):
    """Send a tensor to the process with rank `dst`, which receives it with `recv`.

    Raises:
        ValueError: `dst` is this process.
    """
    isend(tensor, dst, group, tag, group_dst)


def isend(tensor, dst=None, group=None, tag=0, group_dst=None):
    """Send a tensor. Returns a `Work`."""
    check_tensor(tensor, "tensor")
    if is_outside(group):
        return None
    found = group_of(group)
    target = rank_of_root(found, dst, group_dst, "send")
    if target == found.rank():
        raise ValueError(
            "Invalid destination rank: destination rank should not be the same as the rank of the current process."
        )
    members = found.global_rank, found.ranks[target]
    recording.record_collective(recording.move_array, members, [tensor], source=0, target=1)
    return Work([tensor])


def recv(tensor, src=None, group=None, tag=0, group_src=None) -> int:
    """Receive a tensor from the process with rank `src`. Returns that rank.

    Differs from torch: `src` must be given.
    """
    irecv(tensor, src, group, tag, group_src)
    return src if src is not None else get_global_rank(group_of(group), group_src)


def irecv(tensor, src=None, group=None, tag=0, group_src=None):
    """Receive a tensor. Returns a `Work`."""
    check_tensor(tensor, "tensor")
    if is_outside(group):
        return None
    if src is None and group_src is None:
        raise NotImplementedError("recv from any process: give `src`, the rank of the sender")
    found = group_of(group)
    source = rank_of_root(found, src, group_src, "recv")
    if source == found.rank():
        raise ValueError("Invalid source rank: source rank should not be the same as the rank of the current process.")
    members = found.ranks[source], found.global_rank
    recording.write(tensor, recording.record_collective(recording.move_array, members, [tensor], source=0, target=1))
    return Work([tensor])


def batch_isend_irecv(p2p_op_list) -> list:
    """Start several sends and receives together, ordered alike in all processes: two that both send first would wait for each other."""
    if not isinstance(p2p_op_list, list) or not all(isinstance(p, P2POp) for p in p2p_op_list):
        raise ValueError("Invalid ``p2p_op_list``. Each op is expected to to be of type ``torch.distributed.P2POp``.")

    def order(i):
        found = p2p_op_list[i]
        ends = (get_rank(), found.peer) if found.op is isend else (found.peer, get_rank())
        return min(ends), max(ends), ends, i

    works = [None] * len(p2p_op_list)
    for i in sorted(range(len(p2p_op_list)), key=order):
        p = p2p_op_list[i]
        works[i] = p.op(p.tensor, group=p.group, tag=p.tag, **{_PEER[p.op]: p.group_peer})
    return works


_PEER = {isend: "group_dst", irecv: "group_src"}
