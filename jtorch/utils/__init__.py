"""torch.utils: data loading, checkpointing and other tools."""

from jtorch.utils import checkpoint, data, dlpack
