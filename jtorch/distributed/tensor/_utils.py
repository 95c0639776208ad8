"""Where a process's part of a spread tensor lies. No tensor is spread here."""


def compute_local_shape_and_global_offset(global_shape, mesh, placements, **options):
    """Raises NotImplementedError."""
    raise NotImplementedError("torch.distributed.tensor: jtorch does not spread a tensor over processes")
