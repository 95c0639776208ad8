"""`torch.functional`: the functions of torch that PyTorch writes in Python. They are those of `torch` itself."""

__all__ = (
    "atleast_1d atleast_2d atleast_3d block_diag broadcast_shapes broadcast_tensors cartesian_prod cdist chain_matmul einsum "
    "meshgrid norm split tensordot unique unique_consecutive"
).split()
