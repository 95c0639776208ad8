"""`torch.distributed.tensor._utils`: which part of a tensor this process has, under PyTorch's path."""

from jtorch.distributed.tensor._layout import local_offset, local_shape

__all__ = ["compute_local_shape_and_global_offset"]


def compute_local_shape_and_global_offset(global_shape, mesh, placements, skip_offset=False) -> tuple:
    """(shape of this process's part, where it begins in the whole tensor); ((0,), ()) outside of the mesh.

    Args:
        global_shape: the shape of the whole tensor.
        mesh: a `DeviceMesh`.
        placements: one for each dimension of the mesh.
        skip_offset: return () in place of where it begins.
    """
    if mesh.get_coordinate() is None:
        return (0,), ()
    return local_shape(mesh, global_shape, placements), () if skip_offset else local_offset(
        mesh, global_shape, placements
    )
