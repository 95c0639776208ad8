"""`torch.backends`: switches that PyTorch programs set. A switch that means nothing to XLA keeps its value and has no effect."""

# Switches are never frozen; libraries wrap their settings in it.
from contextlib import nullcontext as __allow_nonbracketed_mutation

from jtorch.backends import cuda, cudnn, mkldnn, mps, openmp, quantized

__all__ = ["cuda", "cudnn", "mkldnn", "mps", "openmp", "quantized"]
