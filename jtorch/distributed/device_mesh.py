"""`torch.distributed.device_mesh`: processes as a grid with named dimensions."""

from __future__ import annotations

import numpy as np

from jtorch.core.tensor import Tensor, tensor
from jtorch.distributed._c10d.group import GroupMember, ProcessGroup
from jtorch.distributed._c10d.process_groups import (
    get_rank,
    get_world_size,
    init_process_group,
    is_initialized,
    new_group,
)

__all__ = ["DeviceMesh", "init_device_mesh"]


class DeviceMesh:
    """Processes as a grid: each row along a dimension is a process group.

    Args:
        device_type: "cpu" or "cuda".
        mesh: the ranks, as nested lists or a tensor. Every process makes the same meshes in the same order.
        mesh_dim_names: names of the dimensions.

    Raises:
        RuntimeError: the mesh has more ranks than there are processes.
    """

    def __init__(
        self, device_type, mesh, *, mesh_dim_names=None, backend_override=None, _init_backend=True, _groups=None
    ):
        self.device_type = device_type
        self._ranks = np.array(mesh.tolist() if isinstance(mesh, Tensor) else mesh, dtype=np.int64)
        if self._ranks.ndim == 0:
            self._ranks = self._ranks.reshape(1)
        self.mesh_dim_names = None if mesh_dim_names is None else tuple(mesh_dim_names)
        if not is_initialized():
            init_process_group()
        if self._ranks.size > get_world_size():
            raise RuntimeError(
                f"Mesh should not be bigger than default world size {get_world_size()}, but found {self._ranks.size} ranks!"
            )
        self._root = None  # the mesh of which this is a part
        self._groups = _groups if _groups is not None else [self._group_along(d) for d in range(self._ranks.ndim)]

    def _group_along(self, dim):
        """The group of this process along a dimension. All processes make all groups of the dimension."""
        if self._ranks.ndim == 1 and self._ranks.size == get_world_size():
            return GroupMember.WORLD
        mine = None
        for row in np.moveaxis(self._ranks, dim, -1).reshape(-1, self._ranks.shape[dim]).tolist():
            made = new_group(row)
            if get_rank() in row:
                mine = made
        return mine

    @property
    def mesh(self):
        """The ranks as a tensor."""
        return tensor(self._ranks.tolist())

    @property
    def shape(self) -> tuple:
        return tuple(self._ranks.shape)

    @property
    def ndim(self) -> int:
        return self._ranks.ndim

    def size(self, mesh_dim=None) -> int:
        return int(self._ranks.size if mesh_dim is None else self._ranks.shape[self._number(mesh_dim)])

    def _number(self, dim):
        if isinstance(dim, str):
            if self.mesh_dim_names is None or dim not in self.mesh_dim_names:
                raise KeyError(
                    f"Mesh dimension '{dim}' does not exist. Available mesh dimensions are: {self.mesh_dim_names}"
                )
            return self.mesh_dim_names.index(dim)
        return dim

    def get_group(self, mesh_dim=None) -> ProcessGroup:
        """The process group of this process along a dimension."""
        return self._groups[self._only(mesh_dim)]

    def _only(self, dim):
        """The number of a dimension; None stands for the only one."""
        if dim is None and self.ndim > 1:
            raise RuntimeError(
                f"Found the DeviceMesh have {self.ndim} dimensions. "
                "Optional kwarg `mesh_dim` needs to be specified when device_mesh.ndim > 1."
            )
        return 0 if dim is None else self._number(dim)

    def get_all_groups(self) -> list:
        return list(self._groups)

    def get_coordinate(self):
        """The index of this process in the grid; None outside of it."""
        found = np.argwhere(self._ranks == get_rank())
        return None if not len(found) else [int(i) for i in found[0]]

    def get_rank(self) -> int:
        return get_rank()

    def get_local_rank(self, mesh_dim=None) -> int:
        """The rank of this process along a dimension."""
        return self.get_coordinate()[self._only(mesh_dim)]

    def __getitem__(self, names):
        """The part of the mesh along the named dimensions that contains this process."""
        if self.mesh_dim_names is None:
            raise RuntimeError("Cannot slice a DeviceMesh without mesh_dim_names!")
        names = (names,) if isinstance(names, str) else tuple(names)
        numbers = [self._number(name) for name in names]
        here = self.get_coordinate()
        index = tuple([slice(None) if d in numbers else here[d] for d in range(self.ndim)])
        ranks = self._ranks[index].transpose(np.argsort(np.argsort(numbers)))
        groups = [self._groups[d] for d in numbers]
        made = DeviceMesh(self.device_type, ranks.tolist(), mesh_dim_names=names, _groups=groups)
        made._root = self._root or self
        return made

    def _joined_with(self, other):
        """The mesh with the dimensions of this one and then those of another part of the same mesh.

        Raises:
            ValueError: they are not parts of one mesh with names.
        """
        if self._root is None or self._root != other._root:
            raise ValueError(f"{self} and {other} are not parts of one mesh: slice both from it by names")
        return self._root[(*self.mesh_dim_names, *other.mesh_dim_names)]

    def __eq__(self, other):
        if not isinstance(other, DeviceMesh):
            return False
        own = self.device_type, self.mesh_dim_names, self.shape, self._ranks.tobytes()
        return own == (other.device_type, other.mesh_dim_names, other.shape, other._ranks.tobytes())

    def __hash__(self):
        return hash((self.device_type, self.mesh_dim_names, self.shape, self._ranks.tobytes()))

    def __repr__(self):
        if self.mesh_dim_names is None:
            sizes = str(self.shape)
        else:
            sizes = "(" + ", ".join(f"{n}={s}" for n, s in zip(self.mesh_dim_names, self.shape, strict=True)) + ")"
        return f"DeviceMesh({sizes}, '{self.device_type}', stride={tuple(self._ranks.strides[d] // 8 for d in range(self.ndim))})"


def init_device_mesh(device_type, mesh_shape, *, mesh_dim_names=None, backend_override=None) -> DeviceMesh:
    """A mesh of all processes, in the order of their ranks. Without a process group it makes one, by `env://`.

    Raises:
        RuntimeError: the names are not one for each dimension, or the sizes are not those of the program.
    """
    if mesh_dim_names is not None:
        if len(set(mesh_dim_names)) != len(mesh_dim_names):
            raise RuntimeError(
                "Each mesh_dim_name must be unique.", f"Found repeated mesh_dim_name in mesh_dim_names {mesh_dim_names}"
            )
        if len(mesh_shape) != len(mesh_dim_names):
            raise RuntimeError(
                "mesh_shape and mesh_dim_names should have same length!",
                f"Found len(mesh_dim_names): {len(mesh_dim_names)} and len(mesh_shape):{len(mesh_shape)}.",
            )
    if not device_type.isalpha():
        raise RuntimeError(
            f"Device type with index is not supported but got {device_type}. ",
            "If you maintained a 'torch.device' object, it's recommended to pass in 'device.type'.",
        )
    ranks = np.arange(int(np.prod(mesh_shape))).reshape(tuple(mesh_shape))
    return DeviceMesh(device_type, ranks.tolist(), mesh_dim_names=mesh_dim_names)
