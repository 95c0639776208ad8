"""`torch.backends`: switches that PyTorch programs set. A switch that means nothing to XLA keeps its value and has no effect."""

from jtorch.backends import cuda, cudnn, mkldnn, mps, openmp

__all__ = ["cuda", "cudnn", "mkldnn", "mps", "openmp"]
