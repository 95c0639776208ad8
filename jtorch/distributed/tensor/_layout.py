"""Which part of a tensor each process has, by the placements on a mesh. Computes shapes and offsets, and touches no tensor."""

from __future__ import annotations

import math
from typing import NamedTuple

from jtorch.distributed.tensor.placement_types import Partial, Placement, Replicate, Shard, StridedShard


def part_of(size, parts, number):
    """(start, length) of a part of a dimension, as `torch.chunk` cuts it: the last ones may be shorter, or empty."""
    length = math.ceil(size / parts)
    start = min(length * number, size)
    return start, min(length, size - start)


def shard_order(placements) -> list[int]:
    """The dimensions of the mesh that cut the tensor, in the order in which they cut it."""
    strided = [i for i, p in enumerate(placements) if isinstance(p, StridedShard)]
    return [i for i, p in enumerate(placements) if isinstance(p, Shard) and i not in strided] + strided


class Cut(NamedTuple):
    """A cut: by which dimension of the mesh, of which dimension of the tensor, the size before it, and this process's part."""

    mesh_dim: int
    dim: int
    size: int
    start: int
    length: int


def cuts(mesh, shape, placements, coordinate=None) -> list[Cut]:
    """The cuts that make this process's part, in their order."""
    here = mesh.get_coordinate() if coordinate is None else coordinate
    sizes, made = list(shape), []
    for i in shard_order(placements):
        dim = placements[i].dim
        start, length = part_of(sizes[dim], mesh.shape[i], here[i])
        made.append(Cut(i, dim, sizes[dim], start, length))
        sizes[dim] = length
    return made


def local_shape(mesh, shape, placements, coordinate=None) -> tuple[int, ...]:
    """The shape of this process's part."""
    sizes = list(shape)
    for cut in cuts(mesh, shape, placements, coordinate):
        sizes[cut.dim] = cut.length
    return tuple(sizes)


def local_offset(mesh, shape, placements, coordinate=None) -> tuple[int, ...]:
    """Where this process's part begins in the whole tensor."""
    starts = [0] * len(shape)
    for cut in cuts(mesh, shape, placements, coordinate):
        starts[cut.dim] += cut.start
    return tuple(starts)


def normalized(placements, ndim, mesh) -> tuple[Placement, ...]:
    """Placements as given by users, one for each dimension of the mesh, with dimensions from 0 on.

    Raises:
        ValueError: there are more or fewer placements than dimensions of the mesh, or a dimension is out of range.
    """
    placements = (Replicate(),) * mesh.ndim if placements is None else tuple(placements)
    if len(placements) != mesh.ndim:
        raise ValueError(
            f"`placements` must have the same length as `device_mesh.ndim`! Found placements length: {len(placements)}, "
            f"and device_mesh.ndim: {mesh.ndim}."
        )
    made = []
    for p in placements:
        if isinstance(p, Shard):
            if not -ndim <= p.dim < ndim:
                raise ValueError(f"{p!r}: the tensor has {ndim} dimensions")
            if p.dim < 0:
                p = Shard(p.dim + ndim)
        elif not isinstance(p, Replicate | Partial):
            raise RuntimeError(f"Placement type {type(p)} is not supported: give Shard, Replicate or Partial")
        made.append(p)
    return tuple(made)
