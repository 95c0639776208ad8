"""torch.utils: what is neither mathematics nor a model."""

from jtorch.utils import checkpoint, data, dlpack
