"""`torch.backends`: switches that PyTorch programs set. Those that mean nothing to XLA are kept and read back."""

from jtorch.backends import cuda, cudnn, mkldnn, mps, openmp

__all__ = ["cuda", "cudnn", "mkldnn", "mps", "openmp"]
