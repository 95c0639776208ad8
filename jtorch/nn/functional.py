"""`torch.nn.functional`: the functions of layers, gathered from the files of `jtorch.ops` that define them."""

from __future__ import annotations

from jtorch.ops import publish as _publish
from jtorch.ops.elementary import sigmoid, tanh

_publish(globals(), "activation", "layers", "loss", "conv", "pool", "normalization", "pad")

__all__ = ["sigmoid", "tanh"]
