"""Versions: jtorch's own, and the PyTorch whose behaviour it has (what programs compare `torch.__version__` with)."""

jtorch = "0.1.0"
__version__ = "2.13.0"
torchvision = "0.28.0"
cuda = None
hip = None
debug = False
git_version = "jtorch"
