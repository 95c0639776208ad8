"""`torch.nn.functional`: the functions of layers, gathered from the files of `jtorch.ops` that define them."""

from __future__ import annotations

from jtorch.ops import activation as _activation
from jtorch.ops import layers as _layers
from jtorch.ops import loss as _loss
from jtorch.ops import publish as _publish
from jtorch.ops.elementary import sigmoid, tanh

_publish(globals(), _activation, _layers, _loss)

import importlib as _importlib  # noqa: E402

for _name in ("conv", "pool", "normalization", "resize", "attention", "pad"):
    try:
        _publish(globals(), _importlib.import_module("jtorch.ops." + _name))
    except ModuleNotFoundError as _error:
        if not _error.name.startswith("jtorch.ops."):
            raise
__all__ = ["sigmoid", "tanh"]
